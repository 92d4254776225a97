// What is kept of a packet that was dropped.
#include "bench.h"

namespace sipward::shield {
namespace {

using namespace sipward::test;  // NOLINT: packets made by hand

TEST_CASE("evidence says who, where, why, and which bytes") {
  Bench bench;
  const auto evidence = bench.udp(kScan, at(1234), "2001:db8::7").consequences.evidence;
  REQUIRE(evidence.has_value());
  CHECK(evidence->time == at(1234).wall);
  CHECK(evidence->source == address("2001:db8::7"));
  CHECK(evidence->source_port == 5061);
  CHECK(evidence->destination == "[2001:db8:1::1]:5060");
  CHECK(evidence->transport == "udp");
  CHECK(evidence->reason == "signature");
  CHECK(evidence->rule == "friendly-scanner");
  CHECK(evidence->action == "ban");
  CHECK_FALSE(evidence->verified);
  CHECK(evidence->excerpt == kScan);
  CHECK(evidence->value == "friendly-scanner");
  CHECK(evidence->value.substr(evidence->match_begin, evidence->match_end - evidence->match_begin) ==
        "friendly-");
}

TEST_CASE("evidence of a TCP packet on IPv4") {
  const auto evidence = Bench().process(tcp_packet(kScan), at(0), true).consequences.evidence;
  REQUIRE(evidence.has_value());
  CHECK(evidence->transport == "tcp");
  CHECK(evidence->destination == "192.0.2.1:5060");
  CHECK(evidence->verified);
}

TEST_CASE("the matched bytes lie where the rule matched, also in the middle of a value") {
  const auto evidence = Bench().udp(text({.branch = "zqwehwebK-1947271837;rport"})).consequences.evidence;
  REQUIRE(evidence.has_value());
  CHECK(evidence->rule == "sundayddr-branch");
  CHECK(evidence->value == "SIP/2.0/UDP 198.51.100.7:5061;branch=zqwehwebK-1947271837;rport");
  CHECK(evidence->value.substr(evidence->match_begin, evidence->match_end - evidence->match_begin) ==
        "branch=zqwehwebK-");
}

TEST_CASE("evidence of a refused method blames no rule, though one logged") {
  const auto evidence = Bench().udp(text({.method = "OPTIONS", .agent = "sipp"})).consequences.evidence;
  REQUIRE(evidence.has_value());
  CHECK(evidence->reason == "method");
  CHECK(evidence->rule.empty());
  CHECK(evidence->value.empty());
  CHECK(evidence->match_begin == 0);
  CHECK(evidence->match_end == 0);
}

TEST_CASE("excerpts are cut, and matches that lie behind the cut with them") {
  const std::string long_via = std::string(2000, 'x') + ";branch=zqwehwebK-1";
  const auto evidence =
      Bench().udp(text({.branch = long_via, .body = std::string(3000, 'b')})).consequences.evidence;
  REQUIRE(evidence.has_value());
  CHECK(evidence->excerpt.size() == store::kExcerptMax);
  CHECK(evidence->value.size() == store::kExcerptMax);
  CHECK(evidence->match_begin <= evidence->match_end);
  CHECK(evidence->match_end <= evidence->value.size());
}

TEST_CASE("evidence of a source is kept every 10 seconds, and of every ban") {
  Bench bench;
  CHECK(bench.udp(options(1), at(0)).consequences.evidence.has_value());
  CHECK_FALSE(bench.udp(options(2), at(1)).consequences.evidence.has_value());
  CHECK_FALSE(bench.udp("noise", at(9'999)).consequences.evidence.has_value());
  CHECK(bench.udp(options(3), at(9'999), "198.51.100.8").consequences.evidence.has_value());
  CHECK(bench.udp("noise", at(10'000)).consequences.evidence.has_value());
  CHECK_FALSE(bench.udp(options(4), at(10'001)).consequences.evidence.has_value());
  const Outcome ban = bench.udp(kScan, at(10'002));
  CHECK(ban.consequences.ban.has_value());
  CHECK(ban.consequences.evidence.has_value());
}

TEST_CASE("observe mode keeps evidence of a source every 10 seconds, though nothing stops it") {
  Bench bench;
  bench.observe = true;
  CHECK(bench.udp(kScan, at(0)).consequences.evidence.has_value());
  CHECK_FALSE(bench.udp(kScan, at(1)).consequences.evidence.has_value());
  CHECK_FALSE(bench.udp(kScan, at(9'999)).consequences.evidence.has_value());
  CHECK(bench.udp(kScan, at(10'000)).consequences.evidence.has_value());
}

}  // namespace
}  // namespace sipward::shield
