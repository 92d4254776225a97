#include "limit/offences.h"

#include <limits>

#include "limit/table_time.h"

namespace sipward::limit {
namespace {

constexpr std::uint32_t kWhatBits = 0x7fffffffU;  // as many as an entry has

std::uint32_t quarter_ms(std::chrono::milliseconds window) {
  return static_cast<std::uint32_t>(std::max<std::int64_t>(window.count() / 4, 1));
}

std::uint32_t quarter_of(Instant at, std::uint32_t quarter) {
  const auto ms = std::chrono::floor<std::chrono::milliseconds>(at.time_since_epoch()).count();
  return static_cast<std::uint32_t>(ms / quarter);
}

Ticks age(Ticks at, Ticks now) {
  return static_cast<Ticks>(std::max(static_cast<std::int32_t>(now - at), 0));
}

Ticks ticks_in(std::chrono::milliseconds window) {
  return static_cast<Ticks>(TickDuration(window).count());
}

}  // namespace

void WindowCount::add(Instant at, std::chrono::milliseconds window, Instant now) {
  const std::uint32_t current = quarter_of(now, quarter_ms(window));
  if (quarter_ms_ != quarter_ms(window)) *this = {};
  quarter_ms_ = quarter_ms(window);
  while (newest_ < current) {
    if (current - newest_ > kQuarters) newest_ = current - kQuarters;
    counts_[++newest_ % kQuarters] = 0;
  }
  const std::uint32_t quarter = quarter_of(at, quarter_ms_);
  if (newest_ - quarter >= kQuarters) return;
  std::uint16_t& count = counts_[quarter % kQuarters];
  count = static_cast<std::uint16_t>(std::min<std::uint32_t>(count + 1U, UINT16_MAX));
}

unsigned WindowCount::count(std::chrono::milliseconds window, Instant now) const {
  if (quarter_ms_ != quarter_ms(window)) return 0;
  const std::uint32_t current = std::max(quarter_of(now, quarter_ms_), newest_);
  unsigned sum = 0;
  for (std::uint32_t back = current - newest_; back < kQuarters; ++back)
    sum += counts_[(current - back) % kQuarters];
  return sum;
}

// Ticks may be compared only while it is not.
template <std::size_t kExact>
bool Offences<kExact>::is_over(std::chrono::milliseconds window, Instant now) const {
  return last_ == Instant{} || now - last_ >= window;
}

template <std::size_t kExact>
bool Offences<kExact>::is_within(const One& one, std::chrono::milliseconds window, Instant now) const {
  return age(one.at, ticks_of(now)) < ticks_in(window);
}

template <std::size_t kExact>
void Offences<kExact>::forget_old(std::chrono::milliseconds window, Instant now) {
  if (is_over(window, now)) {
    size_ = 0;
    return;
  }
  const auto old = [&](const One& one) { return !is_within(one, window, now); };
  const auto end = std::remove_if(ones_.begin(), ones_.begin() + size_, old);
  size_ = static_cast<std::uint32_t>(end - ones_.begin());
}

// The one to be told apart no longer: what anybody may have done, so that it hides nothing that was proven;
// of these, what was seen longest ago.
template <std::size_t kExact>
auto Offences<kExact>::least(Ticks now) -> One* {
  return std::min_element(ones_.data(), ones_.data() + kExact, [&](const One& a, const One& b) {
    return a.proven != b.proven ? a.proven < b.proven : age(a.at, now) > age(b.at, now);
  });
}

template <std::size_t kExact>
unsigned Offences<kExact>::add(std::uint32_t what, std::chrono::milliseconds window, Instant now,
                               bool proven) {
  forget_old(window, now);
  last_ = std::max(last_, now);
  what &= kWhatBits;
  const Ticks ticks = ticks_of(now);
  One* end = ones_.data() + size_;
  One* place = std::find_if(ones_.data(), end, [&](const One& one) { return one.what == what; });
  const bool held = place != end;
  if (!held && size_ == kExact) {
    place = least(ticks);
    if (place->proven != 0 && !proven) {
      others_.add(now, window, now);
      return count(window, now);
    }
    others_.add(now - std::chrono::duration_cast<Instant::duration>(TickDuration(age(place->at, ticks))),
                window, now);
  } else if (!held) {
    ++size_;
  }
  proven |= held && place->proven != 0;
  *place = {.what = what & kWhatBits, .proven = proven ? 1U : 0U, .at = ticks};
  return count(window, now);
}

template <std::size_t kExact>
unsigned Offences<kExact>::count(std::chrono::milliseconds window, Instant now) const {
  if (is_over(window, now)) return 0;
  const auto within = [&](const One& one) { return is_within(one, window, now); };
  const auto exact = std::count_if(ones_.begin(), ones_.begin() + size_, within);
  return static_cast<unsigned>(exact) + others_.count(window, now);
}

template <std::size_t kExact>
unsigned Offences<kExact>::proven(std::chrono::milliseconds window, Instant now) const {
  if (is_over(window, now)) return 0;
  const auto counts = [&](const One& one) { return one.proven != 0 && is_within(one, window, now); };
  return static_cast<unsigned>(std::count_if(ones_.begin(), ones_.begin() + size_, counts));
}

template class Offences<12>;
template class Offences<16>;
template class Offences<24>;

}  // namespace sipward::limit
