// How much a source of some class may do. Plain values; the settings have them.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "limit/rate.h"

namespace sipward::limit {

// What is charged apart from each other.
enum class Group : std::uint8_t { register_, invite, other, not_sip };
inline constexpr std::size_t kGroups = 4;

[[nodiscard]] constexpr std::string_view to_string(Group group) {
  constexpr std::array<std::string_view, kGroups> kNames{"REGISTER", "INVITE", "other", "not SIP"};
  return kNames[static_cast<std::size_t>(group)];
}

// Of one address, or of one prefix. A rate that is made of nothing does not limit.
struct Rates {
  Rate requests;                         // of all groups together, short-term
  Rate sustained;                        // of all groups together, over a longer time
  std::array<Rate, kGroups> by_group{};  // by Group
  [[nodiscard]] constexpr const Rate& of(Group group) const {
    return by_group[static_cast<std::size_t>(group)];
  }
  friend constexpr bool operator==(const Rates&, const Rates&) = default;
};

// How many at once; 0 is no cap.
struct Caps {
  unsigned address = 0;
  unsigned prefix = 0;  // IPv4: /24; IPv6: /64
  friend constexpr bool operator==(const Caps&, const Caps&) = default;
};

// Of a class of sources.
struct Allowance {
  Rates address;
  Rates prefix;  // IPv4: of a /24; IPv6: of a /64, and a /48 has kWideFactor times as much
  Rate packets;  // of any kind from one address; what is over it is a flood
  Caps flows;    // source ports at once
  Caps open;     // open transactions and dialogs
  friend constexpr bool operator==(const Allowance&, const Allowance&) = default;
};

inline constexpr std::uint32_t kWideFactor = 4;

// Which rate was exceeded: the first of them in this order.
enum class Excess : std::uint8_t {
  none,
  group,
  requests,
  sustained,
  prefix_group,
  prefix_requests,
  prefix_sustained
};
inline constexpr std::size_t kExcesses = 7;

// Whether the source's neighbours have used up what there was, and not the source alone.
[[nodiscard]] constexpr bool is_of_prefix(Excess excess) {
  return excess >= Excess::prefix_group;
}

[[nodiscard]] constexpr std::string_view to_string(Excess excess) {
  constexpr std::array<std::string_view, kExcesses> kNames{"none",
                                                           "method rate",
                                                           "request rate",
                                                           "sustained rate",
                                                           "prefix's method rate",
                                                           "prefix's request rate",
                                                           "prefix's sustained rate"};
  return kNames[static_cast<std::size_t>(excess)];
}

}  // namespace sipward::limit
