// SYNs: which connection they belong to, and what they must not change.
#include "client.h"

namespace sipward::stream {
namespace {

using namespace testing;  // NOLINT: the client and its messages

TEST_CASE("SYN, data, SYN again: a retransmitted handshake changes nothing") {
  StreamReader reader = running_reader();
  Client client(reader);
  (void)client.syn();
  (void)client.syn();
  CHECK(client.at(0, kOptions).messages.size() == 1);
  CHECK(client.at(0, kOptions) == Told{});
  client.jump(static_cast<std::uint32_t>(kOptions.size()));
  CHECK(client.send(kOptions).messages.size() == 1);
}

TEST_CASE("a stray SYN does not hide the head that was begun before it") {
  StreamReader reader = running_reader();
  Client client(reader, 1000);
  (void)client.syn();
  const std::size_t half = kOptions.size() / 2;
  (void)client.send(std::string_view(kOptions).substr(0, half));
  // The softswitch ignores this one: its connection is alive.
  const bool known = GENERATE(true, false);
  Client stray(reader, 1000 + static_cast<std::uint32_t>(half));
  CHECK(stray.syn(known).trouble == (known ? Trouble::none : Trouble::second_syn));
  CHECK(client.send(std::string_view(kOptions).substr(half)) == messages({kOptions}));
}

TEST_CASE("the same ports may be used for a new connection") {
  StreamReader reader = running_reader();
  Client old(reader, 1000);
  (void)old.syn();
  (void)old.send(std::string_view(kOptions).substr(0, 50));
  Client fresh(reader, 0x50000000);
  (void)fresh.syn();
  CHECK(fresh.send(kOptions) == messages({kOptions}));
  CHECK(old.send(kOptions).trouble != Trouble::none);
}

TEST_CASE("a SYN that a living connection ignores moves nothing, so what follows is not taken for early") {
  StreamReader reader = running_reader();
  Client client(reader, 100'000);
  (void)client.syn();
  (void)client.send(kMessage);
  Client ghost(reader, 90'000);
  CHECK(ghost.syn(true) == Told{});
  CHECK(ghost.send("M").trouble == Trouble::forgotten);
  CHECK(client.send(kOptions) == messages({kOptions}));
}

TEST_CASE("a second SYN must be far from the numbers of a connection that may still live") {
  static constexpr std::uint32_t kFar = 2 * ByteSequence::kAheadMax;
  const bool before = GENERATE(true, false);
  const std::uint32_t away = GENERATE(1U, 5000U, kFar, kFar + 1);
  CAPTURE(before, away);
  StreamReader reader = running_reader();
  Client old(reader, 1000);
  (void)old.syn();
  const std::string_view begun = std::string_view(kOptions).substr(0, 50);
  (void)old.send(begun);
  const auto next = static_cast<std::uint32_t>(1000 + begun.size());
  Client fresh(reader, before ? next - away : next + away);
  if (away <= kFar) {
    CHECK(fresh.syn().trouble == Trouble::second_syn);
    CHECK(old.send(std::string_view(kOptions).substr(50)) == messages({kOptions}));
  } else {
    CHECK(fresh.syn() == Told{});
    CHECK(fresh.send(kOptions) == messages({kOptions}));
  }
}

TEST_CASE("behind an ended connection any number will do") {
  StreamReader reader = running_reader();
  Client old(reader, 1000);
  (void)old.syn();
  old.end = true;
  (void)old.send(kMessage);
  Client fresh(reader, 2000);
  CHECK(fresh.syn() == Told{});
  CHECK(fresh.send(kOptions) == messages({kOptions}));
}

TEST_CASE("data in a SYN is refused, and comes again") {
  StreamReader reader = running_reader();
  packet::Datagram datagram;
  datagram.protocol = packet::Protocol::tcp;
  datagram.tcp.syn = true;
  datagram.payload = kOptions;
  CHECK(reader.take({datagram}, kLater).trouble() == Trouble::data_in_syn);
}

}  // namespace
}  // namespace sipward::stream
