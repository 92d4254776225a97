// The addresses of this host.
#pragma once

#include <vector>

#include "base/address.h"

namespace sipward::shield {

[[nodiscard]] std::vector<Address> own_addresses();

}  // namespace sipward::shield
