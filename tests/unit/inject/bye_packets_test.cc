// BYEs as packets: where they go, and what becomes of those that do not fit.
#include "inject/bye_packets.h"

#include "dialogs.h"
#include "packet/decode.h"
#include "packet/defragment.h"

namespace sipward::inject {
namespace {

using dialog::Dialog;
using dialog::Side;
using test::bye_of;

ByePackets made(const Dialog& dialog, Side from, std::size_t mtu) {
  auto packets = bye_packets(dialog, bye_of(from), mtu, 9);
  if (!packets) FAIL(packets.error().text);
  return std::move(*packets);
}

Dialog with_routes(std::size_t count) {
  Dialog dialog = test::call();
  for (std::size_t i = 0; i < count; ++i)
    dialog.party(Side::caller)
        .route.push_back("<sip:a.proxy.with.a.long.name.example:5060;lr;did=0123456789abcdef>");
  return dialog;
}

TEST_CASE("18: it goes to where the receiver's packets come from, from where the sender's do") {
  const Dialog dialog = test::call();
  const ByePackets packets = made(dialog, Side::callee, 1500);
  REQUIRE(packets.packets.size() == 1);
  CHECK_FALSE(packets.is_brief);
  const auto read = packet::decode(packets.packets[0]);
  REQUIRE(read.has_value());
  CHECK(read->source == test::address("192.0.2.1"));
  CHECK(read->source_port == 5060);
  CHECK(read->destination == test::address("198.51.100.7"));
  CHECK(read->destination_port == 40001);
  CHECK(read->payload == packets.text);
  CHECK(test::request_uri(packets.text) == "sip:alice@192.168.1.7:5062");
}

TEST_CASE("a receiver that sends from another port than it listens on is reached where it listens") {
  Dialog dialog = test::call();
  dialog.party(Side::caller).reached_port = 5064;
  CHECK(packet::decode(made(dialog, Side::callee, 1500).packets[0])->destination_port == 5064);
  CHECK(packet::decode(made(dialog, Side::caller, 1500).packets[0])->source_port == 40001);
}

TEST_CASE("55: a BYE of just the MTU is whole; a byte less, and it goes without Reason and display names") {
  const Dialog dialog = test::call();
  const std::size_t size = made(dialog, Side::caller, 1500).packets[0].size();
  const ByePackets fits = made(dialog, Side::caller, size);
  CHECK_FALSE(fits.is_brief);
  CHECK(fits.packets[0].size() == size);
  const ByePackets brief = made(dialog, Side::caller, size - 1);
  CHECK(brief.is_brief);
  REQUIRE(brief.packets.size() == 1);
  CHECK(brief.packets[0].size() < size);
  CHECK(brief.text.find("Reason") == std::string::npos);
  CHECK(packet::decode(brief.packets[0])->payload == brief.text);
}

TEST_CASE("55: a BYE with so many routes that nothing helps goes in fragments") {
  const Dialog dialog = with_routes(30);
  const ByePackets packets = made(dialog, Side::caller, 1500);
  CHECK(packets.is_brief);
  CHECK(packets.packets.size() == 2);
  packet::Defragmenter together;
  CHECK_FALSE(together.put(packets.packets[0], Instant{}).has_value());
  const auto whole = together.put(packets.packets[1], Instant{});
  REQUIRE(whole.has_value());
  CHECK(packet::decode(*whole)->payload == packets.text);
  CHECK(test::route(packets.text).size() == 30);
}

TEST_CASE("what cannot be written or sent is an error, not a packet") {
  Dialog unseen = test::call();
  unseen.party(Side::callee).seen.port = 0;
  const auto nowhere = bye_packets(unseen, bye_of(Side::caller), 1500, 9);
  REQUIRE_FALSE(nowhere.has_value());
  CHECK_THAT(nowhere.error().text, ContainsSubstring("its receiver was never seen"));
  Dialog mixed = test::call();
  mixed.party(Side::callee).seen = test::end("2001:db8::1", 5060);
  CHECK_FALSE(bye_packets(mixed, bye_of(Side::caller), 1500, 9).has_value());
  CHECK_FALSE(bye_packets(test::call(), bye_of(Side::caller), 20, 9).has_value());
  Dialog odd = test::call();
  odd.call_id += "\r\n";
  CHECK_FALSE(bye_packets(odd, bye_of(Side::caller), 1500, 9).has_value());
  CHECK_FALSE(bye_packets(with_routes(1200), bye_of(Side::caller), 1500, 9).has_value());
}

}  // namespace
}  // namespace sipward::inject
