// Overlapping nets, each with an end of its own, as the disjoint ranges that an interval set can hold.
#pragma once

#include <optional>
#include <span>
#include <vector>

#include "base/address.h"
#include "base/clock.h"

namespace sipward {

struct TimedPrefix {
  Prefix prefix;
  std::optional<WallTime> expires;  // nothing: for ever
  friend bool operator==(const TimedPrefix&, const TimedPrefix&) = default;
};

// Both ends included.
struct TimedRange {
  Address first;
  Address last;
  std::optional<WallTime> expires;
  friend bool operator==(const TimedRange&, const TimedRange&) = default;
};

// The union of `prefixes` of one family, sorted and disjoint; where several cover an address the latest end
// wins, and neighbours with the same end are one range. nftables interval sets refuse overlaps, operators do
// not.
[[nodiscard]] std::vector<TimedRange> disjoint_ranges(std::span<const TimedPrefix> prefixes, Family family);

}  // namespace sipward
