// How much of a message, a connection and a source is kept.
#include <fmt/format.h>

#include "client.h"

namespace sipward::stream {
namespace {

using namespace testing;  // NOLINT: the client and its messages

TEST_CASE("a message may have so many bytes, head and body, and not one more") {
  const std::size_t most = GENERATE(std::size_t{1024}, std::size_t{4000}, std::size_t{65535});
  const std::size_t more = GENERATE(std::size_t{0}, std::size_t{1});
  CAPTURE(most, more);
  StreamReader reader = running_reader({.message_max = most});
  Client client(reader);
  if (GENERATE(true, false)) (void)client.syn();
  const std::string begin = "MESSAGE sip:a SIP/2.0\r\nContent-Length: ";
  const std::size_t digits = std::to_string(most - begin.size()).size();
  const std::size_t body = most + more - begin.size() - digits - 4;
  const std::string head = fmt::format("{}{:0{}}\r\n\r\n", begin, body, digits);
  REQUIRE(head.size() + body == most + more);
  const Told told = client.send(head);
  CHECK(told.messages == std::vector{head});  // it is judged before the connection ends
  CHECK(told.trouble == (more == 0 ? Trouble::none : Trouble::no_length));
  if (more != 0) return;
  CHECK(client.send(std::string(body, 'x')) == Told{});
  CHECK(client.send(kOptions) == messages({kOptions}));
}

TEST_CASE("a head that has not ended may have as many bytes as a message") {
  const std::size_t most = GENERATE(std::size_t{1024}, std::size_t{65535});
  StreamReader reader = running_reader({.message_max = most});
  Client client(reader);
  if (GENERATE(true, false)) (void)client.syn();
  const std::string line = "OPTIONS sip:a SIP/2.0\r\n";
  (void)client.send(line);
  CHECK(client.send(std::string(most - line.size(), 'x')) == Told{});
  CHECK(client.send("x").trouble == Trouble::head_too_large);
}

// A segment with the beginning of a head, and what the caller keeps of it.
Trouble keep(StreamReader& reader, std::uint16_t port, const std::shared_ptr<void>& companion,
             std::size_t size) {
  packet::Datagram datagram;
  datagram.source = *Address::parse("198.51.100.7");
  datagram.source_port = port;
  datagram.protocol = packet::Protocol::tcp;
  datagram.tcp = {.sequence = 1, .ack = true};
  datagram.payload = "OPTIONS sip:a SIP/2.0\r\n";
  Segment segment = reader.take({datagram, true}, kLater);
  while (segment.next()) {
  }
  REQUIRE_FALSE(segment.unfinished().empty());
  segment.keep(companion, size);
  return segment.trouble();
}

TEST_CASE("what the caller keeps of unfinished heads counts, for the source and in total") {
  const auto companion = std::make_shared<int>(7);
  SECTION("it is charged, and freed with its head") {
    StreamReader reader = running_reader();
    const std::size_t before = reader.table().bytes();
    CHECK(keep(reader, 1, companion, 5000) == Trouble::none);
    CHECK(reader.table().bytes() >= before + 5000);
    CHECK(companion.use_count() == 2);
    packet::Datagram rest;
    rest.source = *Address::parse("198.51.100.7");
    rest.source_port = 1;
    rest.tcp = {.sequence = 24, .ack = true};
    rest.payload = "Content-Length: 0\r\n\r\n";
    Segment segment = reader.take({rest, true}, kLater);
    CHECK(segment.next().has_value());
    CHECK_FALSE(segment.next().has_value());
    CHECK(companion.use_count() == 1);
    CHECK(reader.table().bytes() < before + 5000);
  }
  SECTION("within the source's share") {
    StreamReader reader = running_reader({.bytes_per_source = 10000});
    CHECK(keep(reader, 1, companion, 4800) == Trouble::none);
    CHECK(keep(reader, 2, companion, 4800) == Trouble::none);
    CHECK(keep(reader, 3, companion, 4800) == Trouble::over_share);
  }
  SECTION("within the whole") {
    StreamReader reader = running_reader({.bytes = 10000, .bytes_per_source = 100000});
    for (std::uint16_t port = 1; port <= 2; ++port)
      CHECK(keep(reader, port, companion, 4800) == Trouble::none);
    CHECK(companion.use_count() == 3);
    CHECK(keep(reader, 3, companion, 4800) == Trouble::none);
    CHECK(reader.table().evictions() == 1);
    CHECK(companion.use_count() == 3);
    CHECK(reader.table().bytes() <= 10000);
  }
}

TEST_CASE("a connection that was driven out within a message is ended when it goes on") {
  StreamReader reader = running_reader({.connections = 2});
  Client client(reader);
  (void)client.syn();
  (void)client.send("REGISTER sip:a SIP/2.0\r\nContent-Length: 5000\r\n\r\n");
  for (std::uint16_t port = 1; port < 4; ++port) (void)Client(reader, 1, port).send(kOptions);
  const Told told = client.send(kOptions);
  CHECK(told.messages.empty());
  CHECK(told.trouble == Trouble::lost_bytes);
}

TEST_CASE("a source with more unfinished messages than its share loses the connection that asks for more") {
  StreamReader reader = running_reader({.bytes_per_source = 20000});
  const std::string head = "OPTIONS sip:a SIP/2.0\r\nX: " + std::string(9000, 'x');
  Client one(reader, 1, 11), two(reader, 1, 12), three(reader, 1, 13);
  CHECK(one.send(head).trouble == Trouble::none);
  CHECK(two.send(head).trouble == Trouble::none);
  CHECK(three.send(head).trouble == Trouble::over_share);
}

}  // namespace
}  // namespace sipward::stream
