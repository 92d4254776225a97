// Connections that were not seen from their beginning: nobody is cut off, and nothing passes unread.
#include <algorithm>

#include "client.h"

namespace sipward::stream {
namespace {

using namespace testing;  // NOLINT: the client and its messages

TEST_CASE("what ends before it is proven is forgotten, not held against the client") {
  StreamReader reader = running_reader();
  Client forged(reader);
  forged.proven = false;
  forged.end = true;
  (void)forged.send(kOptions);
  Client client(reader, 77777);
  CHECK(client.send(kMessage).messages.size() == 1);
}

TEST_CASE("a connection that was not seen from its beginning") {
  StreamReader reader = running_reader();
  Client client(reader);
  SECTION("is read from its next start line") {
    CHECK(client.send(kOptions) == messages({kOptions}));
  }
  SECTION("may begin with a keepalive") {
    CHECK(client.send("\r\n\r\n").keepalives > 0);
    CHECK(client.send(kOptions).messages.size() == 1);
  }
  SECTION("ends when it goes on within a message") {
    CHECK(client.send("User-Agent: friendly-scanner\r\n\r\n").trouble == Trouble::mid_message);
  }
  SECTION("goes on if the reader has only just started") {
    StreamReader young({});
    Client early(young);
    CHECK(early.send("Max-Forwards: 70\r\n\r\n", kStart) == Told{});
    CHECK(early.send(kOptions, kStart) == messages({kOptions}));
  }
  SECTION("goes on where all is let pass") {
    client.lenient = true;
    CHECK(client.send("Max-Forwards: 70\r\n\r\n").trouble == Trouble::mid_message);
    CHECK(client.send(kOptions) == messages({kOptions}));
  }
}

const std::string kHarmless =
    "MESSAGE sip:100@192.0.2.1 SIP/2.0\r\nVia: SIP/2.0/TCP 198.51.100.7;branch=z9hG4bK3\r\nContent-Length: "
    "0\r\n\r\n";
constexpr auto kPatience = std::chrono::seconds(10);

std::string_view half(const std::string& message) {
  return std::string_view(message).substr(0, message.size() / 2);
}
std::string_view rest(const std::string& message) {
  return std::string_view(message).substr(message.size() / 2);
}

// Where no byte of the client's own will lie.
std::uint32_t anywhere() {
  return GENERATE(5000U, ByteSequence::kAheadMax + 1, 0x60000000U, 0U - 200U, 0U - 5000U, 0U - 0x60000000U);
}

std::string anything() {
  return GENERATE(as<std::string>(), "\r\n", kHarmless, "nothing\r\n", "x", "INVITE",
                  "MESSAGE sip:a SIP/2.0\r\nContent-Length: 60000\r\n\r\n",
                  "MESSAGE sip:a SIP/2.0\r\nX: ", "MESSAGE sip:a SIP/2.0\r\nl: 1\r\nl: 2\r\n\r\n");
}

TEST_CASE("a forged segment cuts nobody off whose connection is older than the reader") {
  const std::uint32_t away = anywhere();
  const std::string forged = anything();
  CAPTURE(away, forged);
  StreamReader reader = running_reader();
  Client client(reader, 0x40000000);
  SECTION("before its first message") {
    (void)client.at(away, forged);
    CHECK(client.send(kMessage) == messages({kMessage}));
    CHECK(client.send(kOptions) == messages({kOptions}));
  }
  SECTION("between two messages") {
    CHECK(client.send(kMessage) == messages({kMessage}));
    (void)client.at(away, forged);
    CHECK(client.send(kOptions) == messages({kOptions}));
  }
  SECTION("within a message") {
    CHECK(client.send(half(kMessage)) == Told{});
    (void)client.at(away, forged);
    CHECK(client.send(rest(kMessage)) == messages({kMessage}));
    CHECK(client.send(kOptions) == messages({kOptions}));
  }
  SECTION("when it is refused and ends what it seems to be of") {
    Client other(reader, 0x40000000 + away);
    other.end = true;
    (void)other.send(forged);
    (void)other.send(kOptions);
    CHECK(client.send(kMessage) == messages({kMessage}));
    CHECK(client.send(kOptions) == messages({kOptions}));
  }
}

TEST_CASE("what neither goes on nor begins is dropped, for a while; then it is told that it cannot be read") {
  StreamReader reader = running_reader();
  Client client(reader, 0x40000000);
  CHECK(client.at(5000, kHarmless) == messages({kHarmless}));
  const std::string_view middle = rest(kOptions);
  CHECK(client.at(0, middle) == Told{{}, 0, Trouble::unplaced});
  SECTION("not yet") {
    CHECK(client.at(0, middle, kLater + kPatience - std::chrono::milliseconds(1)).trouble ==
          Trouble::unplaced);
  }
  SECTION("something else has not waited as long") {
    CHECK(client.at(100, middle, kLater + kPatience).trouble == Trouble::unplaced);
  }
  SECTION("now") {
    CHECK(client.at(0, middle, kLater + kPatience).trouble == Trouble::mid_message);
    CHECK(client.expected == client.next());
  }
  SECTION("what may begin a message is read then") {
    CHECK(client.at(0, "OPTI", kLater + kPatience) == Told{});
    CHECK(client.at(4, kOptions.substr(4), kLater + kPatience) == messages({kOptions}));
  }
}

TEST_CASE("a message that is unfinished for more than a minute is never finished") {
  const auto silent = GENERATE(std::chrono::milliseconds(60'000), std::chrono::milliseconds(60'001));
  CAPTURE(silent.count());
  StreamReader reader = running_reader();
  Client client(reader);
  CHECK(client.send(half(kMessage)) == Told{});
  if (GENERATE(false, true)) CHECK(client.at(5000, kHarmless) == messages({kHarmless}));
  Client(reader, 1, 2).send("\r\n", kLater + silent);  // makes the reader look for silent ones
  if (silent <= std::chrono::minutes(1)) {
    CHECK(client.send(rest(kMessage), kLater + silent) == messages({kMessage}));
    CHECK(reader.table().evictions() == 0);
  } else {
    CHECK(client.at(0, rest(kMessage), kLater + silent).trouble == Trouble::unplaced);
    CHECK(client.at(0, kHarmless, kLater + silent).trouble == Trouble::unplaced);
    CHECK(client.at(0, rest(kMessage), kLater + silent + kPatience).trouble == Trouble::lost_bytes);
    CHECK(reader.table().evictions() == 1);
    CHECK(client.at(1, kHarmless, kLater + silent) == messages({kHarmless}));
  }
}

TEST_CASE("what lies before the guess is read, never taken for read") {
  StreamReader reader = running_reader();
  Client client(reader);
  const auto at = static_cast<std::uint32_t>(kOptions.size());
  SECTION("a message before a message") {
    CHECK(client.at(at, kHarmless) == messages({kHarmless}));
    CHECK(client.at(0, kOptions).messages.front() == kOptions);
  }
  SECTION("a head before what looked like one") {
    const std::string head = "OPTIONS sip:a SIP/2.0\r\nUser-Agent: friendly-scanner\r\nX: ";
    CHECK(client.at(static_cast<std::uint32_t>(head.size()), kHarmless) == messages({kHarmless}));
    const Told told = client.at(0, head);
    REQUIRE_FALSE(told.messages.empty());
    CHECK(told.messages.front() == head + kHarmless);
  }
  SECTION("a part of a message is not let in") {
    CHECK(client.at(at, kHarmless) == messages({kHarmless}));
    CHECK(client.at(0, "x\r\nUser-Agent: friendly-scanner\r\n").trouble == Trouble::unplaced);
  }
}

TEST_CASE("bytes ahead of a guess do not pass before they are read: its receiver may be there already") {
  StreamReader reader = running_reader();
  Client client(reader);
  CHECK(client.send("M") == Told{});
  CHECK(client.at(900, kOptions) == messages({kOptions}));
  CHECK(client.at(500, "r: x\r\n\r\n").trouble == Trouble::unplaced);
}

TEST_CASE(
    "a request within a message ends the connection, however it is cut: to its receiver it may be one") {
  const std::string hidden = "OPTIONS sip:h SIP/2.0\r\n";
  const std::string before =
      GENERATE(as<std::string>(), "MESSAGE sip:a SIP/2.0\r\nContent-Length: 5000\r\n\r\nbody\r\nand ",
               "MESSAGE sip:a SIP/2.0\r\nContent-Length: 5000\r\nX: ",
               "SIP/2.0 200 OK\r\nContent-Length: 3000\r\nX: ");
  const std::string both = before + hidden + "\r\n";
  const bool seen = GENERATE(false, true);
  for (std::size_t cut = 1; cut < both.size(); ++cut) {
    CAPTURE(before, cut);
    StreamReader reader = running_reader();
    Client client(reader);
    if (seen) (void)client.syn();
    const Told told = client.send(std::string_view(both).substr(0, cut));
    const bool ends = !seen && !before.ends_with("X: ") && cut >= (before + hidden).size() - 2;
    CHECK(told.trouble == (ends ? Trouble::embedded : Trouble::none));
    if (ends) continue;
    const Told then = client.send(std::string_view(both).substr(cut));
    CHECK(then.trouble == (seen ? Trouble::none : Trouble::embedded));
  }
}

TEST_CASE("a message whose body holds none is read once, and so is the one behind it") {
  StreamReader reader = running_reader();
  Client client(reader);
  CHECK(client.send(kMessage + kOptions + "\r\n\r\n" + kMessage).messages ==
        std::vector{kMessage, kOptions, kMessage});
  CHECK(client.send(kMessage.substr(0, kMessage.size() - 3)).messages.size() == 1);
  CHECK(client.send(kMessage.substr(kMessage.size() - 3) + kOptions) == messages({kOptions}));
}

TEST_CASE("an ended guess is told by its own numbers alone, and the client may go on elsewhere") {
  StreamReader reader = running_reader();
  Client client(reader);
  Client forged(reader, 0x40000000);
  CHECK(forged.send("of a body\r\n").trouble == Trouble::mid_message);
  CHECK(forged.expected == 0x40000001);
  CHECK(client.send(kMessage) == messages({kMessage}));
  const std::uint32_t expected = client.next();
  CHECK(client.at(0, kOptions + "GET / HTTP/1.1\r\n").trouble == Trouble::not_sip);
  CHECK(client.expected == expected);
}

TEST_CASE("what a message that ended its connection was to finish is never finished") {
  StreamReader reader = running_reader();
  Client client(reader);
  CHECK(client.send(half(kOptions)) == Told{});
  client.end = true;
  CHECK(client.at(0, rest(kOptions)) == messages({kOptions}));
  client.end = false;
  CHECK(client.at(0, "\r\n\r\n").trouble == Trouble::unplaced);
  CHECK(client.at(0, kHarmless).trouble == Trouble::unplaced);
  client.jump(5000);
  CHECK(client.send(kHarmless) == messages({kHarmless}));
}

TEST_CASE("a client that begins message after message is followed at so many places") {
  StreamReader reader = running_reader();
  Client client(reader, 0);
  for (int i = 0; i <= 7; ++i) {
    client.jump(5000);
    CHECK(client.at(0, half(kMessage)) == Told{});
  }
  client.jump(5000);
  CHECK(client.at(0, half(kMessage)).trouble == Trouble::none);
  client.jump(5000);
  CHECK(client.at(0, kHarmless).trouble == Trouble::lost_bytes);
  Client first(reader, 5000 + static_cast<std::uint32_t>(half(kMessage).size()));
  CHECK(first.send(rest(kMessage)) == messages({kMessage}));
}

TEST_CASE("a SYN between the ports of a living connection that is not known says nothing") {
  StreamReader reader = running_reader();
  Client forged(reader, 0x40000000);
  CHECK(forged.syn(true) == Told{});
  Client client(reader);
  CHECK(client.send(kMessage) == messages({kMessage}));
  CHECK(client.send(kOptions) == messages({kOptions}));
}

TEST_CASE("driven out before its handshake was over, a connection is read wherever it goes on") {
  StreamReader reader = running_reader({.connections_per_source = 4});
  Client client(reader);
  (void)client.syn();
  for (std::uint16_t port = 100; port < 104; ++port) (void)Client(reader, 1, port).syn();
  SECTION("at its first byte") {
    CHECK(client.send(kOptions) == messages({kOptions}));
  }
  SECTION("behind bytes that its receiver ignores, which would be the head of a message") {
    const std::string ignored = "MESSAGE sip:a SIP/2.0\r\nContent-Length: 5000\r\n\r\n";
    CHECK(client.at(0U - static_cast<std::uint32_t>(ignored.size()), ignored).messages.size() == 1);
    CHECK(client.send(kOptions) == Told{{}, 0, Trouble::embedded});
  }
  SECTION("ahead of its first byte, which comes later") {
    const std::string head = "OPTIONS sip:a SIP/2.0\r\n";
    CHECK(client.at(static_cast<std::uint32_t>(head.size()), kHarmless) == messages({kHarmless}));
    CHECK(client.at(0, head).messages.front() == head + kHarmless);
  }
}

TEST_CASE("an evicted connection that goes on is told each time, and whoever forges one does not help it") {
  StreamReader reader = running_reader({.connections = 2});
  Client client(reader);
  (void)client.syn();
  (void)client.send(half(kOptions));
  for (std::uint16_t port = 1; port < 4; ++port) (void)Client(reader, 1, port).send(kOptions);
  CHECK(client.at(9000, kHarmless).trouble == Trouble::lost_bytes);
  CHECK(client.at(0, "\r\n\r\n").trouble == Trouble::lost_bytes);
  CHECK(client.expected == client.next());
}

TEST_CASE("a segment for which there is no place does not pass unread") {
  StreamReader reader({.connections = 1});
  CHECK(Client(reader, 1, 1).send(kHarmless) == messages({kHarmless}));
  Client stranger(reader, 1, 2);
  stranger.proven = false;
  CHECK(stranger.send(kOptions).trouble == Trouble::no_room);
  CHECK(stranger.at(0, "") == Told{});
}

}  // namespace
}  // namespace sipward::stream
