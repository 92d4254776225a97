// Segments to messages, of connections that are seen from their beginning.
#include "client.h"

namespace sipward::stream {
namespace {

using namespace testing;  // NOLINT: the client and its messages

TEST_CASE("one segment, one message; several; and keepalives between") {
  StreamReader reader = running_reader();
  Client client(reader);
  CHECK(client.syn() == Told{});
  CHECK(client.send(kOptions) == messages({kOptions}));
  CHECK(client.send(kMessage + kOptions) == messages({kMessage, kOptions}));
  const Told told = client.send("\r\n\r\n" + kMessage + "\r\n\r\n");
  CHECK(told.messages == std::vector{kMessage});
  CHECK(told.keepalives > 0);
}

TEST_CASE("a message cut anywhere is read when its head is whole") {
  const std::string both = kMessage + kOptions;
  for (std::size_t cut = 1; cut < both.size(); ++cut) {
    StreamReader reader = running_reader();
    Client client(reader);
    (void)client.syn();
    Told first = client.send(std::string_view(both).substr(0, cut));
    const Told second = client.send(std::string_view(both).substr(cut));
    CAPTURE(cut);
    first.messages.insert(first.messages.end(), second.messages.begin(), second.messages.end());
    REQUIRE(first.messages.size() == 2);
    CHECK(first.messages[0].substr(0, 80) == kMessage.substr(0, 80));
    CHECK(first.messages[1] == kOptions);
    CHECK(second.trouble == Trouble::none);
  }
}

TEST_CASE("a byte at a time, forward and in reverse") {
  for (const bool reverse : {false, true}) {
    StreamReader reader = running_reader();
    Client client(reader);
    (void)client.syn();
    std::vector<std::string> all;
    for (std::size_t i = 0; i < kOptions.size(); ++i) {
      const std::size_t at = reverse ? kOptions.size() - 1 - i : i;
      const Told told = client.at(static_cast<std::uint32_t>(at), std::string_view(kOptions).substr(at, 1));
      REQUIRE(told.trouble == Trouble::none);
      all.insert(all.end(), told.messages.begin(), told.messages.end());
      if (i + 1 < kOptions.size()) REQUIRE(all.empty());
    }
    CHECK(all == std::vector{kOptions});
  }
}

TEST_CASE("a retransmission is not read again; one that says something else is refused") {
  StreamReader reader = running_reader();
  Client client(reader);
  (void)client.syn();
  CHECK(client.at(0, kOptions).messages.size() == 1);
  CHECK(client.at(0, kOptions) == Told{});
  std::string changed = kOptions;
  changed[0] = 'X';
  CHECK(client.at(0, changed).trouble == Trouble::contradiction);
  client.jump(static_cast<std::uint32_t>(kOptions.size()));
  CHECK(client.send(kMessage).messages.size() == 1);
}

TEST_CASE("a first copy that never arrives hides nothing") {
  StreamReader reader = running_reader();
  Client client(reader);
  (void)client.syn();
  std::string harmless = kOptions;
  harmless.replace(harmless.find("friendly"), 8, "Yealink ");
  CHECK(client.at(0, harmless).messages.size() == 1);
  CHECK(client.at(0, kOptions).trouble == Trouble::contradiction);
}

TEST_CASE("a forged segment neither ends a connection nor says what its bytes are") {
  StreamReader reader = running_reader();
  Client client(reader);
  client.proven = true;
  (void)client.syn();
  (void)client.send(std::string_view(kOptions).substr(0, 40));
  client.proven = false;  // conntrack does not know it as a segment of the connection
  for (const std::uint32_t away : {1U, 5000U, 0x20000000U, 0x80000000U, 0xfffffff0U}) {
    CAPTURE(away);
    const Told told = client.at(away, "INVITE sip:a SIP/2.0\r\nContent-Length: -1\r\n\r\n");
    CHECK(told == Told{{}, 0, Trouble::unproven});
    CHECK_FALSE(ends_connection(told.trouble));
  }
  client.proven = true;
  CHECK(client.send(std::string_view(kOptions).substr(40)) == messages({kOptions}));
}

TEST_CASE("what is marked as urgent does not pass, not even the word that something later will be") {
  for (const std::string_view payload : {std::string_view(kOptions), std::string_view()}) {
    StreamReader reader = running_reader();
    Client client(reader, 1000);
    (void)client.syn();
    packet::Datagram datagram;
    datagram.protocol = packet::Protocol::tcp;
    datagram.tcp = {.sequence = 1001, .ack = true, .urg = true};
    datagram.payload = payload;
    Segment segment = reader.take({datagram, true}, kLater);
    CHECK_FALSE(segment.next().has_value());
    CHECK(segment.trouble() == Trouble::urgent);
    CHECK(client.send(kOptions) == messages({kOptions}));
  }
}

TEST_CASE("after the end nothing arrives, until a new connection is made") {
  StreamReader reader = running_reader();
  Client client(reader, 1000);
  (void)client.syn();
  (void)client.send(kMessage);
  client.end = true;
  CHECK(client.send(kOptions).messages.size() == 1);
  CHECK(client.expected == 1001 + kMessage.size());
  CHECK(client.send(kMessage).trouble == Trouble::after_end);
  CHECK(client.at(0, "").trouble == Trouble::none);
  Client again(reader, 0x70000000);
  (void)again.syn();
  CHECK(again.send(kMessage).messages.size() == 1);
}

TEST_CASE("what is not SIP ends the connection") {
  StreamReader reader = running_reader();
  Client client(reader);
  (void)client.syn();
  CHECK(client.send("\x16\x03\x01\x02").trouble == Trouble::not_sip);
  Client after(reader, 1000, 40001);
  (void)after.syn();
  CHECK(after.send(kMessage + "GET / HTTP/1.1\r\n").trouble == Trouble::not_sip);
}

TEST_CASE("a Content-Length that stacks read differently ends the connection, behind its message") {
  for (const char* length : {"Content-Length: 5\r\nl: 9", "Content-Length: -1", "Content-Length: x", "X: y",
                             "Content-Length: 65500"}) {
    StreamReader reader = running_reader();
    Client client(reader);
    (void)client.syn();
    const Told told = client.send(fmt::format("OPTIONS sip:a SIP/2.0\r\n{}\r\n\r\n", length));
    CAPTURE(length);
    CHECK(told.messages.size() == 1);
    CHECK(told.trouble == Trouble::no_length);
  }
  StreamReader reader = running_reader();
  Client client(reader);
  (void)client.syn();
  CHECK(client.send("OPTIONS sip:a SIP/2.0\r\nContent-Length: 65487\r\n\r\n").trouble == Trouble::none);
}

TEST_CASE("a head that ends with a bare LF ends the connection behind it: PJSIP reads on") {
  StreamReader reader = running_reader();
  Client client(reader);
  (void)client.syn();
  const std::string head = "OPTIONS sip:a SIP/2.0\r\nContent-Length: 0\r\n\n";
  CHECK(client.send(head + kOptions) == Told{{head}, 0, Trouble::no_length});
}

TEST_CASE("bytes that passed unseen") {
  StreamReader reader = running_reader();
  Client client(reader);
  (void)client.syn();
  (void)client.send(kOptions);
  client.jump(300);
  CHECK(client.send(kMessage) == Told{});
  SECTION("are waited for") {
    CHECK(client.send(kOptions, kLater + std::chrono::milliseconds(29'999)) == Told{});
  }
  SECTION("then reading goes on at a start line") {
    CHECK(client.send(kOptions, kLater + std::chrono::seconds(30)) == messages({kMessage, kOptions}));
    client.jump(0U - static_cast<std::uint32_t>(2 * kOptions.size()));
    CHECK(client.at(0, "hidden").trouble != Trouble::none);
  }
  SECTION("or the connection ends when no start line follows") {
    StreamReader other = running_reader();
    Client lost(other);
    (void)lost.syn();
    (void)lost.send(std::string_view(kOptions).substr(0, 40));
    lost.jump(20);
    Told told;
    for (int i = 0; i < 100 && told.trouble == Trouble::none; ++i)
      told = lost.send(std::string(1000, 'x'), kLater + std::chrono::seconds(31) * i);
    CHECK(told.trouble == Trouble::lost_bytes);
    CHECK(ends_connection(told.trouble));
  }
}

TEST_CASE("a segment that is not there whole is refused, and read when it is") {
  StreamReader reader = running_reader();
  Client client(reader);
  (void)client.syn();
  client.cut = true;
  CHECK(client.at(0, kOptions).trouble == Trouble::cut_short);
  client.cut = false;
  CHECK(client.at(0, kOptions).messages.size() == 1);
}

}  // namespace
}  // namespace sipward::stream
