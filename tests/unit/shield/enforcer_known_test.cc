// Known sources: how they come, what that undoes, how they go.
#include "host.h"

namespace sipward::shield {
namespace {

using namespace sipward::test;  // NOLINT: the kernel's side
using std::chrono::hours;
using std::chrono::minutes;
using std::chrono::seconds;

TEST_CASE_METHOD(Host,
                 "whom the softswitch accepted is known, and what the shield did against it is undone") {
  const WallTime now = wall_now();
  const auto enforcer = this->enforcer({{net("192.0.2.0/24"), "trusted", "", kNow, std::nullopt, ""}});
  (void)done(enforcer->install(
      {.bans = {{net("203.0.113.7"), "signature", "", "auto:x", true, now, now + hours(1)},
                {net("203.0.113.8"), "signature", "", "auto:x", true, now, now + hours(1)},
                {net("203.0.113.0/24"), "offenders", "", "auto:offenders", true, now, now + hours(1)},
                {net("198.51.100.7"), "words", "", "cli:root", true, now, now + hours(1)}},
       .offences = {},
       .known = {}},
      now));
  learn(*enforcer, {{address("203.0.113.7"), now + hours(2), "register"},
                    {address("203.0.113.7"), now + hours(1), "invite"},  // not shortened
                    {address("198.51.100.7"), now + hours(2), "invite"},
                    {address("192.0.2.7"), now + hours(2), "register"},       // whitelisted: needs no room
                    {address("198.51.100.1"), now - hours(1), "register"}});  // over
  CHECK(holds("known4", "203.0.113.7"));
  CHECK(holds("known4", "198.51.100.7"));
  CHECK(enforcer->known_count() == 2);
  CHECK(enforcer->find_known(address("203.0.113.7"))->until == now + hours(2));
  CHECK(enforcer->find_known(address("203.0.113.7"))->how == "register");
  CHECK_FALSE(holds("banned4", "203.0.113.7"));
  CHECK_FALSE(holds("banned_prefix24", "203.0.113.0"));
  CHECK(holds("banned4", "203.0.113.8"));
  CHECK(holds("banned4", "198.51.100.7"));  // an operator's word stands
  CHECK(events(metrics::Event::known_added) == 2);
  CHECK(events(metrics::Event::known_failed) == 0);
}

TEST_CASE_METHOD(Host, "a known source is not banned by the shield, but by an operator") {
  const WallTime now = wall_now();
  const auto enforcer = this->enforcer();
  (void)done(enforcer->install({.bans = {},
                                .offences = {},
                                .known = {{address("203.0.113.7"), now, now + hours(1), "register"},
                                          {address("203.0.113.8"), now - hours(1), now, "register"}}},
                               now));
  request(*enforcer, proven_bans({"203.0.113.7", "203.0.113.8"}));
  CHECK_FALSE(holds("banned4", "203.0.113.7"));
  CHECK(holds("banned4", "203.0.113.8"));  // no longer known
  (void)done(enforcer->ban(net("203.0.113.7"), kOperator, std::nullopt, sipward::now()));
  CHECK(holds("banned4", "203.0.113.7"));
}

TEST_CASE_METHOD(Host, "known_max sources are known, then who ends first goes, and that is counted") {
  const WallTime now = wall_now();
  const auto enforcer = this->enforcer();
  (void)done(enforcer->install({}, now));
  learn(*enforcer, {{address("203.0.113.1"), now + hours(2), "register"},
                    {address("203.0.113.2"), now + hours(1), "register"},
                    {address("203.0.113.3"), now + hours(3), "register"},
                    {address("203.0.113.4"), now + hours(4), "register"},    // 2 goes
                    {address("203.0.113.5"), now + minutes(5), "register"},  // is not taken
                    {address("203.0.113.2"), now + hours(5), "register"}});  // is back; 1 goes
  CHECK(enforcer->known_count() == 3);
  for (const char* text : {"203.0.113.2", "203.0.113.3", "203.0.113.4"}) CHECK(holds("known4", text));
  for (const char* text : {"203.0.113.1", "203.0.113.5"}) CHECK_FALSE(holds("known4", text));
  CHECK(events(metrics::Event::known_full) == 3);
}

TEST_CASE_METHOD(Host, "who is known outlives the daemon, who is forgotten does not") {
  const WallTime now = wall_now();
  {
    const auto first = enforcer();
    keeper().start();
    (void)done(first->install({}, now));
    learn(*first, {{address("203.0.113.1"), now + hours(2), "register"},
                   {address("2001:db8::1"), now + hours(3), "invite"}});
    CHECK(done(first->forget_known(address("203.0.113.1"))).how == "register");
    CHECK_FALSE(holds("known4", "203.0.113.1"));
    CHECK(first->forget_known(address("203.0.113.1")).error().kind == ErrorKind::not_found);
    keeper().stop();
  }
  nft("flush ruleset");
  const auto stored = done(keeper().with_store([&](store::Store& store) { return read_stored(store, now); }));
  REQUIRE(stored.known.size() == 1);
  const auto second = enforcer();
  (void)done(second->install(stored, now));
  CHECK(holds("known6", "2001:db8::1"));
  CHECK_FALSE(holds("known4", "203.0.113.1"));
  CHECK(second->find_known(address("2001:db8::1"))->how == "invite");
}

TEST_CASE_METHOD(Host, "whom the kernel knows and the database does not is taken over") {
  const WallTime now = wall_now();
  {
    const auto first = enforcer();
    (void)done(first->install({}, now));
    learn(*first, {{address("203.0.113.1"), now + hours(2), "register"}});
  }
  const auto second = enforcer();
  CHECK(done(second->install({}, now)));
  CHECK(second->find_known(address("203.0.113.1"))->how == "adopted");
  CHECK(holds("known4", "203.0.113.1"));
}

}  // namespace
}  // namespace sipward::shield
