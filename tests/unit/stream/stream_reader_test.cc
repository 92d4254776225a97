#include "stream/stream_reader.h"

#include "support/catch.h"

using namespace sipward;
using namespace sipward::stream;

namespace {

constexpr Instant kStart{std::chrono::hours(1)};
constexpr Instant kLater = kStart + std::chrono::minutes(5);  // the start's grace is over

const std::string kOptions =
    "OPTIONS sip:100@192.0.2.1 SIP/2.0\r\nVia: SIP/2.0/TCP 198.51.100.7;branch=z9hG4bK1\r\nUser-Agent: "
    "friendly-scanner\r\nContent-Length: 0\r\n\r\n";
const std::string kMessage =
    "MESSAGE sip:100@192.0.2.1 SIP/2.0\r\nVia: SIP/2.0/TCP 198.51.100.7;branch=z9hG4bK2\r\nl: "
    "9\r\n\r\nOPTIONS s";

struct Told {
  std::vector<std::string> messages;
  unsigned keepalives = 0;
  Trouble trouble = Trouble::none;
  friend bool operator==(const Told&, const Told&) = default;
};

// A client's side of one connection.
class Client {
 public:
  explicit Client(StreamReader& reader, std::uint32_t first = 1000, std::uint16_t port = 40000)
      : reader_(reader), next_(first + 1) {
    datagram_.source = *Address::parse("198.51.100.7");
    datagram_.destination = *Address::parse("192.0.2.1");
    datagram_.protocol = packet::Protocol::tcp;
    datagram_.source_port = port;
    datagram_.destination_port = 5060;
  }

  // `living`: the kernel knows a connection between these ports, and that it has not ended.
  Told syn(bool living = false, Instant now = kLater) {
    datagram_.tcp = {.sequence = next_ - 1, .syn = true};
    return receive({}, now, living);
  }
  Told at(std::uint32_t offset, std::string_view bytes, Instant now = kLater) {
    datagram_.tcp = {.sequence = next_ + offset, .acknowledgment = 1, .ack = true};
    return receive(bytes, now, proven);
  }
  Told send(std::string_view bytes, Instant now = kLater) {
    const Told told = at(0, bytes, now);
    next_ += static_cast<std::uint32_t>(bytes.size());
    return told;
  }
  void jump(std::uint32_t bytes) { next_ += bytes; }

  bool lenient = false;
  bool proven = true;
  bool cut = false;
  std::uint32_t expected = 0;
  bool end = false;  // end the connection at its first message

 private:
  Told receive(std::string_view bytes, Instant now, bool is_proven) {
    datagram_.payload = bytes;
    Segment segment = reader_.take({datagram_, is_proven, lenient, cut}, now);
    Told told;
    while (const auto item = segment.next()) {
      if (item->is_keepalive)
        ++told.keepalives;
      else
        told.messages.emplace_back(item->bytes);
      if (!end) continue;
      segment.end();
      break;
    }
    told.trouble = segment.trouble();
    expected = segment.expected();
    return told;
  }

  StreamReader& reader_;
  std::uint32_t next_;
  packet::Datagram datagram_;
};

// A reader that has been there for a while.
StreamReader running_reader(const TableLimits& limits = {}) {
  StreamReader reader(limits);
  Client(reader, 0, 1).send("\r\n", kStart);
  return reader;
}

Told messages(std::vector<std::string> all) {
  return {std::move(all)};
}

}  // namespace

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

TEST_CASE("what ends before it is proven is forgotten, not held against the client") {
  StreamReader reader = running_reader();
  Client forged(reader);
  forged.proven = false;
  forged.end = true;
  (void)forged.send(kOptions);
  Client client(reader, 77777);
  CHECK(client.send(kMessage).messages.size() == 1);
}

TEST_CASE("data in a SYN is refused, and comes again") {
  StreamReader reader = running_reader();
  packet::Datagram datagram;
  datagram.protocol = packet::Protocol::tcp;
  datagram.tcp.syn = true;
  datagram.payload = kOptions;
  CHECK(reader.take({datagram}, kLater).trouble() == Trouble::data_in_syn);
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

TEST_CASE("a head has an end") {
  StreamReader reader = running_reader();
  Client client(reader);
  (void)client.syn();
  (void)client.send("OPTIONS sip:a SIP/2.0\r\n");
  const std::string header = "X: " + std::string(1000, 'x') + "\r\n";
  std::size_t sent = 23;
  Told told;
  while (told.trouble == Trouble::none && sent < 2 * StreamReader::kHeadMax) {
    told = client.send(header);
    sent += header.size();
  }
  CHECK(told.trouble == Trouble::head_too_large);
  CHECK(sent > StreamReader::kHeadMax);
  CHECK(sent < StreamReader::kHeadMax + 2 * header.size());
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
