// A hash for tables that strangers fill: keyed at random, so that nobody can choose colliding keys.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>

namespace sipward {

// SipHash-1-3 (Aumasson, Bernstein: "SipHash: a fast short-input PRF", 2012; the 1-3 variant is the one
// language run-times use for tables). A hash never identifies a key: compare the key itself.
class KeyedHash {
 public:
  // A key from the kernel's random generator.
  KeyedHash();
  KeyedHash(std::uint64_t k0, std::uint64_t k1) : k0_(k0), k1_(k1) {}

  [[nodiscard]] std::uint64_t operator()(std::span<const std::byte> bytes) const;

 private:
  std::uint64_t k0_;
  std::uint64_t k1_;
};

}  // namespace sipward
