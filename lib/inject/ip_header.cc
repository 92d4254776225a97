#include "inject/ip_header.h"

#include <algorithm>

namespace sipward::inject {
namespace {

constexpr std::uint8_t kHops = 64;

void put_ip4(std::span<std::byte> ip, const IpHeader& header) {
  ip[0] = std::byte{0x45};
  put16(ip.subspan(2), ip_header_size(Family::ipv4) + header.length);
  put16(ip.subspan(4), header.id);
  put16(ip.subspan(6), header.place);
  ip[8] = std::byte{kHops};
  ip[9] = std::byte{header.protocol};
  std::ranges::copy(header.from.bytes(), ip.subspan(12).begin());
  std::ranges::copy(header.to.bytes(), ip.subspan(16).begin());
  put16(ip.subspan(10), checksum(sum(ip.first(ip_header_size(Family::ipv4)))));
}

void put_ip6(std::span<std::byte> ip, const IpHeader& header) {
  ip[0] = std::byte{0x60};
  put16(ip.subspan(4), header.length);
  ip[6] = std::byte{header.protocol};
  ip[7] = std::byte{kHops};
  std::ranges::copy(header.from.bytes(), ip.subspan(8).begin());
  std::ranges::copy(header.to.bytes(), ip.subspan(24).begin());
}

}  // namespace

std::uint32_t sum(std::span<const std::byte> bytes, std::uint32_t start) {
  for (std::size_t i = 0; i < bytes.size(); ++i)
    start += std::to_integer<std::uint32_t>(bytes[i]) << (i % 2 == 0 ? 8U : 0U);
  return start;
}

std::uint16_t checksum(std::uint32_t sum) {
  while (sum > 0xffffU) sum = (sum & 0xffffU) + (sum >> 16U);
  return static_cast<std::uint16_t>(~sum);
}

void put_ip(std::span<std::byte> packet, const IpHeader& header) {
  header.from.family() == Family::ipv4 ? put_ip4(packet, header) : put_ip6(packet, header);
}

std::uint32_t pseudo_header_sum(const IpHeader& header) {
  const auto rest = header.protocol + static_cast<std::uint32_t>(header.length);
  return sum(header.to.bytes(), sum(header.from.bytes(), rest));
}

}  // namespace sipward::inject
