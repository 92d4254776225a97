// Link layer frames, as captures hold them -> the IP packet inside. The layouts:
// www.tcpdump.org/linktypes.html.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <tl/expected.hpp>

namespace sipward::packet {

// What the capturing kernel told of a frame, where the link type has room for it (Linux "cooked" captures).
enum class Direction : std::uint8_t {
  unknown,
  incoming,
  outgoing,    // left this host
  other_host,  // seen in promiscuous mode: the kernel does not take it
};

struct LinkFrame {
  std::span<const std::byte> ip;  // begins with an IP header; link layer padding may follow the packet
  Direction direction = Direction::unknown;
  bool loopback = false;  // from an interface of type loopback; known from "cooked" captures alone
};

enum class LinkFault : std::uint8_t {
  unknown_link,  // a link type that is not read here
  not_ip,        // ARP, PPPoE discovery, …; or an address family that says IP before something else
  cut_short,     // ends before the IP header begins
};

// `link_type` is libpcap's DLT_ number (pcap_datalink). Read are: EN10MB with any 802.1Q and 802.1ad tags
// (eight at most), SNAP, PPPoE sessions (RFC 2516) and MPLS (RFC 3032); LINUX_SLL and LINUX_SLL2; RAW, IPV4,
// IPV6; NULL and LOOP; PPP, PPP_SERIAL (RFC 1662), PPP_ETHER, C_HDLC; NFLOG. Never reads beyond `frame`.
[[nodiscard]] tl::expected<LinkFrame, LinkFault> read_link(int link_type, std::span<const std::byte> frame);

// Whether all of the IP packet is there, as its own length tells. A length of zero (segmentation offload)
// tells nothing, so it counts as whole: ask only where the capture says that it cut the frame.
[[nodiscard]] bool is_whole(std::span<const std::byte> ip);

}  // namespace sipward::packet
