// Addresses and nets as set elements.
#pragma once

#include <span>
#include <vector>

#include "base/ranges.h"
#include "enforce/nft_objects.h"

namespace sipward::enforce {

// The hosts of `family` among `entries`; entries that have expired at `now` are left out.
[[nodiscard]] std::vector<Element> host_elements(std::span<const TimedPrefix> entries, Family family,
                                                 WallTime now);
// The nets of `family` and exactly that length, each by its base; those that have expired are left out.
[[nodiscard]] std::vector<Element> prefix_elements(std::span<const TimedPrefix> entries, Family family,
                                                   unsigned length, WallTime now);
// The nets of `family`, overlaps resolved.
[[nodiscard]] std::vector<Element> net_elements(std::span<const TimedPrefix> entries, Family family,
                                                WallTime now);
[[nodiscard]] Element host_element(const Address& address);

}  // namespace sipward::enforce
