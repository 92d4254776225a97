// TCP: what becomes of segments, of their connections and of their sources.
#include "bench.h"

namespace sipward::shield {
namespace {

using namespace sipward::test;  // NOLINT: packets made by hand
using decide::Reason;
using decide::SourceClass;
using std::chrono::hours;

constexpr std::uint32_t kServerNumber = 7'000'000;
constexpr std::uint16_t kServerPort = 5060;
// The time at which whatever was on its way when the shield started has arrived.
constexpr std::int64_t kLater = 60'000;

void set32(Packet& packet, std::size_t at, std::uint32_t value) {
  set16(packet, at, value >> 16U);
  set16(packet, at + 2, value & 0xffffU);
}

// One connection, as its client sends.
class Client {
 public:
  explicit Client(Bench& bench, std::string source = "198.51.100.7", std::uint16_t port = 40001,
                  std::uint32_t first = 0xffffff00)
      : bench_(bench), source_(std::move(source)), port_(port), next_(first) {}

  Outcome syn(std::int64_t ms = kLater) {
    const Outcome outcome = segment("", 0x02, ms);
    ++next_;
    return outcome;
  }
  // In order.
  Outcome send(std::string_view bytes, std::int64_t ms = kLater) {
    const Outcome outcome = segment(bytes, 0x18, ms);
    next_ += static_cast<std::uint32_t>(bytes.size());
    return outcome;
  }
  // `offset` bytes ahead of what was sent, and not counted as sent.
  Outcome send_at(std::int32_t offset, std::string_view bytes, std::int64_t ms = kLater) {
    next_ += static_cast<std::uint32_t>(offset);
    const Outcome outcome = segment(bytes, 0x18, ms);
    next_ -= static_cast<std::uint32_t>(offset);
    return outcome;
  }
  [[nodiscard]] std::uint32_t next() const { return next_; }

 private:
  Outcome segment(std::string_view bytes, std::uint8_t flags, std::int64_t ms) {
    Packet packet = tcp(bytes, 0, port_, kServerPort);
    set32(packet, 4, next_);
    set32(packet, 8, flags == 0x02 ? 0 : kServerNumber);
    set8(packet, 13, flags);
    const bool v4 = address(source_).family() == Family::ipv4;
    return bench_.process(v4 ? ipv4(kTcp, packet, source_) : ipv6(kTcp, packet, source_), at(ms),
                          flags != 0x02);
  }

