#include "packet/link.h"

#include <netinet/in.h>

#include <algorithm>
#include <array>
#include <cstring>

#include "packet/bytes.h"

namespace sipward::packet {
namespace {

using Inside = tl::expected<Bytes, LinkFault>;
using Read = tl::expected<LinkFrame, LinkFault>;

// The numbers of pcap/dlt.h that libpcap gives on Linux, and those of IP packets without a link layer
// elsewhere.
enum Dlt : int {
  kNull = 0,
  kEthernet = 1,
  kPpp = 9,
  kRaw = 12,
  kRawOpenBsd = 14,
  kPppSerial = 50,
  kPppEther = 51,
  kRawFile = 101,
  kCiscoHdlc = 104,
  kLoop = 108,
  kCooked = 113,
  kIpv4 = 228,
  kIpv6 = 229,
  kNflog = 239,
  kCooked2 = 276,
};

enum EtherType : std::uint16_t {
  kLengthMax = 0x05dc,  // not above: the length of an IEEE 802.3 frame
  kEtherIpv4 = 0x0800,
  kEtherVlan = 0x8100,
  kEtherIpv6 = 0x86dd,
  kEtherMpls = 0x8847,
  kEtherMplsUpstream = 0x8848,
  kEtherPppoe = 0x8864,
  kEtherQinQ = 0x88a8,
  kEtherQinQOld = 0x9100,
};

constexpr std::uint16_t kPppIpv4 = 0x0021;
constexpr std::uint16_t kPppIpv6 = 0x0057;
constexpr std::uint16_t kArphrdLoopback = 772;
constexpr std::size_t kTagsMax = 8;
constexpr std::size_t kLabelsMax = 16;

tl::unexpected<LinkFault> fault(LinkFault what) {
  return tl::unexpected<LinkFault>(what);
}

// The version in the packet decides; a link layer that says otherwise is mistaken.
Inside ip(Bytes bytes) {
  if (bytes.empty()) return fault(LinkFault::cut_short);
  const unsigned version = u8(bytes, 0) >> 4U;
  if (version != 4 && version != 6) return fault(LinkFault::not_ip);
  return bytes;
}

Inside skip(Bytes bytes, std::size_t n) {
  if (bytes.size() < n) return fault(LinkFault::cut_short);
  return bytes.subspan(n);
}

// RFC 1661 section 6.5: a protocol number whose first byte is odd is compressed to that byte.
Inside ppp_protocol(Bytes bytes) {
  if (bytes.size() < 2) return fault(LinkFault::cut_short);
  const bool compressed = (u8(bytes, 0) & 1U) != 0;
  const std::uint16_t protocol = compressed ? u8(bytes, 0) : u16(bytes, 0);
  if (protocol != kPppIpv4 && protocol != kPppIpv6) return fault(LinkFault::not_ip);
  return ip(bytes.subspan(compressed ? 1 : 2));
}

Inside ppp(Bytes bytes) {
  const bool framed = bytes.size() >= 2 && u16(bytes, 0) == 0xff03;  // RFC 1662 section 3.1
  return ppp_protocol(framed ? bytes.subspan(2) : bytes);
}

// RFC 2516 section 4: version and type, code (0: session), session, length.
Inside pppoe(Bytes bytes) {
  if (bytes.size() < 6) return fault(LinkFault::cut_short);
  if (u8(bytes, 1) != 0) return fault(LinkFault::not_ip);
  return ppp_protocol(bytes.subspan(6));
}

Inside mpls(Bytes bytes) {
  for (std::size_t labels = 0; labels < kLabelsMax; ++labels) {
    if (bytes.size() < 4) return fault(LinkFault::cut_short);
    const bool last = (u8(bytes, 2) & 1U) != 0;
    bytes = bytes.subspan(4);
    if (last) return ip(bytes);
  }
  return fault(LinkFault::not_ip);
}

bool is_tag(std::uint16_t type) {
  return type == kEtherVlan || type == kEtherQinQ || type == kEtherQinQOld;
}

// RFC 1042: AA AA 03 00 00 00, then an Ethernet type.
bool is_snap(Bytes bytes) {
  return bytes.size() >= 8 && u32(bytes, 0) == 0xaaaa0300 && u16(bytes, 4) == 0;
}

// What follows an Ethernet type.
Inside by_ether_type(std::uint16_t type, Bytes bytes) {
  for (std::size_t tags = 0; is_tag(type) && tags < kTagsMax; ++tags) {
    if (bytes.size() < 4) return fault(LinkFault::cut_short);
    type = u16(bytes, 2);
    bytes = bytes.subspan(4);
  }
  if (type <= kLengthMax && is_snap(bytes)) {
    type = u16(bytes, 6);
    bytes = bytes.subspan(8);
  }
  switch (type) {
    case kEtherIpv4:
    case kEtherIpv6:
      return ip(bytes);
    case kEtherPppoe:
      return pppoe(bytes);
    case kEtherMpls:
    case kEtherMplsUpstream:
      return mpls(bytes);
    default:
      return fault(LinkFault::not_ip);
  }
}

Inside ethernet(Bytes frame) {
  if (frame.size() < 14) return fault(LinkFault::cut_short);
  return by_ether_type(u16(frame, 12), frame.subspan(14));
}

Inside cisco_hdlc(Bytes frame) {
  if (frame.size() < 4) return fault(LinkFault::cut_short);
  return by_ether_type(u16(frame, 2), frame.subspan(4));
}

// PPP in HDLC framing, or Cisco's, whose address byte differs.
Inside ppp_serial(Bytes frame) {
  if (frame.size() < 2) return fault(LinkFault::cut_short);
  const std::uint8_t address = u8(frame, 0);
  return address == 0x0f || address == 0x8f ? cisco_hdlc(frame) : ppp(frame);
}

// Attributes of the NFLOG message in the capturing machine's order, which libpcap turns into this one's:
// length, type, value, padding to four bytes. linux/netfilter/nfnetlink_log.h.
Inside nflog(Bytes frame) {
  constexpr std::uint16_t kPayload = 9;
  if (frame.size() < 4) return fault(LinkFault::cut_short);
  Bytes rest = frame.subspan(4);
  while (rest.size() >= 4) {
    std::array<std::uint16_t, 2> head{};  // length with this header, type
    std::memcpy(head.data(), rest.data(), sizeof head);
    if (head[0] < 4 || head[0] > rest.size()) break;
    if (head[1] == kPayload) return ip(rest.subspan(4, head[0] - std::size_t{4}));
    const std::size_t step = (head[0] + std::size_t{3}) & ~std::size_t{3};
    rest = rest.subspan(std::min(step, rest.size()));
  }
  return fault(LinkFault::cut_short);
}

// Packet types of linux/if_packet.h.
Direction direction(unsigned packet_type) {
  if (packet_type == 3) return Direction::other_host;
  return packet_type == 4 ? Direction::outgoing : Direction::incoming;
}

Read cooked(Bytes frame) {
  if (frame.size() < 16) return fault(LinkFault::cut_short);
  return by_ether_type(u16(frame, 14), frame.subspan(16)).map([&](Bytes inside) {
    return LinkFrame{inside, direction(u16(frame, 0)), u16(frame, 2) == kArphrdLoopback};
  });
}

Read cooked2(Bytes frame) {
  if (frame.size() < 20) return fault(LinkFault::cut_short);
  return by_ether_type(u16(frame, 0), frame.subspan(20)).map([&](Bytes inside) {
    return LinkFrame{inside, direction(u8(frame, 10)), u16(frame, 8) == kArphrdLoopback};
  });
}

// The address family in front of NULL's packets differs by system and byte order: the packet's version
// decides.
Inside inside(int link_type, Bytes frame) {
  switch (link_type) {
    case kEthernet:
      return ethernet(frame);
    case kRaw:
    case kRawOpenBsd:
    case kRawFile:
    case kIpv4:
    case kIpv6:
      return ip(frame);
    case kNull:
    case kLoop:
      return skip(frame, 4).and_then(ip);
    case kPpp:
      return ppp(frame);
    case kPppSerial:
      return ppp_serial(frame);
    case kPppEther:
      return pppoe(frame);
    case kCiscoHdlc:
      return cisco_hdlc(frame);
    case kNflog:
      return nflog(frame);
    default:
      return fault(LinkFault::unknown_link);
  }
}

}  // namespace

tl::expected<LinkFrame, LinkFault> read_link(int link_type, std::span<const std::byte> frame) {
  if (link_type == kCooked) return cooked(frame);
  if (link_type == kCooked2) return cooked2(frame);
  return inside(link_type, frame).map([](Bytes bytes) { return LinkFrame{bytes}; });
}

bool is_whole(std::span<const std::byte> ip) {
  if (ip.size() < 20) return false;
  if (u8(ip, 0) >> 4U == 4) return u16(ip, 2) <= ip.size();
  return ip.size() >= 40 && u16(ip, 4) + std::size_t{40} <= ip.size();
}

}  // namespace sipward::packet
