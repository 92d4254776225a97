// IP packet bytes -> views. RFC 791, RFC 8200, RFC 768, RFC 9293.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string_view>

#include "base/address.h"

namespace sipward::packet {

enum class Protocol : std::uint8_t { udp, tcp };

// What a TCP header says beside the ports (RFC 9293, section 3.1).
struct TcpHeader {
  std::uint32_t sequence = 0;
  std::uint32_t acknowledgment = 0;  // meaningful with `ack`
  bool syn = false;
  bool ack = false;
  bool fin = false;
  bool rst = false;
  bool urg = false;
};

struct Datagram {
  Address source;
  Address destination;
  Protocol protocol = Protocol::udp;
  std::uint16_t source_port = 0;
  std::uint16_t destination_port = 0;
  std::string_view payload;  // view into the packet, padding after the datagram's length cut off
  TcpHeader tcp;             // of a TCP segment
};

// Decodes a whole IP packet, as NFQUEUE delivers it. Nothing: no UDP or TCP, a header cut short or
// contradicting itself, or a later fragment (the kernel reassembles before the queue, so one that arrives
// here belongs to nothing). Lengths that are zero because of segmentation offload (RFC 2675 style IPv6 length
// 0, UDP length 0) mean "all that is there". Checksums are not verified: the softswitch's kernel does, and
// offloading leaves them unfinished here.
// With `cut`, bytes at the end are known to be missing (a copy range, a snapshot length): lengths then reach
// beyond what is there, and the payload is as much of it as there is.
[[nodiscard]] std::optional<Datagram> decode(std::span<const std::byte> packet, bool cut = false);

}  // namespace sipward::packet
