// IP packets with headers of our own making, out into the network or to this host (raw(7), ipv6(7)).
#pragma once

#include <cstddef>
#include <span>

#include "base/address.h"
#include "base/handle.h"
#include "base/result.h"

namespace sipward::inject {

// Any thread. Needs CAP_NET_RAW.
class RawSender {
 public:
  // `denied` without the capability. A kernel without IPv6 leaves only IPv4 to be sent.
  [[nodiscard]] static Result<RawSender> open();

  // Sends a whole IP packet by the routes of this host, without waiting. False: the kernel did not take it.
  [[nodiscard]] bool send(std::span<const std::byte> packet, const Address& destination) const;

 private:
  RawSender(Fd v4, Fd v6) : v4_(std::move(v4)), v6_(std::move(v6)) {}

  Fd v4_;
  Fd v6_;
};

}  // namespace sipward::inject
