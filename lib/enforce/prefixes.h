// The nets that are banned as one for what their hosts did: those that providers give to one customer.
#pragma once

#include <algorithm>
#include <array>

#include "base/address.h"

namespace sipward::enforce {

struct PrefixLength {
  Family family;
  unsigned length;
};

inline constexpr std::array kPrefixLengths{PrefixLength{Family::ipv4, 24}, PrefixLength{Family::ipv6, 48},
                                           PrefixLength{Family::ipv6, 64}};

[[nodiscard]] constexpr bool is_prefix_length(Family family, unsigned length) {
  return std::ranges::any_of(kPrefixLengths, [&](const PrefixLength& prefix) {
    return prefix.family == family && prefix.length == length;
  });
}

}  // namespace sipward::enforce
