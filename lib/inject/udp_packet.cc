#include "inject/udp_packet.h"

#include <netinet/in.h>

#include <algorithm>
#include <span>
#include <utility>

#include "inject/ip_header.h"

namespace sipward::inject {
namespace {

constexpr std::size_t kUdpHeader = 8;
constexpr std::size_t kFragmentHeader = 8;   // RFC 8200, section 4.5
constexpr std::size_t kFragmentUnit = 8;     // both families count offsets in it
constexpr std::size_t kLengthMax = 0xffff;   // of an IPv4 packet, and of what follows an IPv6 header
constexpr std::uint16_t kMoreIpv4 = 0x2000;  // RFC 791, section 3.1

std::size_t payload_max(Family family) {
  return kLengthMax - kUdpHeader - (family == Family::ipv4 ? ip_header_size(family) : 0);
}

void put_udp(std::span<std::byte> udp, const Endpoint& from, const Endpoint& to, const IpHeader& ip) {
  put16(udp, from.port);
  put16(udp.subspan(2), to.port);
  put16(udp.subspan(4), ip.length);
  const std::uint16_t made = checksum(sum(udp, pseudo_header_sum(ip)));
  // RFC 768: a checksum of 0 would say that there is none.
  put16(udp.subspan(6), made == 0 ? 0xffff : made);
}

// Data [begin, begin + size) of a packet that has `total` of it.
struct Part {
  std::size_t begin = 0;
  std::size_t size = 0;
  std::size_t total = 0;
  std::uint32_t id = 0;

  [[nodiscard]] bool is_last() const { return begin + size == total; }
};

Packet part_ipv4(std::span<const std::byte> packet, const Part& part) {
  const std::size_t header = ip_header_size(Family::ipv4);
  Packet made(header + part.size);
  const Address from = Address::v4(packet.subspan<12, 4>());
  const Address to = Address::v4(packet.subspan<16, 4>());
  const auto id = static_cast<std::uint16_t>(part.id % 0xffffU + 1);
  const auto offset = static_cast<std::uint16_t>(part.begin / kFragmentUnit);
  const std::uint16_t more = part.is_last() ? 0 : kMoreIpv4;
  put_ip(made, {.from = from,
                .to = to,
                .protocol = IPPROTO_UDP,
                .length = part.size,
                .id = id,
                .place = static_cast<std::uint16_t>(offset | more)});
  std::ranges::copy(packet.subspan(header + part.begin, part.size), std::span(made).subspan(header).begin());
  return made;
}

Packet part_ipv6(std::span<const std::byte> packet, const Part& part) {
  const std::size_t header = ip_header_size(Family::ipv6);
  Packet made(header + kFragmentHeader + part.size);
  const Address from = Address::v6(packet.subspan<8, 16>());
  const Address to = Address::v6(packet.subspan<24, 16>());
  put_ip(made, {.from = from, .to = to, .protocol = IPPROTO_FRAGMENT, .length = kFragmentHeader + part.size});
  const std::span fragment = std::span(made).subspan(header);
  fragment[0] = std::byte{IPPROTO_UDP};
  put16(fragment.subspan(2), part.begin | (part.is_last() ? 0U : 1U));
  put32(fragment.subspan(4), part.id);
  std::ranges::copy(packet.subspan(header + part.begin, part.size),
                    fragment.subspan(kFragmentHeader).begin());
  return made;
}

bool is_ipv4(std::span<const std::byte> packet) {
  return std::to_integer<unsigned>(packet[0]) >> 4U == 4;
}

}  // namespace

Result<Packet> udp_packet(const Endpoint& from, const Endpoint& to, std::string_view payload) {
  const Family family = from.address.family();
  if (family != to.address.family())
    return fail(ErrorKind::invalid, "cannot send from {} to {}: they are of different families",
                from.address.to_string(), to.address.to_string());
  if (payload.size() > payload_max(family))
    return fail(ErrorKind::invalid, "a UDP datagram holds {} bytes, not {}", payload_max(family),
                payload.size());
  const std::size_t header = ip_header_size(family);
  Packet packet(header + kUdpHeader + payload.size());
  const IpHeader ip{.from = from.address,
                    .to = to.address,
                    .protocol = IPPROTO_UDP,
                    .length = kUdpHeader + payload.size(),
                    .place = 0};
  put_ip(packet, ip);
  const std::span udp = std::span(packet).subspan(header);
  std::ranges::copy(std::as_bytes(std::span(payload)), udp.subspan(kUdpHeader).begin());
  put_udp(udp, from, to, ip);
  return packet;
}

Result<std::vector<Packet>> fragments(Packet packet, std::size_t mtu, std::uint32_t id) {
  std::vector<Packet> parts;
  if (packet.size() <= mtu) {
    parts.push_back(std::move(packet));
    return parts;
  }
  const bool v4 = is_ipv4(packet);
  const std::size_t header = ip_header_size(v4 ? Family::ipv4 : Family::ipv6);
  const std::size_t overhead = v4 ? header : header + kFragmentHeader;
  if (mtu < overhead + kFragmentUnit)
    return fail(ErrorKind::invalid, "an MTU of {} leaves no room for a fragment", mtu);
  const std::size_t room = (mtu - overhead) / kFragmentUnit * kFragmentUnit;
  const std::size_t total = packet.size() - header;
  for (std::size_t begin = 0; begin < total; begin += room) {
    const Part part{begin, std::min(room, total - begin), total, id};
    parts.push_back(v4 ? part_ipv4(packet, part) : part_ipv6(packet, part));
  }
  return parts;
}

}  // namespace sipward::inject
