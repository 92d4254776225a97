#include "inject/tcp_reset.h"

#include <netinet/in.h>

#include <algorithm>

namespace sipward::inject {
namespace {

constexpr std::size_t kTcpHeader = 20;
constexpr std::uint8_t kHops = 64;
constexpr std::byte kRst{0x04};

void put16(std::span<std::byte> at, std::size_t value) {
  at[0] = static_cast<std::byte>(value >> 8U);
  at[1] = static_cast<std::byte>(value);
}

void put32(std::span<std::byte> at, std::uint32_t value) {
  put16(at, value >> 16U);
  put16(at.subspan(2), value & 0xffffU);
}

// RFC 1071. `bytes` of even length.
std::uint32_t sum(std::span<const std::byte> bytes, std::uint32_t start = 0) {
  for (std::size_t i = 0; i + 1 < bytes.size(); i += 2)
    start += std::to_integer<std::uint32_t>(bytes[i]) << 8U | std::to_integer<std::uint32_t>(bytes[i + 1]);
  return start;
}

std::uint16_t checksum(std::uint32_t sum) {
  while (sum > 0xffffU) sum = (sum & 0xffffU) + (sum >> 16U);
  return static_cast<std::uint16_t>(~sum);
}

void put_ip4(std::span<std::byte> ip, const Address& from, const Address& to) {
  ip[0] = std::byte{0x45};
  put16(ip.subspan(2), 20 + kTcpHeader);
  put16(ip.subspan(6), 0x4000);  // don't fragment
  ip[8] = std::byte{kHops};
  ip[9] = std::byte{IPPROTO_TCP};
  std::ranges::copy(from.bytes(), ip.subspan(12).begin());
  std::ranges::copy(to.bytes(), ip.subspan(16).begin());
  put16(ip.subspan(10), checksum(sum(ip.first(20))));
}

void put_ip6(std::span<std::byte> ip, const Address& from, const Address& to) {
  ip[0] = std::byte{0x60};
  put16(ip.subspan(4), kTcpHeader);
  ip[6] = std::byte{IPPROTO_TCP};
  ip[7] = std::byte{kHops};
  std::ranges::copy(from.bytes(), ip.subspan(8).begin());
  std::ranges::copy(to.bytes(), ip.subspan(24).begin());
}

}  // namespace

ResetPacket::ResetPacket(const Endpoint& from, const Endpoint& to, std::uint32_t sequence)
    : destination_(to.address) {
  const bool v4 = from.address.family() == Family::ipv4;
  const std::size_t ip_header = v4 ? 20 : 40;
  size_ = ip_header + kTcpHeader;
  v4 ? put_ip4(bytes_, from.address, to.address) : put_ip6(bytes_, from.address, to.address);
  const std::span tcp = std::span(bytes_).subspan(ip_header, kTcpHeader);
  put16(tcp, from.port);
  put16(tcp.subspan(2), to.port);
  put32(tcp.subspan(4), sequence);
  tcp[12] = std::byte{kTcpHeader / 4 << 4U};
  tcp[13] = kRst;
  // With the pseudo-header (RFC 9293, section 3.1; RFC 8200, section 8.1).
  std::uint32_t total = sum(from.address.bytes(), IPPROTO_TCP + kTcpHeader);
  total = sum(to.address.bytes(), total);
  put16(tcp.subspan(16), checksum(sum(tcp, total)));
}

ResetPacket to_server(const TcpReset& reset) {
  return {reset.client, reset.server, reset.server_expects};
}

ResetPacket to_client(const TcpReset& reset) {
  return {reset.server, reset.client, reset.client_expects};
}

}  // namespace sipward::inject
