// IPv4 and IPv6 headers and the Internet checksum (RFC 791, RFC 8200, RFC 1071). For the .cc files of
// lib/inject alone.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include "base/address.h"

namespace sipward::inject {

inline void put16(std::span<std::byte> at, std::size_t value) {
  at[0] = static_cast<std::byte>(value >> 8U);
  at[1] = static_cast<std::byte>(value);
}

inline void put32(std::span<std::byte> at, std::uint32_t value) {
  put16(at, value >> 16U);
  put16(at.subspan(2), value & 0xffffU);
}

// The sum of 16-bit words, not folded yet; `start` is a sum of bytes before. An odd last byte is the high
// half of a word. At most one packet's worth in all.
[[nodiscard]] std::uint32_t sum(std::span<const std::byte> bytes, std::uint32_t start = 0);
[[nodiscard]] std::uint16_t checksum(std::uint32_t sum);

// Of a packet without options or extension headers. Both addresses are of one family.
struct IpHeader {
  const Address& from;
  const Address& to;
  std::uint8_t protocol = 0;
  std::size_t length = 0;        // of what follows the header
  std::uint16_t id = 0;          // IPv4 alone; 0: a raw socket fills it in (raw(7))
  std::uint16_t place = 0x4000;  // IPv4 alone: flags and fragment offset; at first "don't fragment"
};

[[nodiscard]] constexpr std::size_t ip_header_size(Family family) {
  return family == Family::ipv4 ? 20 : 40;
}
// Into the first ip_header_size() bytes, which are zeros.
void put_ip(std::span<std::byte> packet, const IpHeader& header);

// The sum of the pseudo-header that TCP and UDP put before themselves (RFC 9293, section 3.1; RFC 8200, 8.1).
[[nodiscard]] std::uint32_t pseudo_header_sum(const IpHeader& header);

}  // namespace sipward::inject
