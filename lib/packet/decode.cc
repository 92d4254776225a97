#include "packet/decode.h"

#include <netinet/in.h>

#include <algorithm>

namespace sipward::packet {
namespace {

using Bytes = std::span<const std::byte>;

std::uint8_t u8(Bytes bytes, std::size_t at) {
  return std::to_integer<std::uint8_t>(bytes[at]);
}

std::uint16_t u16(Bytes bytes, std::size_t at) {
  return static_cast<std::uint16_t>(u8(bytes, at) << 8U | u8(bytes, at + 1));
}

// The upper layer of an IP packet.
struct Upper {
  Address source;
  Address destination;
  std::uint8_t protocol = 0;
  Bytes bytes;
};

std::uint32_t u32(Bytes bytes, std::size_t at) {
  return static_cast<std::uint32_t>(u16(bytes, at)) << 16U | u16(bytes, at + 2);
}

std::optional<Upper> decode_v4(Bytes packet, bool cut) {
  if (packet.size() < 20) return std::nullopt;
  const std::size_t header = (u8(packet, 0) & 0x0fU) * std::size_t{4};
  std::size_t total = u16(packet, 2);
  if (total == 0) total = packet.size();
  if (cut) total = std::min(total, packet.size());
  if (header < 20 || total < header || total > packet.size()) return std::nullopt;
  if ((u16(packet, 6) & 0x1fffU) != 0) return std::nullopt;
  return Upper{Address::v4(packet.subspan<12, 4>()), Address::v4(packet.subspan<16, 4>()), u8(packet, 9),
               packet.subspan(header, total - header)};
}

bool is_extension(std::uint8_t next) {
  return next == IPPROTO_HOPOPTS || next == IPPROTO_ROUTING || next == IPPROTO_DSTOPTS ||
         next == IPPROTO_FRAGMENT || next == IPPROTO_AH;
}

// Length of the extension header at the front of `rest`; 0 when it is cut short or belongs to a later
// fragment.
std::size_t extension_length(std::uint8_t type, Bytes rest) {
  if (rest.size() < 8) return 0;
  if (type == IPPROTO_FRAGMENT) return (u16(rest, 2) & 0xfff8U) != 0 ? 0 : 8;
  if (type == IPPROTO_AH) return (u8(rest, 1) + std::size_t{2}) * 4;
  return (u8(rest, 1) + std::size_t{1}) * 8;
}

std::optional<Upper> decode_v6(Bytes packet, bool cut) {
  if (packet.size() < 40) return std::nullopt;
  std::size_t length = u16(packet, 4);
  if (length == 0) length = packet.size() - 40;
  if (cut) length = std::min(length, packet.size() - 40);
  if (length > packet.size() - 40) return std::nullopt;
  std::uint8_t next = u8(packet, 6);
  Bytes rest = packet.subspan(40, length);
  while (is_extension(next)) {
    const std::size_t skip = extension_length(next, rest);
    if (skip == 0 || skip > rest.size()) return std::nullopt;
    next = u8(rest, 0);
    rest = rest.subspan(skip);
  }
  return Upper{Address::v6(packet.subspan<8, 16>()), Address::v6(packet.subspan<24, 16>()), next, rest};
}

std::optional<Bytes> udp_payload(Bytes udp, bool cut) {
  if (udp.size() < 8) return std::nullopt;
  std::size_t length = u16(udp, 4);
  if (length == 0) return udp.subspan(8);
  if (cut) length = std::min(length, udp.size());
  if (length < 8 || length > udp.size()) return std::nullopt;
  return udp.subspan(8, length - 8);
}

std::optional<Bytes> tcp_payload(Bytes tcp) {
  if (tcp.size() < 20) return std::nullopt;
  const std::size_t header = (u8(tcp, 12) >> 4U) * std::size_t{4};
  if (header < 20 || header > tcp.size()) return std::nullopt;
  return tcp.subspan(header);
}

TcpHeader read_tcp_header(Bytes tcp) {
  const std::uint8_t flags = u8(tcp, 13);
  return {.sequence = u32(tcp, 4),
          .acknowledgment = u32(tcp, 8),
          .syn = (flags & 0x02U) != 0,
          .ack = (flags & 0x10U) != 0,
          .fin = (flags & 0x01U) != 0,
          .rst = (flags & 0x04U) != 0,
          .urg = (flags & 0x20U) != 0};
}

}  // namespace

std::optional<Datagram> decode(Bytes packet, bool cut) {
  if (packet.empty()) return std::nullopt;
  const unsigned version = u8(packet, 0) >> 4U;
  const auto upper = version == 4   ? decode_v4(packet, cut)
                     : version == 6 ? decode_v6(packet, cut)
                                    : std::nullopt;
  if (!upper || (upper->protocol != IPPROTO_UDP && upper->protocol != IPPROTO_TCP)) return std::nullopt;
  const bool udp = upper->protocol == IPPROTO_UDP;
  const auto payload = udp ? udp_payload(upper->bytes, cut) : tcp_payload(upper->bytes);
  if (!payload) return std::nullopt;
  return Datagram{upper->source,
                  upper->destination,
                  udp ? Protocol::udp : Protocol::tcp,
                  u16(upper->bytes, 0),
                  u16(upper->bytes, 2),
                  {reinterpret_cast<const char*>(payload->data()), payload->size()},
                  udp ? TcpHeader{} : read_tcp_header(upper->bytes)};
}

}  // namespace sipward::packet
