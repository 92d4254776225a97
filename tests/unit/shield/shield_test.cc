// One packet's way from bytes to a verdict, its counts and its bans.
#include <thread>

#include "bench.h"

namespace sipward::shield {
namespace {

using namespace sipward::test;  // NOLINT: packets made by hand
using decide::Reason;
using decide::SourceClass;
using std::chrono::hours;
using std::chrono::milliseconds;
using std::chrono::seconds;

TEST_CASE("what comes in and what becomes of it") {
  struct Case {
    const char* description;
    Packet packet;
    SourceClass source_class;
    bool observe;
    Reason reason;
    bool ban;
    bool evidence;
  };
  constexpr auto kUnknown = SourceClass::unknown;
  constexpr auto kPeer = SourceClass::peer;
  const std::vector<Case> cases{
      {"a call", udp_packet(kInvite), kUnknown, false, Reason::request, false, false},
      {"a call on IPv6", udp_packet(kInvite, "2001:db8::7"), kUnknown, false, Reason::request, false, false},
      {"a call on TCP", tcp_packet(kInvite), kUnknown, false, Reason::request, false, false},
      {"a peer's call", udp_packet(kInvite), kPeer, false, Reason::peer, false, false},
      {"a scanner by its name", udp_packet(kScan), kUnknown, false, Reason::signature, true, true},
      {"a scanner on IPv6", udp_packet(kScan, "2001:db8::7"), kUnknown, false, Reason::signature, true, true},
      {"a scanner on TCP", tcp_packet(kScan), kUnknown, false, Reason::signature, true, true},
      {"a scanner among the peers", udp_packet(kScan), kPeer, false, Reason::signature, false, true},
      {"a scanner, observed", udp_packet(kScan), kUnknown, true, Reason::observed, false, true},
      {"a scanner by its From tag",
       udp_packet(
           "REGISTER sip:example.com SIP/2.0\r\nVia: SIP/2.0/UDP 1.2.3.4;branch=z9hG4bK1\r\n"
           "From: <sip:1000@example.com>;tag=31303030013138393835353132\r\nTo: <sip:1000@example.com>\r\n"
           "Call-ID: 1@b\r\nCSeq: 1 REGISTER\r\nUser-Agent: Yealink\r\n\r\n"),
       kUnknown, false, Reason::signature, true, true},
      {"a compact scanner",
       udp_packet(
           "OPTIONS sip:100@example.com SIP/2.0\r\nv: SIP/2.0/UDP 1.2.3.4;branch=z9hG4bK-1\r\n"
           "f: \"sipvicious\"<sip:100@1.1.1.1>;tag=1\r\nt: <sip:a@b>\r\ni: 1\r\nCSeq: 1 OPTIONS\r\n\r\n"),
       kUnknown, false, Reason::signature, true, true},
      {"a rule that only drops", udp_packet(text({.uri = "sip:100'%20OR%20'1'='1@example.com"})), kUnknown,
       false, Reason::signature, false, true},
      {"a rule that only logs", udp_packet(text({.agent = "Linksys"})), kUnknown, false, Reason::request,
       false, false},
      {"a rule that scores", udp_packet(text({.agent = "sipp"})), kUnknown, false, Reason::request, false,
       true},
      {"a rule that scores, from a peer", udp_packet(text({.agent = "sipp"})), kPeer, false, Reason::peer,
       false, false},
      {"a name that merely contains scan", udp_packet(text({.agent = "Fujitsu ScanSnap 2"})), kUnknown, false,
       Reason::request, false, false},
      {"a body that speaks of scanners",
       udp_packet(text(
           {.method = "MESSAGE", .body = "OPTIONS sip:100@x SIP/2.0\r\nUser-Agent: friendly-scanner\r\n"})),
       kUnknown, false, Reason::request, false, false},
      {"a user part that does", udp_packet(text({.uri = "sip:friendly-scanner@example.com"})), kUnknown,
       false, Reason::request, false, false},
      {"OPTIONS", udp_packet(options(1)), kUnknown, false, Reason::method, false, true},
      {"OPTIONS from a peer", udp_packet(options(1)), kPeer, false, Reason::peer, false, false},
      {"OPTIONS, observed", udp_packet(options(1)), kUnknown, true, Reason::observed, false, true},
      {"a response", udp_packet("SIP/2.0 200 OK\r\nVia: SIP/2.0/UDP x\r\n\r\n"), kUnknown, false,
       Reason::response, false, false},
      {"a keep-alive", udp_packet("\r\n\r\n"), kUnknown, false, Reason::keepalive, false, false},
      {"an empty datagram", udp_packet(""), kUnknown, false, Reason::keepalive, false, false},
      {"noise", udp_packet("\x01\x02garbage"), kUnknown, false, Reason::not_sip, false, true},
      {"noise on TCP", tcp_packet("the rest of a message"), kUnknown, false, Reason::tcp_data, false, false},
      {"noise from a peer", udp_packet("garbage"), kPeer, false, Reason::peer, false, false},
      {"a TCP handshake", tcp_packet(""), kUnknown, false, Reason::tcp_data, false, false},
      {"no packet at all", {}, kUnknown, false, Reason::undecodable, false, false},
      {"ICMP", ipv4(1, udp(kScan)), kUnknown, false, Reason::undecodable, false, false},
      {"half a header", Packet(10, std::byte{0x45}), kUnknown, true, Reason::undecodable, false, false},
  };
  for (const Case& c : cases) {
    INFO(c.description);
    Bench bench(c.source_class);
    bench.observe = c.observe;
    const Outcome outcome = bench.process(c.packet);
    CHECK(decide::to_string(outcome.reason) == decide::to_string(c.reason));
    CHECK(outcome.consequences.ban.has_value() == c.ban);
    CHECK(outcome.consequences.evidence.has_value() == c.evidence);
    CHECK(bench.by_reason(c.reason) == 1);
    CHECK(bench.read() == 1);
  }
}

TEST_CASE("every request of merged datagrams is judged, one packet is counted") {
  Bench bench;
  const std::string ends_within_a_line = text({.body = "good day"});
  CHECK(bench.train(ends_within_a_line + kInvite).reason == Reason::request);
  CHECK(bench.udp(ends_within_a_line + kScan).reason == Reason::request);  // a datagram ends with its body
  const Outcome outcome = bench.train(ends_within_a_line + kInvite + kScan);
  CHECK(outcome.reason == Reason::signature);
  CHECK(outcome.consequences.ban);
  CHECK(bench.read() == 3);
}

TEST_CASE("a list of Via in merged datagrams is no request line") {
  std::string proxied = kInvite;
  proxied.insert(proxied.find("Max-Forwards"),
                 "Via: SIP/2.0/UDP 192.0.2.7;branch=z9hG4bK2, SIP/2.0/UDP 192.0.2.8;branch=z9hG4bK3\r\n"
                 "Subject: our first SIP/2.0-only call\r\n");
  Bench bench;
  CHECK(bench.train(proxied + kInvite).reason == Reason::request);
  CHECK(bench.train(proxied + kScan).reason == Reason::signature);
}

TEST_CASE("merged datagrams are judged to their end, however many they are") {
  Bench bench;
  std::string many;
  for (int i = 0; i < 150; ++i) many += kInvite;
  CHECK(bench.train(many).reason == Reason::request);
  CHECK(bench.train(many + kScan).reason == Reason::signature);
}

TEST_CASE("heads full of what looks like request lines are not read again and again") {
  const auto head = [](int lines) {
    std::string bytes = "INVITE sip:a SIP/2.0\r\n";
    for (int i = 0; i < lines; ++i) bytes += "X: INVITE sip:a SIP/2.0\r\n";
    return bytes + "\r\n";
  };
  Bench bench;
  CHECK(bench.train(head(16)).reason == Reason::request);  // 16 readings of a half each: kReadingsMax of all
  CHECK(bench.train(head(17)).reason == Reason::malformed);
  CHECK(bench.udp(head(200)).reason == Reason::request);  // a datagram has one head
  bench.observe = true;
  CHECK(bench.train(head(200)).reason == Reason::observed);
}

TEST_CASE("every packet is counted once, and by its method") {
  Bench bench;
  std::uint64_t packets = 0;
  const auto send = [&](std::string_view payload, std::string_view source) {
    ++packets;
    (void)bench.udp(payload, at(static_cast<std::int64_t>(packets)), source);
  };
  for (int i = 0; i < 10; ++i) {
    for (const char* source : {"198.51.100.1", "198.51.100.2", "2001:db8::1"}) {
      send(kInvite, source);
      send(options(i), source);
      send("SIP/2.0 200 OK\r\n\r\n", source);
      send("\r\n\r\n", source);
      send("noise", source);
    }
    send(kScan, "198.51.100.3");
    send(text({.method = "FROB"}), "198.51.100.4");
  }
  CHECK(bench.read() == packets);
  CHECK(bench.by_reason(Reason::request) == 40);
  CHECK(bench.by_reason(Reason::method) == 30);
  CHECK(bench.by_reason(Reason::response) == 30);
  CHECK(bench.by_reason(Reason::keepalive) == 30);
  CHECK(bench.by_reason(Reason::not_sip) == 30);
  CHECK(bench.by_reason(Reason::signature) == 1);
  CHECK(bench.by_reason(Reason::banned) == 9);
  CHECK(bench.counters().dropped() == 70);
  const auto invite = metrics::method_index("INVITE");
  const auto options_index = metrics::method_index("OPTIONS");
  const auto other = metrics::method_index("FROB");
  CHECK(bench.counters().method_read(invite) == 40);
  CHECK(bench.counters().method_dropped(invite) == 10);
  CHECK(bench.counters().method_read(options_index) == 30);
  CHECK(bench.counters().method_dropped(options_index) == 30);
  CHECK(bench.counters().method_read(other) == 10);
  CHECK(bench.counters().method_dropped(other) == 0);
  CHECK(bench.source("198.51.100.1").source.read() == 50);
  CHECK(bench.source("198.51.100.1").source.dropped() == 20);
  CHECK(bench.source("198.51.100.3").source.read() == 10);
  CHECK(bench.source("198.51.100.3").source.dropped() == 10);
  CHECK(bench.source("198.51.100.3").source.last_drop_reason() == static_cast<std::uint8_t>(Reason::banned));
}

TEST_CASE("rules are counted, those too that only log, with the time of their last hit") {
  Bench bench;
  (void)bench.udp(text({.agent = "sipp"}), at(5));
  (void)bench.udp(text({.agent = "sipp"}), at(7));
  (void)bench.udp(kScan, at(9));
  CHECK(bench.counters().rule("sipp")->hits.get() == 2);
  CHECK(bench.counters().rule("sipp")->last_hit_ms.get() ==
        static_cast<std::uint64_t>(at(7).wall.time_since_epoch().count()));
  CHECK(bench.counters().rule("friendly-scanner")->hits.get() == 1);
  CHECK(bench.counters().rule("sipcli")->hits.get() == 0);
}

TEST_CASE("a response that carries a scanner's words is no hit, not even in the rules' counters") {
  Bench bench;
  const auto outcome =
      bench.udp("SIP/2.0 200 OK\r\nVia: SIP/2.0/UDP x\r\nUser-Agent: friendly-scanner\r\n\r\n");
  CHECK(outcome.reason == Reason::response);
  CHECK(bench.counters().rule("friendly-scanner")->hits.get() == 0);
  CHECK(bench.udp(kScan).reason == Reason::signature);
  CHECK(bench.counters().rule("friendly-scanner")->hits.get() == 1);
}

TEST_CASE("refused requests ban with the 20th, not with the 19th") {
  Bench bench;
  const std::string source = GENERATE(as<std::string>(), "198.51.100.7", "2001:db8::7");
  for (int i = 1; i <= 19; ++i) {
    const Outcome outcome = bench.udp(options(i), at(i), source);
    CHECK(outcome.reason == Reason::method);
    CHECK_FALSE(outcome.consequences.ban.has_value());
  }
  const Outcome last = bench.udp(options(20), at(20), source);
  CHECK(last.reason == Reason::method);
  REQUIRE(last.consequences.ban.has_value());
  CHECK(last.consequences.ban->net == Prefix(address(source)));
  CHECK(last.consequences.ban->duration == seconds(60));
  CHECK(last.consequences.ban->cause == enforce::Cause{"method", "", "auto:method", false});
  CHECK(last.consequences.evidence.has_value());
}

TEST_CASE("retransmissions do not count towards a ban") {
  Bench bench;
  for (int i = 1; i <= 19; ++i)
    for (int again = 0; again < 5; ++again)
      CHECK_FALSE(bench.udp(options(i), at(i)).consequences.ban.has_value());
  CHECK(bench.udp(options(20), at(20)).consequences.ban.has_value());
}

TEST_CASE("requests without a Via are no retransmissions of each other") {
  Bench bench;
  for (int i = 1; i <= 19; ++i)
    CHECK_FALSE(bench.udp("OPTIONS sip:a@b SIP/2.0\r\n\r\n", at(i)).consequences.ban.has_value());
  CHECK(bench.udp("OPTIONS sip:a@b SIP/2.0\r\n\r\n", at(20)).consequences.ban.has_value());
}

TEST_CASE("refused requests of different sources are counted apart") {
  Bench bench;
  for (int i = 1; i <= 19; ++i)
    for (const char* source : {"198.51.100.1", "198.51.100.2"})
      CHECK_FALSE(bench.udp(options(i), at(i), source).consequences.ban.has_value());
}

TEST_CASE("20 refused requests ban within the window alone") {
  Bench bench;
  for (int i = 1; i <= 19; ++i) (void)bench.udp(options(i), at(0));
  SECTION("a millisecond before its end") {
    CHECK(bench.udp(options(20), at(59'999)).consequences.ban.has_value());
  }
  SECTION("at its end") {
    CHECK_FALSE(bench.udp(options(20), at(60'000)).consequences.ban.has_value());
  }
}

TEST_CASE("a banned source's packets are dropped until its time is over") {
  Bench bench;
  const auto ban = bench.udp(kScan).consequences.ban;
  REQUIRE(ban.has_value());
  const auto end = ban->duration;
  for (const auto time : {milliseconds(1), end - milliseconds(1)}) {
    const Outcome outcome = bench.udp(kInvite, at(time));
    CHECK(outcome.reason == Reason::banned);
    CHECK_FALSE(outcome.consequences.ban.has_value());
    CHECK_FALSE(outcome.consequences.evidence.has_value());
  }
  CHECK(bench.udp("\r\n", at(end - milliseconds(1))).reason == Reason::banned);
  CHECK(bench.udp(kInvite, at(1), "198.51.100.8").reason == Reason::request);
  CHECK(bench.udp(kInvite, at(end)).reason == Reason::request);
  CHECK(bench.udp(kScan, at(end)).consequences.ban.has_value());
}

TEST_CASE("a lifted ban is forgotten at once") {
  Bench bench;
  REQUIRE(bench.udp(kScan).consequences.ban.has_value());
  bench.shield().accounts().with(
      [](limit::Accounts& accounts) { CHECK(accounts.lift_bans(address("198.51.100.7")) == 1); });
  CHECK(bench.udp(kInvite, at(1)).reason == Reason::request);
}

TEST_CASE("only a completed handshake makes a ban long") {
  const auto ban_of = [](const Packet& packet, bool verified) {
    return *Bench().process(packet, at(0), verified).consequences.ban;
  };
  const BanRequest forged = ban_of(tcp_packet(kScan), false);
  CHECK(forged.duration == seconds(60));
  CHECK_FALSE(forged.cause.verified);
  const BanRequest proved = ban_of(tcp_packet(kScan), true);
  CHECK(proved.duration == std::chrono::minutes(10));
  CHECK(proved.cause == enforce::Cause{"signature", "friendly-scanner", "auto:friendly-scanner", true});
  const BanRequest datagram = ban_of(udp_packet(kScan), true);  // nobody proves anything with a datagram
  CHECK(datagram.duration == seconds(60));
  CHECK_FALSE(datagram.cause.verified);
  CHECK(ban_of(tcp_packet(kScan, "2001:db8::7"), true).duration == std::chrono::minutes(10));
}

TEST_CASE("observe mode passes, counts what it would have dropped, and asks for no ban") {
  Bench bench;
  bench.observe = true;
  for (int i = 0; i < 30; ++i) {
    const Outcome scan = bench.udp(kScan, at(i), "198.51.100.1");
    const Outcome refused = bench.udp(options(i), at(i), "198.51.100.2");
    CHECK(scan.reason == Reason::observed);
    CHECK(refused.reason == Reason::observed);
    CHECK_FALSE(scan.consequences.ban.has_value());
    CHECK_FALSE(refused.consequences.ban.has_value());
  }
  CHECK(bench.udp(kInvite, at(31), "198.51.100.1").reason == Reason::request);
  CHECK(bench.by_reason(Reason::observed) == 60);
  CHECK(bench.counters().would_drop(Reason::signature) == 30);
  CHECK(bench.counters().would_drop(Reason::method) == 30);
  CHECK(bench.by_reason(Reason::signature) == 0);
  CHECK(bench.by_reason(Reason::method) == 0);
  CHECK(bench.counters().dropped() == 0);
  CHECK(bench.counters().method_dropped(metrics::method_index("OPTIONS")) == 0);
  CHECK(bench.counters().event(metrics::Event::bans_observed).get() > 0);
  CHECK(bench.read() == 61);
  bench.observe = false;
  CHECK(bench.udp(kScan, at(32), "198.51.100.1").consequences.ban.has_value());
}

TEST_CASE("a ban that runs when observing begins drops nothing") {
  Bench bench;
  REQUIRE(bench.udp(kScan).consequences.ban.has_value());
  bench.observe = true;
  CHECK(bench.udp(kInvite, at(1)).reason == Reason::observed);
  CHECK(bench.counters().would_drop(Reason::banned) == 1);
  bench.observe = false;
  CHECK(bench.udp(kInvite, at(2)).reason == Reason::banned);
}

TEST_CASE("a peer is refused what a rule forbids, again and again, and never banned") {
  Bench bench(SourceClass::peer);
  for (int i = 0; i < 100; ++i) {
    CHECK(bench.udp(kScan, at(i)).reason == Reason::signature);
    CHECK(bench.udp(options(i), at(i)).reason == Reason::peer);
  }
  CHECK_FALSE(bench.source("198.51.100.7").dossier->is_banned(at(100).steady));
}

TEST_CASE("the operator reads and lifts while a worker works") {
  Bench bench;
  std::thread worker([&] {
    for (int i = 0; i < 2000; ++i) (void)bench.udp(i % 2 == 0 ? kScan : options(i), at(i));
  });
  std::uint64_t seen = 0;
  for (int i = 0; i < 2000; ++i) {
    bench.shield().accounts().with([&](limit::Accounts& accounts) {
      accounts.lift_bans(Prefix(address("198.51.100.0"), 24));
      for (const limit::SourceReport& report : accounts.sources.top(3))
        seen = std::max<std::uint64_t>(seen, report.source.read());
    });
    bench.observe = i % 100 < 50;
    CHECK(bench.read() <= 2000);
  }
  worker.join();
  CHECK(bench.read() == 2000);
  CHECK(seen <= 2000);
}

}  // namespace
}  // namespace sipward::shield
