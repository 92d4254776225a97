// Ledger, kernel and database together, in a network namespace of the test's own: starts and operators.
#include "host.h"

namespace sipward::shield {
namespace {

using namespace sipward::test;  // NOLINT: the kernel's side
using std::chrono::hours;
using std::chrono::minutes;
using std::chrono::seconds;

TEST_CASE_METHOD(Host, "bans of the database stand in the kernel after the start") {
  const auto enforcer = this->enforcer();
  CHECK_FALSE(done(
      enforcer->install({.bans = {record("198.51.100.7", in(hours(1))), record("10.0.0.0/8", std::nullopt)},
                         .offences = {},
                         .known = {}},
                        kNow)));
  CHECK(about_left(*enforcer, "198.51.100.7", hours(1)));
  CHECK(holds("banned_net4", "10.1.1.1"));
  CHECK(enforcer->ban_count() == 2);
}

TEST_CASE_METHOD(Host,
                 "a restart never shortens a ban, and takes over those that the database does not know") {
  {
    const auto first = enforcer();
    (void)done(first->install(
        {.bans = {record("198.51.100.7", in(hours(1))), record("198.51.100.8", in(hours(1))),
                  record("198.51.100.9", std::nullopt), record("198.51.100.10", in(minutes(30)))},
         .offences = {},
         .known = {}},
        kNow));
  }
  // As if the daemon had been killed before it could write down what it had just done.
  const auto second = enforcer();
  CHECK(done(second->install(
      {.bans = {record("198.51.100.7", in(minutes(10))), record("198.51.100.9", in(minutes(10))),
                record("198.51.100.10", in(hours(2)))},
       .offences = {},
       .known = {}},
      kNow)));
  CHECK(about_left(*second, "198.51.100.7", hours(1)));
  CHECK(second->covering(address("198.51.100.7"))->cause->rule == "friendly-scanner");
  CHECK(about_left(*second, "198.51.100.8", hours(1)));
  CHECK(second->covering(address("198.51.100.8"))->cause->origin == "auto:adopted");
  CHECK(second->in_kernel(address("198.51.100.9"))->left == std::nullopt);
  CHECK_FALSE(second->covering(address("198.51.100.9"))->expires.has_value());
  CHECK(second->covering(address("198.51.100.10"))->expires == in(hours(2)));
  CHECK(second->ban_count() == 4);
}

TEST_CASE_METHOD(Host, "an operator's ban is extended, kept, lifted") {
  const auto enforcer = this->enforcer();
  (void)done(enforcer->install({}, kNow));
  const auto added = done(enforcer->ban(net("198.51.100.7"), kOperator, in(hours(1)), at(seconds(0))));
  CHECK_FALSE(added.extended);
  CHECK_FALSE(added.kept);
  const auto kept = done(enforcer->ban(net("198.51.100.7"), kOperator, in(minutes(1)), at(seconds(0))));
  CHECK(kept.kept);
  CHECK(kept.ban.expires == in(hours(1)));
  CHECK(about_left(*enforcer, "198.51.100.7", hours(1)));
  CHECK(done(enforcer->ban(net("198.51.100.7"), kOperator, in(hours(2)), at(seconds(0)))).extended);
  CHECK(about_left(*enforcer, "198.51.100.7", hours(2)));
  CHECK(done(enforcer->unban(net("198.51.100.7"), "removed:root", at(seconds(1)))).size() == 1);
  CHECK_FALSE(enforcer->in_kernel(address("198.51.100.7")).has_value());
  const auto again = enforcer->unban(net("198.51.100.7"), "removed:root", at(seconds(2)));
  REQUIRE_FALSE(again.has_value());
  CHECK(again.error().kind == ErrorKind::not_found);
}

TEST_CASE_METHOD(Host, "too wide nets, whitelisted sources and own addresses are not banned") {
  const auto enforcer = this->enforcer({{net("192.0.2.0/24"), "trusted", "", kNow, std::nullopt, ""},
                                        {net("203.0.113.0/24"), "peer", "", kNow, in(minutes(1)), ""}});
  (void)done(enforcer->install({}, kNow));
  REQUIRE(shell("ip link set lo up").ok);
  const auto refused = [&](std::string_view text, std::chrono::milliseconds time = seconds(0)) {
    const auto outcome = enforcer->ban(net(text), kOperator, std::nullopt, at(time));
    return !outcome && outcome.error().kind == ErrorKind::refused;
  };
  CHECK(refused("10.0.0.0/7"));
  CHECK_FALSE(refused("10.0.0.0/8"));
  CHECK(refused("2001::/18"));
  CHECK_FALSE(refused("2001:c000::/19"));
  CHECK(refused("192.0.2.7"));
  CHECK(refused("192.0.0.0/16"));
  CHECK(refused("203.0.113.7", minutes(1) - std::chrono::milliseconds(1)));
  CHECK_FALSE(refused("203.0.113.7", minutes(1)));
  CHECK(refused("127.0.0.1"));
}

TEST_CASE_METHOD(Host, "a whitelist entry lifts the bans inside it") {
  const auto enforcer = this->enforcer();
  (void)done(
      enforcer->install({.bans = {record("198.51.100.7", in(hours(1))), record("198.51.101.7", in(hours(1)))},
                         .offences = {},
                         .known = {}},
                        kNow));
  const auto outcome = done(enforcer->whitelist(
      {net("198.51.100.0/24"), "trusted", "", kNow, std::nullopt, "cli:root"}, at(seconds(0))));
  REQUIRE(outcome.lifted.size() == 1);
  CHECK(outcome.lifted[0].net == net("198.51.100.7"));
  CHECK_FALSE(enforcer->in_kernel(address("198.51.100.7")).has_value());
  CHECK(enforcer->in_kernel(address("198.51.101.7")).has_value());
  CHECK(holds("trusted_net4", "198.51.100.7"));
}

TEST_CASE_METHOD(Host, "a deleted table is made anew with all bans") {
  const auto enforcer = this->enforcer();
  (void)done(
      enforcer->install({.bans = {record("198.51.100.7", in(hours(1))), record("10.0.0.0/8", std::nullopt)},
                         .offences = {},
                         .known = {}},
                        kNow));
  CHECK(enforcer->tend(at(seconds(1))));
  CHECK(counters().event(metrics::Event::table_rebuilt).get() == 0);
  nft("flush ruleset");
  CHECK(enforcer->tend(at(seconds(2))));
  CHECK(counters().event(metrics::Event::table_rebuilt).get() == 1);
  CHECK(about_left(*enforcer, "198.51.100.7", hours(1)));
  CHECK(holds("banned_net4", "10.1.1.1"));
  CHECK(enforcer->tend(at(seconds(3))));
  CHECK(counters().event(metrics::Event::table_rebuilt).get() == 1);
}

TEST_CASE_METHOD(Host, "a table that somebody put in the place of the shield's own is replaced") {
  const auto enforcer = this->enforcer();
  (void)done(
      enforcer->install({.bans = {record("198.51.100.7", in(hours(1)))}, .offences = {}, .known = {}}, kNow));
  nft("flush ruleset; add table inet sipward");
  CHECK(enforcer->tend(at(seconds(2))));
  CHECK(counters().event(metrics::Event::table_rebuilt).get() == 1);
  CHECK(about_left(*enforcer, "198.51.100.7", hours(1)));
}

TEST_CASE_METHOD(Host, "whitelisting somebody lifts the ban of the net around, not an operator's") {
  const auto enforcer = this->enforcer();
  const auto prefix = [](std::string_view text, const char* origin) {
    return store::BanRecord{net(text), "offenders", "", origin, true, kNow, in(hours(1))};
  };
  (void)done(
      enforcer->install({.bans = {prefix("203.0.113.0/24", "auto:offenders"),
                                  prefix("203.0.112.0/23", "cli:root"), record("203.0.113.9", in(hours(1)))},
                         .offences = {},
                         .known = {}},
                        kNow));
  CHECK(holds("banned_prefix24", "203.0.113.0"));
  CHECK(holds("banned_net4", "203.0.113.1"));
  const auto lifted =
      done(enforcer->whitelist({net("203.0.113.7"), "peer", "", kNow, std::nullopt, "cli:root"},
                               at(seconds(1))))
          .lifted;
  REQUIRE(lifted.size() == 1);
  CHECK(lifted[0].net == net("203.0.113.0/24"));
  CHECK_FALSE(holds("banned_prefix24", "203.0.113.0"));
  CHECK(holds("banned_net4", "203.0.113.1"));
  CHECK(holds("banned4", "203.0.113.9"));
}

TEST_CASE_METHOD(Host,
                 "an operator takes over the ban of a net, and a deleted table gets each in its place") {
  const auto enforcer = this->enforcer();
  (void)done(enforcer->install(
      {.bans = {{net("203.0.113.0/24"), "offenders", "", "auto:offenders", true, kNow, in(hours(1))},
                {net("2001:db8::/64"), "offenders", "", "auto:offenders", true, kNow, in(hours(1))}},
       .offences = {},
       .known = {{address("192.0.2.9"), kNow, in(hours(5)), "register"}}},
      kNow));
  (void)done(enforcer->ban(net("203.0.113.0/24"), kOperator, in(hours(2)), at(seconds(1))));
  CHECK_FALSE(holds("banned_prefix24", "203.0.113.0"));
  CHECK(holds("banned_net4", "203.0.113.1"));
  nft("flush ruleset");
  CHECK(enforcer->tend(at(seconds(2))));
  CHECK_FALSE(holds("banned_prefix24", "203.0.113.0"));
  CHECK(holds("banned_net4", "203.0.113.1"));
  CHECK(holds("banned_prefix64", "2001:db8::"));
  CHECK(holds("known4", "192.0.2.9"));
}

}  // namespace
}  // namespace sipward::shield
