#include "inject/bye_packets.h"

#include <utility>

#include "base/one_line.h"

namespace sipward::inject {
namespace {

Endpoint reached_at(const dialog::Party& party) {
  return {party.seen.address, party.reached_port != 0 ? party.reached_port : party.seen.port};
}

struct Written {
  std::string text;
  Packet packet;
};

Result<Written> write(const dialog::Dialog& dialog, const ByeRequest& bye) {
  auto text = write_bye(dialog, bye);
  if (!text) return tl::unexpected(std::move(text.error()));
  const Endpoint to = reached_at(dialog.party(dialog::other(bye.from)));
  if (to.port == 0)
    return fail(ErrorKind::not_found, "cannot send the BYE for call \"{}\": its receiver was never seen",
                one_line(dialog.call_id));
  auto packet = udp_packet(dialog.party(bye.from).seen, to, *text);
  if (!packet) return tl::unexpected(std::move(packet.error()));
  return Written{std::move(*text), std::move(*packet)};
}

}  // namespace

Result<ByePackets> bye_packets(const dialog::Dialog& dialog, ByeRequest bye, std::size_t mtu,
                               std::uint32_t id) {
  auto written = write(dialog, bye);
  if (written && written->packet.size() > mtu && !bye.brief) {
    bye.brief = true;
    written = write(dialog, bye);
  }
  if (!written) return tl::unexpected(std::move(written.error()));
  auto parts = fragments(std::move(written->packet), mtu, id);
  if (!parts) return tl::unexpected(std::move(parts.error()));
  return ByePackets{std::move(written->text), std::move(*parts), bye.brief};
}

}  // namespace sipward::inject
