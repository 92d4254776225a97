#include "limit/prefix_table.h"

#include <algorithm>

namespace sipward::limit {
namespace {

bool limits(const Rates& rates, Group group) {
  return rates.of(group).limited() || rates.requests.limited() || rates.sustained.limited();
}

// As far as `group` needs it.
Rates widened(const Rates& rates, Group group) {
  Rates wide{rates.requests.times(kWideFactor), rates.sustained.times(kWideFactor), {}};
  wide.by_group[static_cast<std::size_t>(group)] = rates.of(group).times(kWideFactor);
  return wide;
}

Excess as_of_prefix(Excess excess) {
  switch (excess) {
    case Excess::group:
      return Excess::prefix_group;
    case Excess::requests:
      return Excess::prefix_requests;
    case Excess::sustained:
      return Excess::prefix_sustained;
    default:
      return excess;
  }
}

template <std::size_t kBytes>
std::array<std::byte, kBytes> first_bytes(const Address& address) {
  std::array<std::byte, kBytes> key{};
  std::ranges::copy(address.bytes().template first<kBytes>(), key.begin());
  return key;
}

// Zeros after the key's bytes.
template <std::size_t kBytes>
Prefix to_prefix(const std::array<std::byte, kBytes>& key) {
  constexpr std::size_t kAddressBytes = kBytes == 3 ? 4 : 16;
  std::array<std::byte, kAddressBytes> bytes{};
  std::ranges::copy(key, bytes.begin());
  if constexpr (kAddressBytes == 4)
    return {Address::v4(bytes), 24};
  else
    return {Address::v6(bytes), kBytes * 8};
}

}  // namespace

// Of 16 parts: 8 for the /24s, 3 for the /64s, 2 for the /48s, the rest for records.
PrefixTable::Sizes::Sizes(std::size_t bytes)
    : groups24(Table<3>::groups_in(bytes / 16 * 8)),
      groups64(Table<8>::groups_in(bytes / 16 * 3)),
      groups48(Table<6>::groups_in(bytes / 16 * 2)),
      records(Records::count_in(bytes / 16 * 3)) {}

PrefixTable::PrefixTable(Arena& arena, std::size_t bytes)
    : prefixes24_(arena, Sizes(bytes).groups24),
      prefixes64_(arena, Sizes(bytes).groups64),
      prefixes48_(arena, Sizes(bytes).groups48),
      records_(arena, Sizes(bytes).records) {}

std::size_t PrefixTable::bytes_for(std::size_t bytes) {
  const Sizes sizes(bytes);
  return Table<3>::bytes_for(sizes.groups24) + Table<8>::bytes_for(sizes.groups64) +
         Table<6>::bytes_for(sizes.groups48) + Records::bytes_for(sizes.records);
}

std::size_t PrefixTable::capacity() const {
  return prefixes24_.capacity() + prefixes64_.capacity() + prefixes48_.capacity();
}

std::uint64_t PrefixTable::evictions() const {
  return prefixes24_.evictions() + prefixes64_.evictions() + prefixes48_.evictions();
}

Worth PrefixTable::Record::worth(Instant now) const {
  return is_recent(offenders.last(), kOffencesKept, now) ? Worth::offences : Worth::nothing;
}

template <std::size_t kBytes>
PrefixTable::State& PrefixTable::touch(Table<kBytes>& table, const Address& member, Instant now) {
  const TableTime time = table_time(now);
  const auto worth = [&](const State& state) {
    if (is_recent(instant_of(state.exceeded), kStreakGap, now)) return Worth::held;
    return state.record == 0 ? Worth::nothing : records_.at(state.record).worth(now);
  };
  const auto [state, before] = table.touch(first_bytes<kBytes>(member), time.eighths, worth);
  if (before != 0) {
    state.meter.keep(before, time);
    return state;
  }
  if (state.record != 0) records_.release(state.record);
  return state = State{.meter = Meter(time.ticks)};
}

Excess PrefixTable::excess(const Address& member, Group group, const Rates& rates, Instant now) {
  if (!limits(rates, group)) return Excess::none;
  const TableTime time = table_time(now);
  const bool ipv4 = member.family() == Family::ipv4;
  State& narrow = ipv4 ? touch(prefixes24_, member, now) : touch(prefixes64_, member, now);
  State* wide = ipv4 ? nullptr : &touch(prefixes48_, member, now);
  const Rates wide_rates = wide ? widened(rates, group) : Rates{};
  const Excess narrow_excess = narrow.meter.excess(rates, group, time.ticks);
  const Excess wide_excess = wide ? wide->meter.excess(wide_rates, group, time.ticks) : Excess::none;
  if (narrow_excess != Excess::none) narrow.exceeded = time.eighths;
  if (wide_excess != Excess::none) wide->exceeded = time.eighths;
  if (narrow_excess != Excess::none) return as_of_prefix(narrow_excess);
  return as_of_prefix(wide_excess);
}

void PrefixTable::charge(const Address& member, Group group, const Rates& rates, Instant now) {
  if (!limits(rates, group)) return;
  const Ticks ticks = table_time(now).ticks;
  const bool ipv4 = member.family() == Family::ipv4;
  State& narrow = ipv4 ? touch(prefixes24_, member, now) : touch(prefixes64_, member, now);
  narrow.meter.charge(rates, group, ticks);
  if (!ipv4) touch(prefixes48_, member, now).meter.charge(widened(rates, group), group, ticks);
}

PrefixOffences PrefixTable::note_offence(const Address& member, std::chrono::milliseconds window,
                                         Instant now) {
  if (member.family() == Family::ipv4)
    return {note(touch(prefixes24_, member, now), member, window, now), {}};
  return {note(touch(prefixes64_, member, now), member, window, now),
          note(touch(prefixes48_, member, now), member.masked(64), window, now)};
}

PrefixOffences::Of PrefixTable::note(State& state, const Address& offender, std::chrono::milliseconds window,
                                     Instant now) {
  if (state.record == 0) state.record = records_.take(state, now, [](State& owner) { owner.record = 0; });
  Record& record = records_.use(state.record, now);
  record.offences.add(now, window, now);
  const auto offender_hash = static_cast<std::uint32_t>(member_hash_(offender.bytes()));
  const unsigned offenders = record.offenders.add(offender_hash, window, now);
  return {record.offences.count(window, now), offenders};
}

Prefix PrefixTable::prefix_of(const State& state) const {
  if (prefixes24_.holds(state)) return to_prefix(prefixes24_.key_of(state));
  if (prefixes64_.holds(state)) return to_prefix(prefixes64_.key_of(state));
  return to_prefix(prefixes48_.key_of(state));
}

void PrefixTable::forgive(const Prefix& net) {
  records_.for_each([&](Record& record, const State& owner) {
    if (net.overlaps(prefix_of(owner))) record = {};
  });
}

}  // namespace sipward::limit
