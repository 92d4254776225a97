// How wide a whitelisted net may be: the same answer in the CLI (before a file is imported) and in the
// daemon.
#pragma once

#include "base/address.h"
#include "base/result.h"

namespace sipward::control {

// The shortest prefixes that may be whitelisted: a /8 is the largest block ever assigned to one holder in
// IPv4, and no provider holds more than a /16 in IPv6. Anything wider means "switch the shield off", and
// there is a mode for that.
inline constexpr unsigned kWhitelistLengthMinV4 = 8;
inline constexpr unsigned kWhitelistLengthMinV6 = 16;

// `refused` with what to do instead when `net` is too wide.
[[nodiscard]] inline Result<void> check_whitelist_net(const Prefix& net) {
  const unsigned length_min = net.family() == Family::ipv4 ? kWhitelistLengthMinV4 : kWhitelistLengthMinV6;
  if (net.length() >= length_min) return {};
  return fail(ErrorKind::refused,
              "{} is wider than /{} and would switch the shield off for too many; to let everything pass and "
              "only count, "
              "use: sipward mode observe",
              net.to_string(), length_min);
}

}  // namespace sipward::control
