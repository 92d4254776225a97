// What a source may send: each limit from both sides, by the shipped figures.
#include "bench.h"
#include "conversation.h"

namespace {

using namespace sipward;
using namespace sipward::test;
using namespace std::chrono_literals;
using decide::Reason;
using decide::SourceClass;

constexpr const char* kSource = "198.51.100.7";
constexpr const char* kNeighbour = "198.51.100.8";
constexpr const char* kElsewhere = "203.0.113.7";

// The shipped rates, and no caps on what is open: nobody answers here.
decide::Policy rates() {
  decide::Policy policy;
  policy.unknown_allowance.open = policy.known_allowance.open = {};
  return policy;
}

// The shipped caps alone.
decide::Policy caps() {
  decide::Policy policy = no_limits();
  policy.unknown_allowance.flows = decide::kUnknownAllowance.flows;
  policy.unknown_allowance.open = decide::kUnknownAllowance.open;
  return policy;
}

class Caller {
 public:
  explicit Caller(SourceClass source_class = SourceClass::unknown, decide::Policy policy = rates())
      : bench(source_class, shipped_rules(), std::move(policy)) {}

  // Each a request of its own.
  Reason send(const std::string& method, Now now = at(0), std::string_view source = kSource,
              std::uint16_t port = 5061) {
    return send(Ask{.method = method, .call = ++calls_}, now, source, port);
  }
  Reason send(const Ask& ask, Now now = at(0), std::string_view source = kSource, std::uint16_t port = 5061) {
    const bool v4 = address(source).family() == Family::ipv4;
    const Packet datagram = test::udp(ask.text(), port);
    outcome = bench.process(v4 ? ipv4(kUdp, datagram, source) : ipv6(kUdp, datagram, source), now);
    return outcome.reason;
  }
  unsigned passing(const std::string& method, unsigned tries, Now now = at(0),
                   std::string_view source = kSource) {
    unsigned passed = 0;
    for (unsigned i = 0; i < tries; ++i) passed += decide::is_drop(send(method, now, source)) ? 0U : 1U;
    return passed;
  }

  Bench bench;
  shield::Outcome outcome;

 private:
  unsigned calls_ = 0;
};

}  // namespace

TEST_CASE("an unknown source registers ten times at once, then once in six seconds", "[shield]") {
  const char* source = GENERATE("198.51.100.7", "2001:db8::7");
  Caller caller;
  for (int i = 0; i < 10; ++i) CHECK(caller.send("REGISTER", at(0), source) == Reason::request);
  CHECK(caller.send("REGISTER", at(0), source) == Reason::rate);
  CHECK(caller.send("REGISTER", at(5999ms), source) == Reason::rate);
  CHECK(caller.send("REGISTER", at(6000ms), source) == Reason::request);
  CHECK(caller.send("REGISTER", at(6000ms), source) == Reason::rate);
}

TEST_CASE("methods are charged apart, and all together", "[shield]") {
  Caller caller;
  CHECK(caller.passing("REGISTER", 15) == 10);
  CHECK(caller.passing("INVITE", 15) == 10);
  CHECK(caller.send("SUBSCRIBE") == Reason::rate);  // twenty in a minute is all there is
  CHECK(caller.send("SUBSCRIBE", at(2999ms)) == Reason::rate);
  CHECK(caller.send("SUBSCRIBE", at(3000ms)) == Reason::request);
}

TEST_CASE("what one source uses up, others still have", "[shield]") {
  Caller caller;
  CHECK(caller.passing("INVITE", 30, at(0), kSource) == 10);
  CHECK(caller.send("INVITE", at(0), kNeighbour) == Reason::request);
  CHECK(caller.send("INVITE", at(0), kElsewhere) == Reason::request);
}

