// IP packets made by hand, field by field.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "unit/base/nets.h"

namespace sipward::test {

using Packet = std::vector<std::byte>;

constexpr std::uint8_t kTcp = 6;
constexpr std::uint8_t kUdp = 17;

inline void put8(Packet& packet, std::size_t value) {
  packet.push_back(static_cast<std::byte>(value & 0xffU));
}
inline void put16(Packet& packet, std::size_t value) {
  put8(packet, value >> 8U);
  put8(packet, value);
}
inline void append(Packet& packet, std::span<const std::byte> bytes) {
  packet.insert(packet.end(), bytes.begin(), bytes.end());
}
inline void append(Packet& packet, std::string_view text) {
  append(packet, std::as_bytes(std::span(text)));
}
inline void set8(Packet& packet, std::size_t at, std::size_t value) {
  packet.at(at) = static_cast<std::byte>(value & 0xffU);
}
inline void set16(Packet& packet, std::size_t at, std::size_t value) {
  set8(packet, at, value >> 8U);
  set8(packet, at + 1, value);
}

inline Packet udp(std::string_view payload, std::uint16_t from = 5061, std::uint16_t to = 5060) {
  Packet packet;
  for (const std::size_t field : {std::size_t{from}, std::size_t{to}, 8 + payload.size(), std::size_t{0}})
    put16(packet, field);
  append(packet, payload);
  return packet;
}

// `options` in words of 4 bytes.
inline Packet tcp(std::string_view payload, std::size_t options = 0, std::uint16_t from = 5061,
                  std::uint16_t to = 5060) {
  Packet packet;
  for (const std::size_t field :
       {std::size_t{from}, std::size_t{to}, std::size_t{1}, std::size_t{2}, std::size_t{3}, std::size_t{4}})
    put16(packet, field);
  put8(packet, (5 + options) << 4U);
  put8(packet, 0x18);
  packet.resize(20 + options * 4, std::byte{1});
  append(packet, payload);
  return packet;
}

inline Packet ipv4(std::uint8_t protocol, const Packet& upper, std::string_view source = "198.51.100.7",
                   std::string_view destination = "192.0.2.1", std::size_t options = 0) {
  Packet packet;
  put8(packet, 0x40 | (5 + options));
  put8(packet, 0);
  put16(packet, 20 + options * 4 + upper.size());
  for (const std::size_t field : {std::size_t{7}, std::size_t{0}}) put16(packet, field);
  put8(packet, 64);
  put8(packet, protocol);
  put16(packet, 0);
  append(packet, address(source).bytes());
  append(packet, address(destination).bytes());
  packet.resize(20 + options * 4, std::byte{1});
  append(packet, upper);
  return packet;
}

inline Packet ipv6(std::uint8_t next, const Packet& upper, std::string_view source = "2001:db8::7",
                   std::string_view destination = "2001:db8:1::1") {
  Packet packet;
  put16(packet, 0x6000);
  put16(packet, 0);
  put16(packet, upper.size());
  put8(packet, next);
  put8(packet, 64);
  append(packet, address(source).bytes());
  append(packet, address(destination).bytes());
  append(packet, upper);
  return packet;
}

// A datagram of the family of `source`.
inline Packet udp_packet(std::string_view payload, std::string_view source = "198.51.100.7") {
  return address(source).family() == Family::ipv4 ? ipv4(kUdp, udp(payload), source)
                                                  : ipv6(kUdp, udp(payload), source);
}
inline Packet tcp_packet(std::string_view payload, std::string_view source = "198.51.100.7") {
  return address(source).family() == Family::ipv4 ? ipv4(kTcp, tcp(payload), source)
                                                  : ipv6(kTcp, tcp(payload), source);
}

}  // namespace sipward::test
