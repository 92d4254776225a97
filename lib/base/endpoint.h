// An address and a port: one end of a UDP flow or a TCP connection.
#pragma once

#include <cstdint>

#include "base/address.h"

namespace sipward {

struct Endpoint {
  Address address;
  std::uint16_t port = 0;
  friend bool operator==(const Endpoint&, const Endpoint&) = default;
};

}  // namespace sipward
