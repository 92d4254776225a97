// What the softswitch's answers make of a source.
#include "exchange.h"

using namespace sipward;
using namespace sipward::test;
using namespace std::chrono_literals;
using decide::Reason;
using decide::SourceClass;

TEST_CASE("a bare 401 is never a failure", "[shield]") {
  Exchange exchange;
  for (unsigned i = 1; i <= 500; ++i)
    CHECK_FALSE(exchange.both(Ask{.call = i}, 401, challenge(fmt::format("n{}", i))).ban);
  CHECK(exchange.counted(metrics::Learning::refused_credentials) == 0);
}

TEST_CASE("ten refused attempts ban, nine do not; who used our nonce is banned for long", "[shield]") {
  Exchange exchange;
  (void)exchange.both(Ask{.call = 500}, 401, challenge("n0"));
  CHECK_FALSE(guess(exchange, 9).ban);
  const Ask tenth{.call = 10, .cseq = 2, .user = "100", .nonce = "n9"};
  const auto found = exchange.both(tenth, 401, challenge("n10"));
  REQUIRE(found.ban);
  CHECK(found.ban->net == Prefix(address(kSource)));
  CHECK(found.ban->cause.reason == "credentials");
  CHECK(found.ban->cause.verified);
  CHECK(found.ban->duration == 10min);
  REQUIRE(found.evidence);
  CHECK(found.evidence->verified);
  CHECK_THAT(found.evidence->detail, ContainsSubstring("answered 401 to REGISTER"));
  CHECK(exchange.ask(Ask{.call = 11}, at(1)) == Reason::banned);
  CHECK(exchange.counted(metrics::Learning::refused_credentials) == 10);
}

TEST_CASE("attempts that could be forged ban for a minute", "[shield]") {
  Exchange exchange;
  shield::Consequences found;
  for (unsigned i = 1; i <= 10; ++i)
    found = exchange.both({.call = i, .user = "100", .nonce = "made-up"}, 403);
  REQUIRE(found.ban);
  CHECK_FALSE(found.ban->cause.verified);
  CHECK(found.ban->duration == 60s);
}

TEST_CASE("attempts spread over longer than the window do not ban", "[shield]") {
  Exchange exchange;
  for (unsigned i = 1; i <= 60; ++i) {
    const auto found = exchange.both({.call = i, .user = "100"}, 401, "", at(std::chrono::seconds(i * 80)));
    CHECK_FALSE(found.ban);
  }
}

TEST_CASE("each attempt counts once", "[shield]") {
  Exchange exchange;
  SECTION("its answer came twice") {
    for (unsigned i = 1; i <= 9; ++i) {
      CHECK_FALSE(exchange.both({.call = i, .user = "100"}, 401).ban);
      CHECK_FALSE(exchange.answer({.call = i, .user = "100"}, 401).ban);
    }
  }
  SECTION("the same credentials, again and again") {
    for (unsigned i = 1; i <= 50; ++i)
      CHECK_FALSE(exchange.both({.call = i, .user = "100", .response = "0123456789abcdef"}, 401).ban);
  }
  SECTION("the nonce was stale") {
    for (unsigned i = 1; i <= 50; ++i)
      CHECK_FALSE(exchange.both({.call = i, .user = "100"}, 401, challenge("n1", true)).ban);
  }
  SECTION("an answer to nothing that was asked") {
    for (unsigned i = 1; i <= 50; ++i) CHECK_FALSE(exchange.answer({.call = i, .user = "100"}, 401).ban);
  }
}

TEST_CASE("ten unknown targets ban, one target asked for again and again does not", "[shield]") {
  const unsigned status = GENERATE(404U, 410U, 484U, 485U, 604U);
  const char* method = GENERATE("REGISTER", "INVITE", "SUBSCRIBE");
  Exchange exchange;
  for (unsigned i = 1; i <= 50; ++i) CHECK_FALSE(exchange.both({.method = method, .call = i}, status).ban);
  shield::Consequences found;
  for (unsigned i = 1; i <= 9; ++i) {
    CHECK_FALSE(found.ban);
    found = exchange.both({.method = method, .call = 100 + i, .target = fmt::format("{}", 1000 + i)}, status);
  }
  REQUIRE(found.ban);
  CHECK(found.ban->cause.reason == "unknown_targets");
  CHECK(found.ban->duration == 60s);
}

TEST_CASE("answers that accuse nobody do not count", "[shield]") {
  const unsigned status = GENERATE(100U, 180U, 183U, 200U, 302U, 408U, 480U, 486U, 487U, 500U, 503U, 603U);
  Exchange exchange;
  for (unsigned i = 1; i <= 40; ++i) {
    const Ask ask{.method = "INVITE", .call = i, .target = fmt::format("{}", i), .user = "100"};
    CHECK_FALSE(exchange.both(ask, status).ban);
  }
}