TEST_CASE("a prefix has six times what an address has, together", "[shield]") {
  const bool v4 = GENERATE(true, false);
  Caller caller;
  const auto member = [&](int i) {
    return v4 ? fmt::format("198.51.100.{}", i) : fmt::format("2001:db8:7:7::{}", i);
  };
  for (int i = 1; i <= 6; ++i) CHECK(caller.passing("REGISTER", 10, at(0), member(i)) == 10);
  CHECK(caller.send("REGISTER", at(0), member(7)) == Reason::rate_prefix);
  CHECK(caller.send("REGISTER", at(999ms), member(7)) == Reason::rate_prefix);
  CHECK(caller.send("REGISTER", at(1000ms), member(7)) == Reason::request);
  CHECK(caller.send("REGISTER", at(1000ms), v4 ? "203.0.113.1" : "2001:db9::1") == Reason::request);
}

TEST_CASE("copies of a request cost nothing", "[shield]") {
  Caller caller;
  const Ask ask{.method = "INVITE", .call = 7000};
  CHECK(caller.send(ask) == Reason::request);
  for (int i = 0; i < 10; ++i) CHECK(caller.send(ask, at(500 * i)) == Reason::request);
  CHECK(caller.passing("INVITE", 15, at(5000)) == 9);
}

TEST_CASE("what differs in a single byte is no copy", "[shield]") {
  Caller caller;
  Ask ask{.method = "INVITE", .call = 7000};
  for (unsigned i = 0; i < 10; ++i) {
    ask.target = fmt::format("{}", 1000 + i);
    CHECK(caller.send(ask) == Reason::request);
  }
  ask.target = "2000";
  CHECK(caller.send(ask) == Reason::rate);
}

TEST_CASE("what the budget of all refuses costs its source nothing", "[shield]") {
  Caller caller;
  for (int i = 0; i < 300; ++i)
    (void)caller.send("INVITE", at(0), fmt::format("10.{}.{}.1", i / 250, i % 250));
  for (int i = 0; i < 50; ++i) CHECK(caller.send("INVITE", at(1)) == Reason::budget);
  CHECK(caller.passing("INVITE", 15, at(2000ms)) == 10);
}

TEST_CASE("nobody sends a request without end as its own copy", "[shield]") {
  Caller caller;
  const Ask ask{.method = "INVITE", .call = 7000};
  unsigned passed = 0;
  for (int i = 0; i < 1000; ++i) passed += decide::is_drop(caller.send(ask, at(i * 10))) ? 0U : 1U;
  CHECK(passed >= 12);
  CHECK(passed <= 12 * 20);  // each that is charged has its copies; the rate of packets bounds them
}

TEST_CASE("an INVITE's ACK and CANCEL are part of it", "[shield]") {
  Caller caller;
  for (unsigned call = 1; call <= 10; ++call) {
    CHECK(caller.send(Ask{.method = "INVITE", .call = call}) == Reason::request);
    CHECK(caller.send(Ask{.method = "ACK", .call = call, .branch = "z9hG4bK-other"}) == Reason::request);
    CHECK(caller.send(Ask{.method = "CANCEL", .call = call}) == Reason::request);
  }
}

