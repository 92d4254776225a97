// One IP packet: the payload lies inside it, what the headers do not cover changes nothing, and a packet
// whose end is missing gives the beginning of what the whole one gives.
#include <span>
#include <vector>

#include "fuzz/properties.h"
#include "packet/decode.h"

using namespace sipward;
using namespace sipward::fuzz;

namespace {

using Bytes = std::span<const std::byte>;

bool is_v4(Bytes packet) {
  return std::to_integer<unsigned>(packet[0]) >> 4U == 4;
}

bool has_length(Bytes packet) {
  const std::size_t at = is_v4(packet) ? 2 : 4;
  return (packet[at] | packet[at + 1]) != std::byte{0};
}

void check_inside(const packet::Datagram& datagram, Bytes packet) {
  const std::string_view bytes(reinterpret_cast<const char*>(packet.data()), packet.size());
  must(inside(datagram.payload, bytes), "the payload lies inside the packet");
  must((datagram.source.family() == Family::ipv4) == is_v4(packet), "the source is of the packet's family");
  must(datagram.destination.family() == datagram.source.family(), "both addresses are of one family");
  const std::size_t headers =
      (is_v4(packet) ? 20U : 40U) + (datagram.protocol == packet::Protocol::udp ? 8U : 20U);
  must(datagram.payload.size() + headers <= packet.size(), "the headers have room before the payload");
}

void check_ports(const packet::Datagram& one, const packet::Datagram& other) {
  must(one.protocol == other.protocol && one.source_port == other.source_port &&
           one.destination_port == other.destination_port && one.tcp.sequence == other.tcp.sequence,
       "what stands behind the payload changes no header");
}

// Ethernet pads short frames (RFC 894).
void check_padded(const packet::Datagram& datagram, Bytes packet) {
  std::vector<std::byte> longer(packet.begin(), packet.end());
  longer.resize(packet.size() + 7, std::byte{'x'});
  const auto padded = packet::decode(longer);
  must(padded.has_value(), "a padded packet is still one");
  must(padded->payload == datagram.payload, "padding is no payload");
  check_ports(datagram, *padded);
}

void check_cut(const packet::Datagram& datagram, Bytes packet) {
  const std::size_t keep = packet.size() - datagram.payload.size() / 2;
  const std::vector<std::byte> shorter(packet.begin(), packet.begin() + static_cast<std::ptrdiff_t>(keep));
  const auto cut = packet::decode(shorter, true);
  must(cut.has_value(), "a packet that lost some of its payload can be read as cut");
  must(datagram.payload.starts_with(cut->payload),
       "the payload of a cut packet is the beginning of the whole one's");
  check_ports(datagram, *cut);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const Bytes packet = std::as_bytes(std::span(data, size));
  if (const auto cut = packet::decode(packet, true)) check_inside(*cut, packet);
  const auto datagram = packet::decode(packet);
  if (!datagram) return 0;
  check_inside(*datagram, packet);
  if (has_length(packet)) check_padded(*datagram, packet);
  check_cut(*datagram, packet);
  return 0;
}
