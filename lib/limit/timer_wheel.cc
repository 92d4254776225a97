#include "limit/timer_wheel.h"

#include <algorithm>

namespace sipward::limit {

std::uint32_t TimerWheel::seconds_of(Instant now) {
  const auto since_start = std::chrono::floor<std::chrono::seconds>(now.time_since_epoch()).count();
  return static_cast<std::uint32_t>(std::clamp<std::int64_t>(since_start, 0, UINT32_MAX));
}

void TimerWheel::arm(Index index, std::uint32_t life_s) {
  const std::uint32_t slot = (now_s_ + life_s + 1) % kSlots;
  Index& first = slots_[slot];
  links_[index] = {first, 0, slot};
  if (first != 0) links_[first - 1].previous = index + 1;
  first = index + 1;
}

void TimerWheel::disarm(Index index) {
  const Links links = links_[index];
  (links.previous != 0 ? links_[links.previous - 1].next : slots_[links.slot]) = links.next;
  if (links.next != 0) links_[links.next - 1].previous = links.previous;
}

}  // namespace sipward::limit