TEST_CASE("lasting excess drops everything, until the source pauses", "[shield]") {
  Caller caller;
  CHECK(caller.passing("INVITE", 11) == 10);
  for (int s = 1; s <= 9; ++s) (void)caller.passing("INVITE", 5, at(s * 1000));
  CHECK(caller.send("SUBSCRIBE", at(9500ms)) == Reason::request);  // another group still has some
  (void)caller.passing("INVITE", 5, at(10'000));
  CHECK(caller.send("SUBSCRIBE", at(10'000ms)) == Reason::excess);
  CHECK(caller.send("SUBSCRIBE", at(20'000ms)) == Reason::excess);
  CHECK(caller.send("SUBSCRIBE", at(30'001ms)) == Reason::request);
}

TEST_CASE("excess that goes on bans for a minute what proved nothing", "[shield]") {
  Caller caller;
  std::optional<shield::BanRequest> ban;
  int banned_at = 0;
  for (int ms = 0; ms <= 40'000 && !ban; ms += 250) {
    (void)caller.send("INVITE", at(ms));
    ban = caller.outcome.consequences.ban;
    banned_at = ms;
  }
  REQUIRE(ban);
  CHECK(banned_at >= 30'000);
  CHECK(banned_at <= 35'000);
  CHECK(ban->net == Prefix(address(kSource)));
  CHECK(ban->duration == 60s);
  CHECK_FALSE(ban->cause.verified);
  CHECK(ban->cause.reason == "excess");
}

TEST_CASE("a hundred packets at once are no flood, one more is", "[shield]") {
  Caller caller;
  const Packet keepalive = ipv4(kUdp, test::udp("\r\n\r\n"), kSource);
  for (int i = 0; i < 100; ++i) CHECK(caller.bench.process(keepalive, at(0)).reason == Reason::keepalive);
  const auto outcome = caller.bench.process(keepalive, at(9));
  CHECK(outcome.reason == Reason::flood);
  REQUIRE(outcome.consequences.ban);
  CHECK(outcome.consequences.ban->duration == 60s);
}

TEST_CASE("ten source ports are one source's, thirty a prefix's", "[shield]") {
  Caller caller(SourceClass::unknown, [] {
    auto policy = caps();
    policy.unknown_allowance.open = {};
    return policy;
  }());
  for (std::uint16_t port = 6000; port < 6010; ++port)
    CHECK(caller.send("REGISTER", at(0), kSource, port) == Reason::request);
  CHECK(caller.send("REGISTER", at(0), kSource, 6010) == Reason::flows);
  CHECK(caller.send("REGISTER", at(0), kSource, 6000) == Reason::request);
  for (std::uint16_t port = 6000; port < 6020; ++port)
    CHECK(caller.send("REGISTER", at(0), port < 6010 ? kNeighbour : "198.51.100.9", port) == Reason::request);
  CHECK(caller.send("REGISTER", at(0), "198.51.100.10", 6000) == Reason::flows);
  CHECK(caller.send("REGISTER", at(0), kElsewhere, 6000) == Reason::request);
  CHECK(caller.send("REGISTER", at(62s), kSource, 6010) == Reason::request);
}

TEST_CASE("ten open transactions are one source's; an answer makes room", "[shield]") {
  Caller caller(SourceClass::unknown, caps());
  for (unsigned call = 1; call <= 10; ++call)
    CHECK(caller.send(Ask{.method = "INVITE", .call = call}) == Reason::request);
  CHECK(caller.send(Ask{.method = "INVITE", .call = 11}) == Reason::open);
  caller.bench.hear(to_client(answer({.method = "INVITE", .call = 3}, 486)));
  CHECK(caller.send(Ask{.method = "INVITE", .call = 12}) == Reason::request);
  CHECK(caller.send(Ask{.method = "INVITE", .call = 13}) == Reason::open);
}

TEST_CASE("an accepted call stays open until its BYE, whoever sends it", "[shield]") {
  Caller caller(SourceClass::unknown, caps());
  for (unsigned call = 1; call <= 10; ++call) {
    CHECK(caller.send(Ask{.method = "INVITE", .call = call}) == Reason::request);
    caller.bench.hear(to_client(answer({.method = "INVITE", .call = call}, 200)));
  }
  CHECK(caller.send(Ask{.method = "INVITE", .call = 11}, at(300s)) == Reason::open);
  const Ask bye{.method = "BYE", .call = 4, .cseq = 2};
  SECTION("by the softswitch") {
    caller.bench.hear(to_client(bye.text()), at(300s));
  }
  SECTION("by the caller") {
    (void)caller.send(bye, at(300s));
    caller.bench.hear(to_client(answer(bye, 200)), at(300s));
  }
  CHECK(caller.send(Ask{.method = "INVITE", .call = 12}, at(300s)) == Reason::request);
}

TEST_CASE("all unknown sources together have a budget, half of it for those who proved themselves",
          "[shield]") {
  Caller caller;
  unsigned passed = 0;
  for (int i = 0; i < 1000; ++i) {
    const auto source = fmt::format("10.{}.{}.1", i / 250, i % 250);
    passed += caller.send("INVITE", at(0), source) == Reason::request ? 1U : 0U;
  }
  CHECK(passed == 200);
  CHECK(caller.outcome.reason == Reason::budget);
  CHECK_FALSE(caller.outcome.consequences.ban);
  CHECK(caller.send("INVITE", at(10ms), "10.77.0.1") == Reason::request);
}

TEST_CASE("responses and keep-alives of unknown sources have a budget apart from their requests",
          "[shield]") {
  const bool response = GENERATE(true, false);
  const auto send = [&](Bench& bench, int i, Now now) {
    const auto source = fmt::format("10.{}.{}.1", i / 250, i % 250);
    return bench.udp(response ? answer({.method = "INVITE", .call = 1}, 200) : "\r\n\r\n", now, source)
        .reason;
  };
  const Reason let = response ? Reason::response : Reason::keepalive;
  Caller caller;
  for (int i = 0; i < 1000; ++i) CHECK(send(caller.bench, i, at(0)) == let);
  CHECK(send(caller.bench, 1000, at(1ms)) == Reason::budget);
  CHECK(send(caller.bench, 1001, at(2ms)) == let);
  CHECK(send(caller.bench, 1002, at(3ms)) == Reason::budget);
  CHECK(caller.send("INVITE", at(4ms), kSource) == Reason::request);
  if (response) {
    Packet first = tcp(answer({.method = "INVITE", .call = 1}, 200), 0, 40001, 5060);
    set8(first, 13, 0x18);
    CHECK(caller.bench.process(ipv4(kTcp, first, kSource), at(3ms), true).reason == let);
  }
  Caller known(SourceClass::known);
  for (int i = 0; i < 2000; ++i) CHECK(send(known.bench, i, at(0)) == let);
}

TEST_CASE("the first request that answers a challenge is paid for by the one that was challenged",
          "[shield]") {
  Caller caller;
  for (unsigned call = 1; call <= 11; ++call) {
    const bool passed = call <= 10;
    const Ask ask{.call = call};
    CHECK(caller.send(ask) == (passed ? Reason::request : Reason::rate));
    if (passed) caller.bench.hear(to_client(answer(ask, 401, challenge(fmt::format("n{}", call)))));
  }
  for (unsigned call = 1; call <= 10; ++call) {
    const auto nonce = fmt::format("n{}", call);
    CHECK(caller.send({.call = call, .cseq = 2, .user = "100", .nonce = nonce}) == Reason::request);
    CHECK(caller.send({.call = call, .cseq = 3, .user = "100", .nonce = nonce}) == Reason::rate);
    CHECK(caller.send({.call = call, .cseq = 4, .user = "100", .nonce = nonce + "x"}) == Reason::rate);
  }
  CHECK(caller.send({.call = 1, .cseq = 5, .user = "100", .nonce = "n1"}, at(0), kNeighbour) ==
        Reason::request);
}

TEST_CASE("a refused attempt pays for no other one", "[shield]") {
  Caller caller;
  unsigned passed = 0;
  for (unsigned attempt = 0; attempt < 30; ++attempt) {
    const Ask ask{
        .call = attempt, .user = attempt == 0 ? "" : "100", .nonce = fmt::format("n{}", attempt - 1)};
    if (caller.send(ask) != Reason::request) break;
    ++passed;
    caller.bench.hear(to_client(answer(ask, 401, challenge(fmt::format("n{}", attempt)))));
  }
  CHECK(passed == 10);  // within the rate of REGISTER nothing needs paying
}

TEST_CASE("what is refused for too many open transactions uses up the source's own rate", "[shield]") {
  decide::Policy policy;
  policy.unknown_allowance.flows = {};
  Caller caller(SourceClass::unknown, policy);
  CHECK(caller.passing("INVITE", 10) == 10);
  unsigned open = 0;
  for (int i = 0; i < 30; ++i) open += caller.send("REGISTER", at(0)) == Reason::open ? 1U : 0U;
  CHECK(open == 10);
  CHECK(caller.outcome.reason == Reason::rate);
}

TEST_CASE("who answers a challenge has twice the caps of a stranger", "[shield]") {
  Caller caller(SourceClass::unknown, caps());
  for (std::uint16_t i = 1; i <= 10; ++i)
    CHECK(caller.send(Ask{.call = i}, at(0), kSource, i) == Reason::request);
  CHECK(caller.send(Ask{.call = 11}, at(0), kSource, 1) == Reason::open);
  CHECK(caller.send(Ask{.call = 11}, at(0), kSource, 11) == Reason::flows);
  caller.bench.hear(to_client(answer({.call = 1}, 401, challenge("n"))));
  const auto proven = [&](unsigned call, std::uint16_t port) {
    return caller.send(Ask{.call = call, .cseq = 2, .user = "100", .nonce = "n"}, at(0), kSource, port);
  };
  for (std::uint16_t i = 11; i <= 20; ++i) CHECK(proven(i, i) == Reason::request);
  CHECK(proven(21, 21) == Reason::flows);
  CHECK(proven(21, 20) == Reason::request);  // the first one was answered
  CHECK(proven(22, 20) == Reason::open);
}

TEST_CASE("the segments of a request take nothing of the budget for keep-alives", "[shield]") {
  decide::Policy policy = no_limits();
  policy.reply_budget = limit::Rate(1, 1s, 1);
  Bench bench(SourceClass::unknown, shipped_rules(), policy);
  CHECK(bench.udp("\r\n\r\n", at(0)).reason == Reason::keepalive);
  CHECK(bench.udp("\r\n\r\n", at(0)).reason == Reason::budget);
  const std::string text = Ask{.call = 1}.text();
  Packet first = tcp(text.substr(0, 40), 0, 40001, 5060);
  set8(first, 13, 0x18);
  CHECK(bench.process(ipv4(kTcp, first, kSource), at(0), true).reason != Reason::budget);
}

TEST_CASE("two thousand phones of a known site come back at once", "[shield]") {
  Caller caller(SourceClass::known);
  unsigned passed = 0;
  for (unsigned phone = 0; phone < 2000; ++phone) {
    const auto port = static_cast<std::uint16_t>(10'000 + phone);
    passed += caller.send(Ask{.call = phone}, at(0), kSource, port) == Reason::request ? 1U : 0U;
    passed += caller.send(Ask{.call = phone, .cseq = 2, .user = fmt::format("{}", phone)}, at(0), kSource,
                          port) == Reason::request
                  ? 1U
                  : 0U;
  }
  CHECK(passed == 4000);
}

TEST_CASE("a known source has limits too, and is never banned", "[shield]") {
  Caller caller(SourceClass::known);
  CHECK(caller.passing("INVITE", 600) == 500);
  CHECK(caller.outcome.reason == Reason::rate);
  for (int s = 1; s < 60; ++s) {
    (void)caller.passing("INVITE", 200, at(s * 1000));
    CHECK_FALSE(caller.outcome.consequences.ban);
  }
  CHECK(caller.bench.udp(kScan, at(120s)).reason == Reason::signature);
  CHECK_FALSE(caller.bench.udp(kScan, at(120s)).consequences.ban);
}

TEST_CASE("peers have no limits", "[shield]") {
  Caller caller(SourceClass::peer);
  CHECK(caller.passing("INVITE", 2000) == 2000);
}

TEST_CASE("mode observe counts what is over a limit and drops nothing", "[shield]") {
  Caller caller;
  caller.bench.observe = true;
  CHECK(caller.passing("INVITE", 30) == 30);
  CHECK(caller.outcome.reason == Reason::observed);
  CHECK(caller.outcome.would_drop == Reason::rate);
}
