// Hashes nets for tables that strangers fill.
#pragma once

#include <algorithm>
#include <array>

#include "base/address.h"
#include "base/keyed_hash.h"

namespace sipward::enforce {

// Keyed at random, each one with a key of its own.
struct PrefixHash {
  std::size_t operator()(const Prefix& net) const {
    std::array<std::byte, 18> key{};
    std::ranges::copy(net.base().key(), key.begin());
    key[17] = static_cast<std::byte>(net.length());
    return keyed(key);
  }
  KeyedHash keyed;
};

}  // namespace sipward::enforce
