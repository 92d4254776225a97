// What proves who somebody is, and what that makes of the answers to him.
#include "exchange.h"

using namespace sipward;
using namespace sipward::test;
using namespace std::chrono_literals;
using decide::Reason;
using decide::SourceClass;

TEST_CASE("another source's nonce proves nothing", "[shield]") {
  Exchange exchange;
  (void)exchange.both({.call = 900}, 401, challenge("n0"), at(0), "203.0.113.9");
  shield::Consequences found;
  for (unsigned i = 1; i <= 10; ++i) found = exchange.both({.call = i, .user = "100", .nonce = "n0"}, 403);
  REQUIRE(found.ban);
  CHECK_FALSE(found.ban->cause.verified);
}

TEST_CASE("a nonce that the softswitch gave to others too proves nothing", "[shield]") {
  Exchange exchange;
  (void)exchange.both({.call = 900}, 401, challenge("n0"));
  (void)exchange.both({.call = 900}, 401, challenge("n0"), at(0), "203.0.113.9");
  shield::Consequences found;
  for (unsigned i = 1; i <= 10; ++i)
    found = exchange.both({.call = i, .cseq = 2, .user = "100", .nonce = "n0"}, 403);
  REQUIRE(found.ban);
  CHECK_FALSE(found.ban->cause.verified);
}

TEST_CASE("a scanner's request that holds our nonce is a verified one", "[shield]") {
  Exchange exchange;
  (void)exchange.both({.call = 900}, 401, challenge("n0"));
  const std::string scan =
      "REGISTER sip:example.com SIP/2.0\r\nVia: SIP/2.0/UDP 198.51.100.7;branch=z9hG4bK1\r\nFrom: "
      "<sip:a@b>;tag=1\r\n"
      "To: <sip:a@b>\r\nCall-ID: 1\r\nCSeq: 2 REGISTER\r\nUser-Agent: friendly-scanner\r\n";
  const auto forged = exchange.bench.udp(scan + "\r\n", at(0));
  REQUIRE(forged.consequences.ban);
  CHECK(forged.consequences.ban->duration == 60s);
  const auto proven = exchange.bench.udp(
      scan + "Authorization: Digest username=\"a\", nonce=\"n0\", response=\"1\"\r\n\r\n", at(61s));
  REQUIRE(proven.consequences.ban);
  CHECK(proven.consequences.ban->duration == 10min);
  CHECK(proven.consequences.ban->cause.verified);
}

TEST_CASE("what may be forged in a known source's name speaks against no user there", "[shield]") {
  Exchange exchange(SourceClass::known);
  (void)guess(exchange, 50, true);
  CHECK(exchange.ask({.call = 80, .cseq = 2, .user = "100", .nonce = "n50"}) == Reason::request);
  CHECK(exchange.ask({.call = 81, .cseq = 2, .user = "100", .nonce = "x"}) == Reason::request);
}

TEST_CASE("refusals that may be forged make nobody's ban a long one, whoever is refused last", "[shield]") {
  const unsigned forged = GENERATE(0U, 1U, 9U);
  Exchange exchange;
  for (unsigned i = 1; i <= forged; ++i)
    CHECK_FALSE(exchange.both({.call = i, .user = "100", .nonce = "x"}, 401).ban);
  (void)exchange.both({.call = 50}, 401, challenge("n0"));
  const auto found = guess(exchange, 10 - forged);
  REQUIRE(found.ban);
  CHECK(found.ban->cause.verified == (forged == 0));
  CHECK(found.ban->duration == (forged == 0 ? 600s : 60s));
}

TEST_CASE("a challenge of a stranger's own that a proxy passes on proves nothing", "[shield]") {
  const bool stranger = GENERATE(true, false);
  Exchange exchange;
  const Ask invite{.method = "INVITE", .call = 1};
  CHECK(exchange.ask(invite) == Reason::request);
  const auto text = answer(invite, 407, "Proxy-Authenticate: Digest realm=\"x\", nonce=\"chosen\"\r\n");
  if (stranger) (void)exchange.bench.udp(text, at(0), "203.0.113.9");
  (void)exchange.bench.hear(to_client(text));
  shield::Consequences found;
  for (unsigned i = 2; i <= 11; ++i)
    found = exchange.both({.call = i, .cseq = 2, .user = "100", .nonce = "chosen"}, 401);
  REQUIRE(found.ban);
  CHECK(found.ban->cause.verified == !stranger);
}

TEST_CASE("nobody takes the proof from the softswitch's own challenges by sending one himself", "[shield]") {
  Exchange exchange;
  const Ask guessed{.call = 900};
  (void)exchange.bench.udp(answer(guessed, 401, challenge("mine")), at(0), "203.0.113.9");
  (void)exchange.both(guessed, 401, challenge("n0"));
  const auto found = guess(exchange, 10);
  REQUIRE(found.ban);
  CHECK(found.ban->cause.verified);
}

TEST_CASE("several guessing members ban their prefix, when each has proved itself", "[shield]") {
  const bool proven = GENERATE(true, false);
  Exchange exchange;
  std::optional<Prefix> net;
  for (unsigned member = 1; member <= 6 && !net; ++member) {
    const auto source = fmt::format("203.0.113.{}", member);
    const auto own = fmt::format("m{}n", member);
    if (proven) (void)exchange.both({.call = 900 + member}, 401, challenge(own + "0"), at(0), source);
    const auto found = guess(exchange, 8, !proven, source, own);
    CHECK_FALSE(found.ban);
    if (found.prefix_ban) net = found.prefix_ban->net;
  }
  if (proven)
    CHECK(net == Prefix(address("203.0.113.0"), 24));
  else
    CHECK_FALSE(net);
}
