// Scores that add up to a ban, and rules that only observe.
#include "suspicion.h"

#include "bench.h"

namespace sipward::shield {
namespace {

using namespace sipward::test;  // NOLINT: packets made by hand
using decide::Reason;
using std::chrono::minutes;

// By User-Agent, letter by letter: "s40" and "s60" score what they say, "o60" too but only observes; "BAN",
// "DROP" and their observing twins "oban" and "odrop".
std::shared_ptr<const match::Matcher> made_up_rules() {
  std::vector<match::Rule> rules;
  const auto add = [&](std::string_view id, match::Action action, unsigned weight, bool observe) {
    match::Rule rule;
    rule.id = id;
    rule.conditions = {{match::Scope::header, "User-Agent", match::Match::contains, std::string(id), true}};
    rule.action = action;
    rule.weight = weight;
    rule.observe = observe;
    rules.push_back(std::move(rule));
  };
  add("s40", match::Action::score, 40, false);
  add("s60", match::Action::score, 60, false);
  add("o60", match::Action::score, 60, true);
  add("BAN", match::Action::ban, 0, false);
  add("DROP", match::Action::drop, 0, false);
  add("oban", match::Action::ban, 0, true);
  add("odrop", match::Action::drop, 0, true);
  auto made = match::make_hyperscan_matcher(std::move(rules));
  if (!made) FAIL(made.error().text);
  return std::move(*made);
}

struct Suspicion : Bench {
  explicit Suspicion(decide::SourceClass source_class = decide::SourceClass::unknown)
      : Bench(source_class, made_up_rules()) {}
  Outcome from(std::string_view agent, std::chrono::milliseconds time = {}) {
    return udp(text({.agent = std::string(agent)}), at(time));
  }
  std::uint64_t bans_observed() { return counters().event(metrics::Event::bans_observed).get(); }
};

TEST_CASE("score rules of several messages ban at the limit, and that message is dropped") {
  Suspicion bench;
  const Outcome first = bench.from("s40");
  CHECK(first.reason == Reason::request);
  CHECK_FALSE(first.consequences.ban.has_value());
  const Outcome second = bench.from("s60", std::chrono::milliseconds(0));
  CHECK(second.reason == Reason::score);
  REQUIRE(second.consequences.ban.has_value());
  CHECK(second.consequences.ban->duration == std::chrono::seconds(60));
  CHECK(second.consequences.ban->cause.reason == "score");
  CHECK(second.consequences.ban->cause.rule == "s60");
  CHECK(second.consequences.ban->cause.origin == "auto:score");
  CHECK(bench.from("Phone", std::chrono::seconds(59)).reason == Reason::banned);
  CHECK(bench.from("Phone", std::chrono::seconds(60)).reason == Reason::request);
}

TEST_CASE("a score that decayed does not reach the limit") {
  Suspicion bench;
  (void)bench.from("s40");
  CHECK(bench.from("s60", std::chrono::milliseconds(50)).reason == Reason::request);
}

TEST_CASE("two rules in one message both count, and a verified source is banned for an hour") {
  Suspicion bench;
  const Outcome outcome = bench.process(tcp_packet(text({.agent = "s40 s60"})), at(0), true);
  CHECK(outcome.reason == Reason::score);
  REQUIRE(outcome.consequences.ban.has_value());
  CHECK(outcome.consequences.ban->duration == std::chrono::minutes(10));
}

TEST_CASE("neither a retransmission nor the same oddity again adds to a score") {
  Suspicion bench;
  for (int i = 0; i < 1000; ++i)
    REQUIRE(bench.from("s60", std::chrono::seconds(i)).reason == Reason::request);
}

TEST_CASE("whoever goes on after a ban is banned again, and a clean message of it passes") {
  Suspicion bench;
  CHECK(bench.from("s40 s60").reason == Reason::score);
  CHECK(bench.from("Phone", minutes(2)).reason == Reason::request);
  CHECK(bench.from("s40", minutes(2)).reason == Reason::request);  // 87 are left, and s40 has counted
  CHECK(bench.from("s40 s60", minutes(10)).reason == Reason::score);
}

TEST_CASE("a peer has no score") {
  Suspicion bench(decide::SourceClass::peer);
  CHECK(bench.from("s40 s60").reason == Reason::peer);
  CHECK(bench.source("198.51.100.7").dossier->score.with_observed(minutes(10), at(0).steady) == 0);
}

TEST_CASE("responses have no score") {
  Suspicion bench;
  CHECK(bench.udp("SIP/2.0 200 OK\r\nVia: SIP/2.0/UDP x\r\nUser-Agent: s40 s60\r\n\r\n").reason ==
        Reason::response);
}

TEST_CASE("observing score rules would ban, and never do") {
  Suspicion bench;
  const Outcome outcome = bench.from("s40 o60");
  CHECK(outcome.reason == Reason::observed);
  CHECK(outcome.would_drop == Reason::score);
  CHECK_FALSE(outcome.consequences.ban.has_value());
  CHECK(bench.bans_observed() == 1);
  CHECK(bench.from("Phone").reason == Reason::request);
  CHECK(bench.from("s40", std::chrono::milliseconds(1)).would_drop == std::nullopt);  // 99.99
  // The enforcing rules alone have 99.9…, whatever the observing one adds.
  CHECK(bench.from("s60", std::chrono::milliseconds(1)).reason == Reason::observed);
  CHECK(bench.from("s60 o60", std::chrono::seconds(1)).reason == Reason::observed);
}

TEST_CASE("an observing rule counts what it would do and lets the packet pass") {
  Suspicion bench;
  const Outcome drop = bench.from("odrop");
  CHECK(drop.reason == Reason::observed);
  CHECK(drop.would_drop == Reason::signature);
  CHECK(bench.bans_observed() == 0);
  CHECK(bench.counters().rule("odrop")->hits.get() == 1);
  CHECK(bench.counters().would_drop(Reason::signature) == 1);
  CHECK(bench.by_reason(Reason::observed) == 1);
  CHECK(bench.source("198.51.100.7").source.dropped() == 0);
  CHECK(bench.from("oban").consequences.ban == std::nullopt);
  CHECK(bench.bans_observed() == 1);
}

TEST_CASE("an observing rule hides no enforcing one, nor the other way round") {
  Suspicion bench;
  const Outcome dropped = bench.from("oban DROP");
  CHECK(dropped.reason == Reason::signature);
  CHECK_FALSE(dropped.consequences.ban.has_value());
  CHECK(dropped.consequences.evidence->rule == "DROP");
  CHECK(bench.counters().rule("oban")->hits.get() == 1);
  const Outcome scored = bench.from("odrop s40", std::chrono::seconds(10));
  CHECK(scored.would_drop == Reason::signature);
  CHECK(scored.consequences.evidence->rule == "odrop");
  CHECK(bench.source("198.51.100.7").dossier->score.enforced(minutes(10), at(10'000).steady) == 40);
}

TEST_CASE("evidence of an observing rule names it and is marked") {
  Suspicion bench;
  const auto evidence = bench.from("odrop 1").consequences.evidence;
  REQUIRE(evidence.has_value());
  CHECK(evidence->observed);
  CHECK(evidence->rule == "odrop");
  CHECK(evidence->action == "drop");
  CHECK(evidence->reason == "signature");
  CHECK(evidence->value == "odrop 1");
  CHECK(evidence->match_end == 5);
}

TEST_CASE("evidence in observe mode is marked, that of an enforced rule is not") {
  Suspicion bench;
  CHECK_FALSE(bench.from("DROP").consequences.evidence->observed);
  Suspicion observing;
  observing.observe = true;
  CHECK(observing.from("DROP").consequences.evidence->observed);
}

TEST_CASE("evidence of a score says which rules made it, and blames the heaviest of the message") {
  Suspicion bench;
  const auto rose = bench.from("s40").consequences.evidence;
  REQUIRE(rose.has_value());
  CHECK(rose->reason == "score");
  CHECK(rose->action == "score");
  CHECK(rose->rule == "s40");
  CHECK_FALSE(rose->observed);
  CHECK(rose->detail == "score 40 (bans at 100): s40 40");
  CHECK_FALSE(bench.from("s40", std::chrono::seconds(20)).consequences.evidence.has_value());
  const auto banned = bench.from("s40 o60 s60", std::chrono::milliseconds(0)).consequences.evidence;
  REQUIRE(banned.has_value());
  CHECK(banned->rule == "s60");
  CHECK(banned->value.substr(banned->match_begin, banned->match_end - banned->match_begin) == "s60");
  CHECK(banned->detail ==
        "score 100, 160 with the rules that only observe (bans at 100): s40 40, s60 60, o60 60 (observed)");
}

TEST_CASE("bans that are only observed count once for each time there would be one") {
  Suspicion bench;
  bench.observe = true;
  for (const int second : {0, 1, 59}) {
    CHECK(bench.from("BAN", std::chrono::seconds(second)).reason == Reason::observed);
    CHECK(bench.bans_observed() == 1);
  }
  (void)bench.from("BAN", std::chrono::seconds(60));
  CHECK(bench.bans_observed() == 2);
  (void)bench.udp(text({.agent = "BAN"}), at(std::chrono::seconds(60)), "198.51.100.8");
  CHECK(bench.bans_observed() == 3);
}

TEST_CASE("a From tag of SIPVicious is read back, whichever rule found the packet out") {
  Bench bench;
  const auto scan = [&](std::string_view tag, std::string_view source) {
    std::string bytes = kScan;
    bytes.replace(bytes.find("4f2c7d01"), 8, tag);
    const auto evidence = bench.udp(bytes, at(0), source).consequences.evidence;
    REQUIRE(evidence.has_value());
    return evidence->detail;
  };
  CHECK(scan("633030303032303131336334013334303933333936", "198.51.100.7") ==
        "the From tag is SIPVicious svmap's: it scans 192.0.2.1:5060, where this packet went");
  CHECK(scan("31303030013138393835353132", "198.51.100.8") ==
        "the From tag is SIPVicious svwar's: it tries extension 1000");
  CHECK(scan("4f2c7d01", "198.51.100.9").empty());
}

}  // namespace
}  // namespace sipward::shield
