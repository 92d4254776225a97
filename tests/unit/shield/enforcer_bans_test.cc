// What the workers ask for: who is banned for how long, and when with its neighbours.
#include "host.h"

namespace sipward::shield {
namespace {

using namespace sipward::test;  // NOLINT: the kernel's side
using std::chrono::hours;
using std::chrono::minutes;
using std::chrono::seconds;

TEST_CASE_METHOD(Host, "requests of the workers become bans, the same source twice in a batch too") {
  const auto enforcer = this->enforcer({{net("192.0.2.0/24"), "trusted", "", kNow, std::nullopt, ""}});
  (void)done(enforcer->install({}, kNow));
  request(*enforcer, {{address("198.51.100.7"), kScanner, minutes(10)},
                      {address("198.51.100.7"), kScanner, hours(1)},
                      {address("192.0.2.7"), kScanner, hours(1)},
                      {address("2001:db8::7"), kScanner, hours(1)}});
  CHECK(about_left(*enforcer, "198.51.100.7", hours(1)));
  CHECK(about_left(*enforcer, "2001:db8::7", hours(1)));
  CHECK_FALSE(enforcer->in_kernel(address("192.0.2.7")).has_value());
  CHECK(events(metrics::Event::bans_added) == 2);
  CHECK(events(metrics::Event::bans_extended) == 1);
  CHECK(events(metrics::Event::bans_failed) == 0);
}

TEST_CASE_METHOD(Host, "no more addresses than bans.addresses_max are banned, and that is counted") {
  const auto enforcer = this->enforcer();
  (void)done(enforcer->install({}, kNow));
  std::vector<BanRequest> requests;
  for (int i = 0; i < 101; ++i)
    requests.push_back({address("198.51.100." + std::to_string(i)), kScanner, hours(1)});
  request(*enforcer, requests);
  CHECK(enforcer->ban_count() == 100);
  CHECK(events(metrics::Event::bans_added) == 100);
  CHECK(events(metrics::Event::bans_full) == 1);
}

TEST_CASE_METHOD(Host, "a proven ban lasts a step, whatever was asked, and asking again changes nothing") {
  const auto enforcer = this->enforcer();
  (void)done(enforcer->install({}, wall_now()));
  request(*enforcer, {{address("198.51.100.7"), kProven, hours(9)},
                      {address("198.51.100.7"), kProven, hours(9)},
                      {address("198.51.100.7"), kScanner, hours(9)},
                      {address("198.51.100.8"), kScanner, seconds(60)},
                      {address("198.51.100.8"), kProven, hours(9)}});  // proof comes after suspicion
  CHECK(about_left(*enforcer, "198.51.100.7", minutes(10)));
  CHECK(about_left(*enforcer, "198.51.100.8", minutes(10)));
  CHECK(enforcer->covering(address("198.51.100.8"))->cause->verified);
  CHECK(events(metrics::Event::bans_added) == 2);
  CHECK(events(metrics::Event::bans_extended) == 1);
}

TEST_CASE_METHOD(Host, "proven bans of earlier runs count, forgiven ones do not") {
  const auto enforcer = this->enforcer();
  const WallTime now = wall_now();
  const auto offence = [&](std::string_view text, hours ago, bool forgiven = false) {
    return store::Offence{net(text), now - ago, now - ago + minutes(10), forgiven};
  };
  enforcer->set_escalation({.steps = {minutes(10), hours(1), hours(24)}, .forgive = hours(48)});
  (void)done(enforcer->install(
      {.bans = {},
       .offences = {offence("198.51.100.1", hours(9)), offence("198.51.100.2", hours(9)),
                    offence("198.51.100.3", hours(9)), offence("198.51.100.4", hours(60)),
                    offence("198.51.100.2", hours(5)), offence("198.51.100.3", hours(5), true)},
       .known = {}},
      now));
  request(*enforcer, {{address("198.51.100.1"), kProven, {}},
                      {address("198.51.100.2"), kProven, {}},
                      {address("198.51.100.3"), kProven, {}},
                      {address("198.51.100.4"), kProven, {}}});
  CHECK(about_left(*enforcer, "198.51.100.1", hours(1)));
  CHECK(about_left(*enforcer, "198.51.100.2", hours(24)));
  CHECK(about_left(*enforcer, "198.51.100.3", minutes(10)));
  CHECK(about_left(*enforcer, "198.51.100.4", minutes(10)));
}

TEST_CASE_METHOD(Host, "an operator's ban is no offence and is not touched; what he lifts is forgiven") {
  const WallTime now = wall_now();
  const auto enforcer = this->enforcer();
  (void)done(enforcer->install(
      {.bans = {}, .offences = {{net("198.51.100.8"), now - hours(2), now - hours(1), false}}, .known = {}},
      now));
  const Now time{Instant(hours(1)), now};
  (void)done(enforcer->ban(net("198.51.100.7"), kOperator, now + minutes(5), time));
  (void)done(enforcer->ban(net("198.51.100.8"), kOperator, now + minutes(5), time));
  (void)done(enforcer->unban(net("198.51.100.8"), "removed:root", time));
  request(*enforcer, {{address("198.51.100.7"), kProven, {}}, {address("198.51.100.8"), kProven, {}}});
  CHECK(about_left(*enforcer, "198.51.100.7", minutes(5)));
  CHECK(enforcer->covering(address("198.51.100.7"))->cause->origin == "cli:root");
  CHECK(about_left(*enforcer, "198.51.100.8", minutes(10)));
}

TEST_CASE_METHOD(Host, "enough proven offenders in a net ban all of it, one fewer do not") {
  const auto enforcer = this->enforcer();
  enforcer->set_escalation({.prefix_offenders = 3});
  (void)done(enforcer->install({}, wall_now()));
  auto requests = proven_bans({"198.51.100.1", "198.51.100.2", "198.51.100.2", "203.0.113.1", "203.0.113.2",
                               "203.0.113.3", "2001:db8::1", "2001:db8::2", "2001:db8:0:1::3"});
  requests.push_back({address("198.51.100.3"), kScanner, seconds(60)});
  request(*enforcer, requests);
  CHECK_FALSE(enforcer->in_kernel(net("198.51.100.0/24")).has_value());
  CHECK_FALSE(enforcer->in_kernel(net("2001:db8::/64")).has_value());
  REQUIRE(enforcer->in_kernel(net("203.0.113.0/24")).has_value());
  CHECK(about(enforcer->in_kernel(net("203.0.113.0/24"))->left, minutes(10)));
  CHECK(enforcer->covering(address("203.0.113.99"))->net == net("203.0.113.0/24"));
  CHECK(enforcer->covering(address("203.0.113.99"))->cause->origin == "auto:offenders");
  CHECK(done(enforcer->unban(net("203.0.113.0/24"), "removed:root", now())).size() == 4);
  CHECK_FALSE(enforcer->in_kernel(net("203.0.113.0/24")).has_value());
}

TEST_CASE_METHOD(Host, "no number of offenders bans a net when that is switched off") {
  const auto enforcer = this->enforcer();
  enforcer->set_escalation({.prefix_offenders = 0});
  (void)done(enforcer->install({}, wall_now()));
  request(*enforcer, proven_bans({"203.0.113.1", "203.0.113.2", "203.0.113.3", "203.0.113.4", "203.0.113.5",
                                  "203.0.113.6", "203.0.113.7"}));
  CHECK_FALSE(enforcer->in_kernel(net("203.0.113.0/24")).has_value());
}

TEST_CASE_METHOD(Host, "a net is banned when a worker asks with proof, unless somebody in it must be heard") {
  const WallTime now = wall_now();
  const auto enforcer = this->enforcer({{net("198.51.100.8"), "trusted", "", kNow, std::nullopt, ""},
                                        {net("192.0.0.0/16"), "peer", "", kNow, std::nullopt, ""}});
  REQUIRE(shell("ip link set lo up; ip addr add 10.9.9.9/32 dev lo").ok);
  (void)done(enforcer->install(
      {.bans = {}, .offences = {}, .known = {{address("2001:db8:0:5::1"), now, now + hours(1), "register"}}},
      now));
  request(*enforcer, {{net("203.0.113.0/24"), kProven, {}},
                      {net("203.0.113.0/24"), kProven, {}},  // is banned already
                      {net("2001:db8:7::/48"), kProven, {}},
                      {net("198.18.0.0/24"), kScanner, {}},     // no proof
                      {net("198.18.0.0/16"), kProven, {}},      // a net that has no set
                      {net("198.51.100.0/24"), kProven, {}},    // holds a trusted host
                      {net("192.0.2.0/24"), kProven, {}},       // in a peer's net
                      {net("2001:db8:0:5::/64"), kProven, {}},  // holds a known source
                      {net("2001:db8::/48"), kProven, {}},
                      {net("10.9.9.0/24"), kProven, {}}});  // holds an own address
  std::size_t total = 0;
  CHECK(enforcer->bans(0, total).size() == 2);
  CHECK(enforcer->in_kernel(net("203.0.113.0/24")).has_value());
  CHECK(enforcer->in_kernel(net("2001:db8:7::/48")).has_value());
  CHECK(events(metrics::Event::prefix_bans_refused) == 7);
  CHECK(events(metrics::Event::bans_added) == 2);
}

}  // namespace
}  // namespace sipward::shield
