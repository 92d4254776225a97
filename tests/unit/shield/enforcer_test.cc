// Ledger, kernel and database together, in a network namespace of the test's own.
#include "enforcer.h"

#include "support/catch.h"
#include "support/temporary_folder.h"
#include "unit/enforce/kernel.h"

namespace sipward::shield {
namespace {

using namespace sipward::test;  // NOLINT: the kernel's side
using std::chrono::hours;
using std::chrono::minutes;
using std::chrono::seconds;

const enforce::Cause kScanner{"signature", "friendly-scanner", "auto:friendly-scanner", false};
const enforce::Cause kOperator{"no contract", "", "cli:root", true};

class Host : protected Kernel {
 public:
  [[nodiscard]] std::unique_ptr<Enforcer> enforcer(std::vector<store::WhitelistEntry> whitelist = {}) {
    return std::make_unique<Enforcer>(std::move(*Kernel::open()), 100, std::move(whitelist), keeper_,
                                      counters_);
  }
  [[nodiscard]] metrics::Counters& counters() { return counters_; }

  static store::BanRecord record(std::string_view text, std::optional<WallTime> expires) {
    return {net(text), "signature", "friendly-scanner", "auto:friendly-scanner", false, kNow, expires};
  }
  static Now at(std::chrono::milliseconds time) { return {Instant(hours(1) + time), in(time)}; }

 private:
  static std::unique_ptr<store::Store> open_store(const std::filesystem::path& path) {
    auto store = store::Store::open(path);
    if (!store) FAIL(store.error().text);
    return std::move(*store);
  }
  static metrics::Counters open_counters(const std::filesystem::path& path) {
    auto counters = metrics::Counters::open(path);
    if (!counters) FAIL(counters.error().text);
    return std::move(*counters);
  }

  TemporaryFolder folder_;
  metrics::Counters counters_ = open_counters(folder_ / "counters");
  Keeper keeper_{open_store(folder_ / "sipward.db"), counters_};
};

bool about_left(Enforcer& enforcer, std::string_view text, std::chrono::milliseconds expected) {
  const auto element = enforcer.in_kernel(address(text));
  return element && about(element->left, expected);
}

TEST_CASE_METHOD(Host, "bans of the database stand in the kernel after the start") {
  const auto enforcer = this->enforcer();
  CHECK_FALSE(done(
      enforcer->install({record("198.51.100.7", in(hours(1))), record("10.0.0.0/8", std::nullopt)}, kNow)));
  CHECK(about_left(*enforcer, "198.51.100.7", hours(1)));
  CHECK(holds("banned_net4", "10.1.1.1"));
  CHECK(enforcer->ban_count() == 2);
}

TEST_CASE_METHOD(Host,
                 "a restart never shortens a ban, and takes over those that the database does not know") {
  {
    const auto first = enforcer();
    (void)done(
        first->install({record("198.51.100.7", in(hours(1))), record("198.51.100.8", in(hours(1))),
                        record("198.51.100.9", std::nullopt), record("198.51.100.10", in(minutes(30)))},
                       kNow));
  }
  // As if the daemon had been killed before it could write down what it had just done.
  const auto second = enforcer();
  CHECK(done(second->install({record("198.51.100.7", in(minutes(10))),
                              record("198.51.100.9", in(minutes(10))), record("198.51.100.10", in(hours(2)))},
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
      enforcer->install({record("198.51.100.7", in(hours(1))), record("198.51.101.7", in(hours(1)))}, kNow));
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
      enforcer->install({record("198.51.100.7", in(hours(1))), record("10.0.0.0/8", std::nullopt)}, kNow));
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
  (void)done(enforcer->install({record("198.51.100.7", in(hours(1)))}, kNow));
  nft("flush ruleset; add table inet sipward");
  CHECK(enforcer->tend(at(seconds(2))));
  CHECK(counters().event(metrics::Event::table_rebuilt).get() == 1);
  CHECK(about_left(*enforcer, "198.51.100.7", hours(1)));
}

TEST_CASE_METHOD(Host, "requests of the workers become bans, the same source twice in a batch too") {
  const auto enforcer = this->enforcer({{net("192.0.2.0/24"), "trusted", "", kNow, std::nullopt, ""}});
  (void)done(enforcer->install({}, kNow));
  for (const BanRequest& request : {BanRequest{address("198.51.100.7"), kScanner, minutes(10)},
                                    BanRequest{address("198.51.100.7"), kScanner, hours(1)},
                                    BanRequest{address("192.0.2.7"), kScanner, hours(1)},
                                    BanRequest{address("2001:db8::7"), kScanner, hours(1)}})
    REQUIRE(enforcer->requests().put(request));
  enforcer->start();
  enforcer->stop();  // works off what was put
  CHECK(about_left(*enforcer, "198.51.100.7", hours(1)));
  CHECK(about_left(*enforcer, "2001:db8::7", hours(1)));
  CHECK_FALSE(enforcer->in_kernel(address("192.0.2.7")).has_value());
  CHECK(counters().event(metrics::Event::bans_added).get() == 2);
  CHECK(counters().event(metrics::Event::bans_extended).get() == 1);
  CHECK(counters().event(metrics::Event::bans_failed).get() == 0);
}

TEST_CASE_METHOD(Host, "no more addresses than bans.addresses_max are banned, and that is counted") {
  const auto enforcer = this->enforcer();
  (void)done(enforcer->install({}, kNow));
  for (int i = 0; i < 101; ++i)
    REQUIRE(enforcer->requests().put({address("198.51.100." + std::to_string(i)), kScanner, hours(1)}));
  enforcer->start();
  enforcer->stop();
  CHECK(enforcer->ban_count() == 100);
  CHECK(counters().event(metrics::Event::bans_added).get() == 100);
  CHECK(counters().event(metrics::Event::bans_full).get() == 1);
}

}  // namespace
}  // namespace sipward::shield
