// A UDP datagram as IP packets of our own making (RFC 768, RFC 791, RFC 8200).
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>
#include <vector>

#include "base/endpoint.h"
#include "base/result.h"

namespace sipward::inject {

using Packet = std::vector<std::byte>;

// A whole packet with its checksums. Routers may fragment it: who would have to hear that it was too big is
// not us. An IPv4 packet leaves its identification to the raw socket that sends it (raw(7)).
// `invalid`: the ends are of different families, or the payload is more than UDP takes (65,507 or 65,527
// bytes).
[[nodiscard]] Result<Packet> udp_packet(const Endpoint& from, const Endpoint& to, std::string_view payload);

// The packet that udp_packet() made, in parts of at most `mtu` bytes: a raw socket takes no more than fits
// its device (EMSGSIZE). Itself alone when it fits. `id` tells the parts of one packet from those of another
// between the same addresses; IPv4 has 16 bits of it, and not 0. `invalid`: an MTU that leaves no room for 8
// bytes of data.
[[nodiscard]] Result<std::vector<Packet>> fragments(Packet packet, std::size_t mtu, std::uint32_t id);

}  // namespace sipward::inject
