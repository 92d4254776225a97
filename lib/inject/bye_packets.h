// A BYE as it leaves over UDP.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "base/result.h"
#include "dialog/dialog.h"
#include "inject/bye.h"
#include "inject/udp_packet.h"

namespace sipward::inject {

struct ByePackets {
  std::string text;             // what the packets hold
  std::vector<Packet> packets;  // one, or the parts of one
  bool is_brief = false;        // see ByeRequest::brief
};

// From where the sender's packets come to where the receiver was reached, or its packets come from, whatever
// their Contacts say. What would be longer than `mtu` is written briefly, and what is too long then goes in
// parts, told from others by `id`. Fails as write_bye() and udp_packet() do.
[[nodiscard]] Result<ByePackets> bye_packets(const dialog::Dialog& dialog, ByeRequest bye, std::size_t mtu,
                                             std::uint32_t id);

}  // namespace sipward::inject