TEST_CASE("an accepted registration makes its source known for its life and a day", "[shield]") {
  Exchange exchange;
  const auto found =
      exchange.both({.user = "alice"}, 200, "Contact: <sip:alice@198.51.100.7:5061>;expires=600\r\n");
  REQUIRE(found.known);
  CHECK(found.known->source == address(kSource));
  CHECK(found.known->until == at(0).wall + 600s + 24h);
  CHECK(found.known->how == "register");
}

TEST_CASE("while a source is no stranger any more, its refreshes are told now and then", "[shield]") {
  Exchange exchange(SourceClass::known);
  auto refresh = [&, call = 0U](std::chrono::milliseconds time) mutable {
    return exchange.both({.call = ++call, .user = "alice"}, 200, "Expires: 600\r\n", at(time))
        .known.has_value();
  };
  CHECK(refresh(0ms));
  CHECK_FALSE(refresh(60s));
  CHECK_FALSE(refresh(2h));
  CHECK(refresh(3h));
}

TEST_CASE("that a stranger is to be known is asked again, should it have been lost", "[shield]") {
  Exchange exchange;
  auto registered = [&, call = 0U](std::chrono::milliseconds time) mutable {
    return exchange.both({.call = ++call, .user = "alice"}, 200, "Expires: 600\r\n", at(time))
        .known.has_value();
  };
  CHECK(registered(0ms));
  CHECK_FALSE(registered(4s));
  CHECK(registered(6s));
}

TEST_CASE("what was accepted without credentials makes nobody known", "[shield]") {
  const char* method = GENERATE("REGISTER", "OPTIONS", "SUBSCRIBE", "INVITE");
  Exchange exchange;
  CHECK_FALSE(exchange.both({.method = method}, 200).known);
}

TEST_CASE("an accepted call with credentials makes its source known for a day", "[shield]") {
  Exchange exchange;
  CHECK_FALSE(exchange.both({.method = "INVITE", .call = 9, .user = "alice", .nonce = "made-up"}, 200).known);
  (void)exchange.both({.method = "INVITE"}, 401, challenge("n0"));
  const auto found = exchange.both({.method = "INVITE", .cseq = 2, .user = "alice"}, 200);
  REQUIRE(found.known);
  CHECK(found.known->until == at(0).wall + 24h);
  CHECK(found.known->how == "invite");
}

TEST_CASE("who ACKs an accepted call with our tag is known, who makes a tag up is not", "[shield]") {
  Exchange exchange;
  const Ask invite{.method = "INVITE"};
  CHECK_FALSE(exchange.both(invite, 200).known);
  (void)exchange.ask({.method = "ACK", .to_tag = "forged"});
  CHECK_FALSE(exchange.asked.consequences.known);
  (void)exchange.ask({.method = "ACK", .to_tag = "as5f3c"});
  REQUIRE(exchange.asked.consequences.known);
  CHECK(exchange.asked.consequences.known->how == "dialog");
}

TEST_CASE("a response of a stranger's own that a proxy passes on makes nobody known", "[shield]") {
  const std::string user = GENERATE("", "alice");
  const unsigned status = GENERATE(200U, 202U);
  Exchange exchange;
  const Ask invite{.method = "INVITE", .user = user};
  (void)exchange.ask(invite);
  CHECK(exchange.bench.udp(test::answer(invite, status)).reason == Reason::response);
  CHECK_FALSE(exchange.answer(invite, status).known);
  (void)exchange.ask({.method = "ACK", .to_tag = "as5f3c"});
  CHECK_FALSE(exchange.asked.consequences.known);
}

TEST_CASE("the ACK of a refused call makes its source no friend", "[shield]") {
  Exchange exchange;
  (void)exchange.both({.method = "INVITE"}, 404);
  (void)exchange.ask({.method = "ACK", .to_tag = "as5f3c"});
  CHECK_FALSE(exchange.asked.consequences.known);
}

TEST_CASE("a decoy with the same Call-ID and CSeq takes no refusal away", "[shield]") {
  Exchange exchange;
  shield::Consequences found;
  for (unsigned i = 1; i <= 10; ++i) {
    CHECK_FALSE(found.ban);
    const Ask attempt{.call = i, .user = "100"};
    (void)exchange.ask(attempt);
    (void)exchange.ask({.call = i, .branch = "z9hG4bK-decoy"});
    found = exchange.answer(attempt, 401);
  }
  CHECK(found.ban);
}

