#include "limit/flows.h"

#include <algorithm>
#include <array>

namespace sipward::limit {

std::size_t Flows::bytes_for(std::size_t capacity) {
  return Arena::bytes_for<Entry>(capacity) + Chains::bytes_for(capacity) + TimerWheel::bytes_for(capacity) +
         Owners::bytes_for(capacity);
}

Flows::Flows(std::size_t capacity)
    : arena_(bytes_for(std::max<std::size_t>(capacity, 1))),
      entries_(arena_.cut<Entry>(std::max<std::size_t>(capacity, 1))),
      by_key_(arena_, entries_.size()),
      wheel_(arena_, entries_.size()),
      owners_(arena_, entries_.size()) {}

std::uint64_t Flows::hash_of(const Address& source, std::uint16_t port) const {
  std::array<std::byte, 19> key{static_cast<std::byte>(port >> 8U), static_cast<std::byte>(port & 0xffU)};
  std::ranges::copy(source.key(), key.begin() + 2);
  return hash_(key);
}

Flows::Index Flows::find(std::uint64_t hash, const Address& source, std::uint16_t port) const {
  return by_key_.find(hash, [&](Index index) {
    return entries_[index].port == port && owners_.address_of(entries_[index].owner) == source;
  });
}

Flows::Held Flows::hold(const Address& source, std::uint16_t port, const Caps& caps, Instant now) {
  expire(now);
  const std::uint64_t hash = hash_of(source, port);
  if (const Index known = find(hash, source, port); known != Chains::kNone) {
    entries_[known].seen_s = wheel_.now_s();
    return Held::held;
  }
  switch (owners_.room(source, caps)) {
    case Owners::Room::address_full:
      return Held::over_address;
    case Owners::Room::prefix_full:
      return Held::over_prefix;
    case Owners::Room::enough:
      break;
  }
  const Index index = by_key_.add(hash);
  if (index == Chains::kNone) return Held::full;
  entries_[index] = {owners_.add(source), wheel_.now_s(), port};
  wheel_.arm(index, kIdle_s);
  ++size_;
  return Held::held;
}

// A flow that was seen since it was armed is armed again for the rest, so that a packet need not move it.
void Flows::expire(Instant now) {
  wheel_.advance(now, [this](Index index) {
    const std::uint32_t silent_s = wheel_.now_s() - entries_[index].seen_s;
    if (silent_s > kIdle_s)
      forget(index);
    else
      wheel_.arm(index, kIdle_s - silent_s);
  });
}

void Flows::forget(Index index) {
  const Entry& entry = entries_[index];
  by_key_.remove(hash_of(owners_.address_of(entry.owner), entry.port), index);
  owners_.remove(entry.owner);
  --size_;
}

}  // namespace sipward::limit
