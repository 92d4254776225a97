// Times, addresses and chance for the tests of this folder.
#pragma once

#include <array>
#include <chrono>
#include <cstdint>
#include <random>
#include <string_view>

#include "base/address.h"
#include "base/clock.h"
#include "limit/source_table.h"

namespace sipward::limit {

using std::chrono::hours;
using std::chrono::microseconds;
using std::chrono::milliseconds;
using std::chrono::seconds;

// Some time after the clock's zero, which stands for "never".
inline Instant at(std::chrono::microseconds time) {
  return Instant(hours(1) + time);
}

// One tick, the shortest time that is told apart.
inline constexpr microseconds kTick{100};

// 10.0.0.0 and the following.
inline Address ipv4(std::uint32_t number) {
  std::array<std::byte, 4> bytes{std::byte{10}};
  for (std::size_t i = 1; i < 4; ++i) bytes[i] = static_cast<std::byte>(number >> (24 - 8 * i) & 0xffU);
  return Address::v4(bytes);
}

// Of any net: all 32 bits are the number's.
inline Address any_ipv4(std::uint32_t number) {
  std::array<std::byte, 4> bytes{};
  for (std::size_t i = 0; i < 4; ++i) bytes[i] = static_cast<std::byte>(number >> (24 - 8 * i) & 0xffU);
  return Address::v4(bytes);
}

// A /64 each: 2001:db8:HHHH:LLLL::1.
inline Address ipv6(std::uint32_t number) {
  std::array<std::byte, 16> bytes{std::byte{0x20}, std::byte{0x01}, std::byte{0x0d}, std::byte{0xb8}};
  for (std::size_t i = 0; i < 4; ++i) bytes[4 + i] = static_cast<std::byte>(number >> (24 - 8 * i) & 0xffU);
  bytes[15] = std::byte{1};
  return Address::v6(bytes);
}

inline Address parse(std::string_view text) {
  return Address::parse(text).value();
}
inline Prefix net(std::string_view text) {
  return Prefix::parse(text).value();
}

// Charges one request if there is room for it; which rate it would exceed.
inline Excess charge(SourceTable& table, const Address& address, Source& source, Group group,
                     const Allowance& allowance, Instant now) {
  const Excess excess = table.excess(address, source, group, allowance, now);
  if (excess == Excess::none) table.charge(address, source, group, allowance, now);
  return excess;
}

// The same numbers for the same seed, everywhere.
class Random {
 public:
  explicit Random(unsigned seed) : engine_(seed) {}
  // From 0 on, less than `end`.
  unsigned below(unsigned end) { return static_cast<unsigned>(engine_() % end); }
  [[nodiscard]] bool one_in(unsigned n) { return below(n) == 0; }

 private:
  std::mt19937 engine_;
};

}  // namespace sipward::limit