TEST_CASE("a request whose answers would go elsewhere is not served", "[shield]") {
  Exchange exchange;
  const auto with_maddr = [](std::string_view address) {
    std::string text = Ask{}.text();
    text.insert(text.find(";branch="), fmt::format(";maddr={}", address));
    return text;
  };
  CHECK(exchange.bench.udp(with_maddr("203.0.113.9")).reason == Reason::malformed);
  CHECK(exchange.bench.udp(with_maddr("victim.example")).reason == Reason::malformed);
  CHECK(exchange.bench.udp(with_maddr(kSource)).reason == Reason::request);
  CHECK(exchange.bench.udp(with_maddr(fmt::format("{};maddr=203.0.113.9", kSource))).reason ==
        Reason::malformed);
  CHECK(exchange.bench.udp(with_maddr(fmt::format("\"{}\";maddr=203.0.113.9", kSource))).reason ==
        Reason::malformed);
  CHECK(exchange.bench.udp(with_maddr(fmt::format("\"{}\";maddr=203.0.113.9;x=\"y\"", kSource))).reason ==
        Reason::malformed);
  CHECK(exchange.bench.udp(with_maddr("")).reason == Reason::malformed);
  const auto v6 = ipv6(kUdp, udp(with_maddr("[2001:db8::7]")), "2001:db8::7");
  CHECK(exchange.bench.process(v6).reason == Reason::request);
  Exchange listed(SourceClass::peer);
  CHECK(listed.bench.udp(with_maddr("203.0.113.9")).reason == Reason::peer);
}

TEST_CASE("behind a known address one user's wrong password costs the others nothing", "[shield]") {
  Exchange exchange(SourceClass::known);
  (void)exchange.both(Ask{.call = 500}, 401, challenge("n0"));
  CHECK_FALSE(guess(exchange, 9).ban);
  CHECK(exchange.ask({.call = 10, .cseq = 2, .user = "100", .nonce = "n9"}) == Reason::request);
  CHECK_FALSE(exchange.answer({.call = 10, .cseq = 2}, 401, challenge("n10")).ban);
  CHECK(exchange.ask({.call = 11, .user = "100", .nonce = "n10"}) == Reason::credentials);
  CHECK_FALSE(exchange.asked.consequences.ban);
  for (unsigned i = 0; i < 499; ++i)
    CHECK(exchange.ask({.call = 1000 + i, .user = fmt::format("phone{}", i)}) == Reason::request);
  CHECK(exchange.ask({.call = 12}) == Reason::request);  // without credentials: it is challenged, no more
  CHECK(exchange.ask({.call = 13, .user = "100"}, at(10min)) == Reason::request);
}

TEST_CASE("who tries many users from a known address reaches those alone that were accepted there",
          "[shield]") {
  Exchange exchange(SourceClass::known);
  (void)exchange.both({.call = 1, .user = "alice"}, 200, "Expires: 600\r\n");
  for (unsigned i = 1; i <= 10; ++i) {
    (void)exchange.both({.call = 100 + i}, 401, challenge(fmt::format("n{}", i)));
    (void)exchange.both(
        {.call = 100 + i, .cseq = 2, .user = fmt::format("u{}", i), .nonce = fmt::format("n{}", i)}, 401);
  }
  CHECK(exchange.ask({.call = 200, .user = "u11"}) == Reason::credentials);
  CHECK(exchange.ask({.call = 201, .user = "alice"}) == Reason::request);
}

TEST_CASE("credentials are read whichever header holds them", "[shield]") {
  const char* decoy =
      GENERATE("Authorization: Foo x\r\n", "Proxy-Authorization: Digest realm=\"x\", response=\"a\"\r\n",
               "");  // the same in both
  Exchange exchange;
  shield::Consequences found;
  for (unsigned i = 1; i <= 10; ++i) {
    CHECK_FALSE(found.ban);
    const Ask ask{.call = i, .user = "100"};
    std::string text = ask.text();
    const std::size_t own = text.find("Authorization:");
    text.insert(own,
                *decoy ? std::string(decoy) : "Proxy-" + text.substr(own, text.find('\n', own) + 1 - own));
    (void)exchange.bench.udp(text);
    found = exchange.answer(ask, 401);
  }
  CHECK(found.ban);
}

TEST_CASE("a known source misdials as often as it likes", "[shield]") {
  Exchange exchange(SourceClass::known);
  for (unsigned i = 1; i <= 100; ++i)
    CHECK_FALSE(exchange.both({.method = "INVITE", .call = i, .target = fmt::format("{}", i)}, 404).ban);
}

TEST_CASE("mode observe bans nobody for what the answers tell", "[shield]") {
  Exchange exchange;
  exchange.bench.observe = true;
  (void)exchange.both(Ask{.call = 500}, 401, challenge("n0"));
  for (unsigned i = 1; i <= 15; ++i) CHECK_FALSE(exchange.both({.call = i, .user = "100"}, 401).ban);
  CHECK(exchange.bench.counters().event(metrics::Event::bans_observed).get() == 1);
}

TEST_CASE("a cut or strange copy is heard without harm", "[shield]") {
  Exchange exchange;
  for (const char* text : {"", "SIP/2.0", "SIP/2.0 200", "SIP/2.0 200 OK\r\n", "BYE", "\r\n\r\n",
                           "SIP/2.0 200 OK\r\nCSeq: 1 REGISTER\r\n\r\n"})
    for (const auto& one : exchange.bench.hear(to_client(text))) CHECK_FALSE((one.ban || one.known));
}