  Bench& bench_;
  std::string source_;
  std::uint16_t port_;
  std::uint32_t next_;
};

// A bench that has been running for a while.
struct Running {
  explicit Running(SourceClass source_class = SourceClass::unknown) : bench(source_class) {
    (void)Client(bench, "203.0.113.99").send("\r\n", 0);
  }
  Bench bench;
};

std::string_view value_of(const Outcome& outcome) {
  return outcome.consequences.evidence ? std::string_view(outcome.consequences.evidence->value)
                                       : "no evidence";
}

TEST_CASE("a scanner's message on TCP: dropped, its connection ended, its source banned for UDP too") {
  const std::string source = GENERATE(as<std::string>(), "198.51.100.7", "2001:db8::7");
  Running running;
  Client client(running.bench, source);
  CHECK(client.syn().reason == Reason::tcp_data);
  const std::uint32_t first = client.next();
  const Outcome outcome = client.send(kScan);
  CHECK(outcome.reason == Reason::signature);
  REQUIRE(outcome.consequences.ban.has_value());
  CHECK(outcome.consequences.ban->duration == std::chrono::minutes(10));
  CHECK(outcome.consequences.ban->cause.verified);
  REQUIRE(outcome.consequences.reset.has_value());
  const inject::TcpReset& reset = *outcome.consequences.reset;
  CHECK(reset.client.address == address(source));
  CHECK(reset.client.port == 40001);
  CHECK(reset.server.address ==
        address(source.find(':') == std::string::npos ? "192.0.2.1" : "2001:db8:1::1"));
  CHECK(reset.server.port == kServerPort);
  CHECK(reset.server_expects == first);  // the softswitch never saw the message
  CHECK(reset.client_expects == kServerNumber);

  const Outcome later = client.send(kInvite);
  CHECK(later.reason == Reason::banned);
  CHECK_FALSE(later.consequences.reset.has_value());
  CHECK(running.bench.udp(kInvite, at(kLater + 1), source).reason == Reason::banned);
  CHECK(running.bench.udp(kInvite, at(kLater + 1), "198.51.100.8").reason == Reason::request);
}

TEST_CASE("what is only refused ends its connection and bans nobody") {
  Running running;
  Client client(running.bench);
  (void)client.syn();
  const Outcome outcome = client.send(options(1));
  CHECK(outcome.reason == Reason::method);
  CHECK_FALSE(outcome.consequences.ban.has_value());
  CHECK(outcome.consequences.reset.has_value());

  const Outcome later = client.send(kInvite);
  CHECK(later.reason == Reason::tcp_stream);
  CHECK_FALSE(later.consequences.reset.has_value());  // it was told already
  CHECK(running.bench.counters()
            .worker(0)
            .tcp_trouble[static_cast<std::size_t>(stream::Trouble::after_end)]
            .get() == 1);
  CHECK(running.bench.udp(kInvite, at(kLater)).reason == Reason::request);

  Client again(running.bench, "198.51.100.7", 40002);
  (void)again.syn();
  CHECK(again.send(kInvite).reason == Reason::request);
}

TEST_CASE(
    "a message that is cut: the segment that gives it away is dropped, and its connection ended there") {
  const std::size_t named = kScan.find("friendly-scanner") + 16;
  for (const std::size_t cut :
       {std::size_t{1}, std::size_t{7}, kScan.size() / 2, named - 3, kScan.size() - 1}) {
    CAPTURE(cut);
    Running running;
    Client client(running.bench);
    (void)client.syn();
    std::uint32_t begin = client.next();
    Outcome outcome = client.send(std::string_view(kScan).substr(0, cut));
    if (cut < named) CHECK(outcome.reason == Reason::tcp_data);
    if (outcome.reason == Reason::tcp_data) {
      begin = client.next();
      outcome = client.send(std::string_view(kScan).substr(cut));
    }
    CHECK(outcome.reason == Reason::signature);
    CHECK(outcome.consequences.ban.has_value());
    REQUIRE(outcome.consequences.reset.has_value());
    CHECK(outcome.consequences.reset->server_expects == begin);
    CHECK(client.send(kInvite).reason == Reason::banned);
  }
}

TEST_CASE("several messages in a segment pass together or not at all") {
  Running running;
  Client client(running.bench);
  (void)client.syn();
  CHECK(client.send(kInvite + "\r\n\r\n" + text({.method = "REGISTER"})).reason == Reason::request);
  CHECK(running.bench.counters().method_read(metrics::method_index("INVITE")) == 1);
  CHECK(running.bench.counters().method_read(metrics::method_index("REGISTER")) == 1);
  const std::uint32_t mixed = client.next();
  const Outcome outcome = client.send(kInvite + kScan + kInvite);
  CHECK(outcome.reason == Reason::signature);
  REQUIRE(outcome.consequences.reset.has_value());
  CHECK(outcome.consequences.reset->server_expects == mixed);
  CHECK(running.bench.counters().method_read(metrics::method_index("INVITE")) == 3);  // the last is not read
  CHECK(running.bench.counters().method_dropped(metrics::method_index("INVITE")) == 1);
}

TEST_CASE("a good message before a bad one, each in its segment") {
  Running running;
  Client client(running.bench);
  (void)client.syn();
  CHECK(client.send(kInvite).reason == Reason::request);
  CHECK(client.send("\r\n\r\n").reason == Reason::keepalive);
  CHECK(client.send(kInvite).reason == Reason::request);
  CHECK(client.send(kScan).reason == Reason::signature);
  CHECK(running.bench.source("198.51.100.7").source.dropped() == 1);
}

TEST_CASE("segments in the wrong order are read in the right one") {
  Running running;
  Client client(running.bench);
  (void)client.syn();
  const std::string_view scan = kScan;
  const std::uint32_t first = client.next();
  CHECK(client.send_at(100, scan.substr(100)).reason == Reason::tcp_data);
  const Outcome outcome = client.send(scan.substr(0, 100));
  CHECK(outcome.reason == Reason::signature);
  REQUIRE(outcome.consequences.reset.has_value());
  CHECK(outcome.consequences.reset->server_expects == first);
}

TEST_CASE("before its handshake is over a client is told nothing, for it expects no number yet") {
  Running running;
  Packet packet = tcp(kScan, 0, 40001, kServerPort);
  set8(packet, 13, 0x08);  // PSH alone
  const Outcome outcome = running.bench.process(ipv4(kTcp, packet), at(kLater));
  CHECK(outcome.reason == Reason::signature);
  CHECK_FALSE(outcome.consequences.reset.has_value());
}

TEST_CASE("a peer's connection is never ended: what would be dropped passes and is counted") {
  Running running(SourceClass::peer);
  Client client(running.bench);
  (void)client.syn();
  const Outcome outcome = client.send(kInvite + kScan);
  CHECK(outcome.reason == Reason::observed);
  CHECK(outcome.would_drop == Reason::signature);
  CHECK_FALSE(outcome.consequences.ban.has_value());
  CHECK_FALSE(outcome.consequences.reset.has_value());
  CHECK(outcome.consequences.evidence.has_value());
  CHECK(client.send("this is no SIP\r\n").reason == Reason::observed);
  CHECK(client.send(kInvite).reason == Reason::peer);
  CHECK(running.bench.by_reason(Reason::observed) == 2);
  CHECK(running.bench.counters().would_drop(Reason::signature) == 1);
  CHECK(running.bench.counters().would_drop(Reason::not_sip) == 1);
  CHECK(running.bench.counters().dropped() == 0);
}

TEST_CASE("observe mode ends no connection and goes on reading it") {
  Running running;
  running.bench.observe = true;
  Client client(running.bench);
  (void)client.syn();
  for (int i = 0; i < 3; ++i) {
    const Outcome outcome = client.send(kScan);
    CHECK(outcome.reason == Reason::observed);
    CHECK(outcome.would_drop == Reason::signature);
    CHECK_FALSE(outcome.consequences.ban.has_value());
    CHECK_FALSE(outcome.consequences.reset.has_value());
  }
  CHECK(client.send("garbage\r\n").would_drop == Reason::not_sip);
  CHECK(client.send(kInvite).reason == Reason::request);
  CHECK(running.bench.counters().dropped() == 0);
  CHECK(running.bench.counters().would_drop(Reason::signature) == 3);
}

TEST_CASE("what cannot be read on is dropped, and the evidence names the trouble") {
  struct Case {
    const char* description;
    std::string before;
    std::int32_t offset;
    std::string bytes;
    Reason reason;
    const char* value;
    bool ends;
  };
  const std::string twice = "MESSAGE sip:a@b SIP/2.0\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n";
  const std::vector<Case> cases{
      {"no start line", "", 0, "GET / HTTP/1.1\r\n\r\n", Reason::not_sip, "not_sip", true},
      {"behind a message", kInvite, 0, "GET / HTTP/1.1\r\n\r\n", Reason::not_sip, "not_sip", true},
      {"bytes sent before, changed", kInvite.substr(0, 50), -50, std::string(50, 'X'), Reason::tcp_stream,
       "contradiction", false},
      {"beyond any window", kInvite, 2 << 20, "x", Reason::tcp_stream, "too_far", true},
      {"a head without end", "INVITE sip:a@b SIP/2.0\r\n", 0, "X: " + std::string(65'400, 'x') + "\r\n",
       Reason::tcp_data, "no evidence", false},
      {"two lengths that differ", "", 0, twice, Reason::tcp_stream, "no_length", true},
  };
  for (const Case& c : cases) {
    INFO(c.description);
    Running running;
    Client client(running.bench);
    (void)client.syn();
    if (!c.before.empty()) (void)client.send(c.before);
    const Outcome outcome = client.send_at(c.offset, c.bytes);
    CHECK(decide::to_string(outcome.reason) == decide::to_string(c.reason));
    CHECK(value_of(outcome) == c.value);
    CHECK(outcome.consequences.reset.has_value() == c.ends);
    CHECK_FALSE(outcome.consequences.ban.has_value());
    CHECK(running.bench.by_reason(c.reason) >= 1);
  }
}

TEST_CASE("what is marked as urgent is dropped, for the softswitch would read it otherwise") {
  Running running;
  Packet packet = tcp(kInvite, 0, 40001, kServerPort);
  set8(packet, 13, 0x38);
  const Outcome outcome = running.bench.process(ipv4(kTcp, packet), at(kLater));
  CHECK(outcome.reason == Reason::tcp_stream);
  CHECK(value_of(outcome) == "urgent");
  CHECK_FALSE(outcome.consequences.ban.has_value());
}

TEST_CASE("a SYN whose numbers could be the old connection's is dropped and ends nothing") {
  Running running;
  Client old(running.bench, "198.51.100.7", 40001, 1000);
  (void)old.syn();
  (void)old.send(std::string_view(kScan).substr(0, 100));
  const Outcome outcome = Client(running.bench, "198.51.100.7", 40001, 6000).syn();
  CHECK(outcome.reason == Reason::tcp_stream);
  CHECK(value_of(outcome) == "second_syn");
  CHECK_FALSE(outcome.consequences.reset.has_value());
  CHECK(old.send(std::string_view(kScan).substr(100)).reason == Reason::signature);
}

TEST_CASE("a head as large as a message may be is waited for, a larger one ends its connection") {
  Running running;
  Client client(running.bench);
  (void)client.syn();
  const std::string head = "INVITE sip:a@b SIP/2.0\r\n";
  CHECK(client.send(head).reason == Reason::tcp_data);
  const std::string filler = "X: " + std::string(40'000, 'x') + "\r\n";
  CHECK(client.send(filler).reason == Reason::tcp_data);
  const std::size_t left = stream::TableLimits{}.message_max - head.size() - filler.size();
  CHECK(client.send(std::string(left, 'y')).reason == Reason::tcp_data);
  const Outcome over = client.send("y");
  CHECK(over.reason == Reason::tcp_stream);
  CHECK(value_of(over) == "head_too_large");
  CHECK(over.consequences.reset.has_value());
}

TEST_CASE("a connection that is older than the shield is read from its next message on") {
  Bench bench;
  Client client(bench);
  CHECK(client.send("of a body, whose head was not seen\r\n", 0).reason == Reason::tcp_data);
  CHECK(client.send(kInvite, 1).reason == Reason::request);
  CHECK(client.send(kScan, 2).reason == Reason::signature);
}

TEST_CASE("one that appears later in the middle of a message is ended") {
  Running running;
  Client client(running.bench);
  const Outcome outcome = client.send("of a body, whose head was not seen\r\n");
  CHECK(outcome.reason == Reason::tcp_stream);
  CHECK(value_of(outcome) == "mid_message");
  CHECK(outcome.consequences.reset.has_value());
}

TEST_CASE("connections, their memory and their troubles are counted") {
  Running running;
  const metrics::WorkerCounters& counters = running.bench.counters().worker(0);
  const auto trouble = [&](stream::Trouble kind) {
    return counters.tcp_trouble[static_cast<std::size_t>(kind)].get();
  };
  const std::uint64_t before = counters.tcp_connections.get();
  const std::uint64_t readable = trouble(stream::Trouble::none);
  Client one(running.bench, "198.51.100.1");
  Client two(running.bench, "198.51.100.2");
  (void)one.syn();
  (void)two.syn();
  (void)one.send(std::string_view(kInvite).substr(0, 100));
  CHECK(counters.tcp_connections.get() == before + 2);
  CHECK(counters.tcp_bytes.get() >= 100);
  CHECK(trouble(stream::Trouble::none) == readable + 3);
  (void)two.send("nonsense\r\n");
  CHECK(trouble(stream::Trouble::not_sip) == 1);
  CHECK(counters.tcp_evictions.get() == 0);
}

TEST_CASE("every segment is counted once, whatever it carries") {
  Running running;
  const std::uint64_t before = running.bench.read();
  Client client(running.bench);
  (void)client.syn();
  (void)client.send("");
  (void)client.send(kInvite + kInvite + kInvite);
  (void)client.send("\r\n");
  (void)client.send(std::string_view(kInvite).substr(0, 9));
  (void)client.send(kScan);
  (void)client.send(kScan);
  CHECK(running.bench.read() == before + 7);
}

}  // namespace
}  // namespace sipward::shield
