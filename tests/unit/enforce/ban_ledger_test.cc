#include "enforce/ban_ledger.h"

#include <algorithm>
#include <map>
#include <random>

#include "unit/base/nets.h"

namespace sipward::enforce {
namespace {

using namespace sipward::test;  // NOLINT: short ways to write nets
using std::chrono::hours;
using std::chrono::milliseconds;
using std::chrono::seconds;
using Outcome = BanLedger::Outcome;
using Texts = std::vector<std::string>;

const Cause kScanner{"signature", "friendly-scanner", "auto:friendly-scanner", false};
const Cause kOperator{"no contract", "", "cli:root", true};
constexpr auto kForEver = std::nullopt;

struct Fixture {
  BanLedger ledger{1000};
  Outcome ban(std::string_view text, std::optional<WallTime> expires, const Cause& cause = kScanner,
              WallTime created = kNow) {
    return ledger.put(net(text), cause, created, expires);
  }
  const Ban& banned(std::string_view text) {
    const Ban* ban = ledger.find(net(text));
    if (!ban) FAIL(text << " is not banned");
    return *ban;
  }
};

Texts texts(const std::vector<Ban>& bans) {
  Texts nets;
  for (const Ban& ban : bans) nets.push_back(ban.net.to_string());
  return nets;
}

Texts sorted(Texts nets) {
  std::ranges::sort(nets);
  return nets;
}

TEST_CASE_METHOD(Fixture, "a ban is kept as it was given") {
  CHECK(ban("192.0.2.1", in(hours(1)), kOperator, in(seconds(5))) == Outcome::added);
  const Ban& kept = banned("192.0.2.1");
  CHECK(kept.net == net("192.0.2.1"));
  CHECK(*kept.cause == kOperator);
  CHECK(kept.created == in(seconds(5)));
  CHECK(kept.expires == in(hours(1)));
  CHECK(ledger.size() == 1);
  CHECK(ledger.find(net("192.0.2.2")) == nullptr);
}

TEST_CASE_METHOD(Fixture, "a ban is never shortened") {
  struct Case {
    const char* description;
    std::optional<WallTime> first;
    std::optional<WallTime> second;
    Outcome outcome;
  };
  const auto c =
      GENERATE(Case{"a millisecond longer", in(hours(1)), in(hours(1) + milliseconds(1)), Outcome::extended},
               Case{"as long", in(hours(1)), in(hours(1)), Outcome::kept},
               Case{"a millisecond shorter", in(hours(1)), in(hours(1) - milliseconds(1)), Outcome::kept},
               Case{"for ever", in(hours(1)), kForEver, Outcome::extended},
               Case{"for ever again", kForEver, kForEver, Outcome::kept},
               Case{"no longer for ever", kForEver, in(hours(999'999)), Outcome::kept});
  INFO(c.description);
  REQUIRE(ban("192.0.2.1", c.first) == Outcome::added);
  CHECK(ban("192.0.2.1", c.second, kOperator, in(seconds(9))) == c.outcome);
  const bool extended = c.outcome == Outcome::extended;
  CHECK(banned("192.0.2.1").expires == (extended ? c.second : c.first));
  CHECK(*banned("192.0.2.1").cause == (extended ? kOperator : kScanner));
  CHECK(banned("192.0.2.1").created == kNow);
  CHECK(ledger.size() == 1);
}

TEST_CASE_METHOD(Fixture, "an extended ban ends at its new end alone") {
  ban("192.0.2.1", in(seconds(10)));
  ban("192.0.2.1", in(seconds(20)));
  CHECK(ledger.expire(in(seconds(10))).empty());
  CHECK(texts(ledger.expire(in(seconds(20)))) == Texts{"192.0.2.1"});
  ban("192.0.2.2", in(seconds(10)));
  ban("192.0.2.2", kForEver);
  CHECK(ledger.expire(in(hours(999'999))).empty());
  CHECK(ledger.size() == 1);
}

TEST_CASE("hosts_max addresses of each family, and not one more") {
  BanLedger ledger(2);
  const auto ban = [&](std::string_view text, std::optional<WallTime> end = kForEver) {
    return ledger.put(net(text), kScanner, kNow, end);
  };
  CHECK(ban("192.0.2.1", in(hours(1))) == Outcome::added);
  CHECK(ban("192.0.2.2") == Outcome::added);
  CHECK(ban("192.0.2.3") == Outcome::full);
  CHECK(ledger.find(net("192.0.2.3")) == nullptr);
  CHECK(ban("2001:db8::1") == Outcome::added);
  CHECK(ban("2001:db8::2") == Outcome::added);
  CHECK(ban("2001:db8::3") == Outcome::full);
  SECTION("a full ledger still extends") {
    CHECK(ban("192.0.2.1") == Outcome::extended);
  }
  SECTION("a full ledger still keeps") {
    CHECK(ban("192.0.2.2") == Outcome::kept);
  }
  SECTION("nets are not counted") {
    CHECK(ban("198.51.100.0/24") == Outcome::added);
    CHECK(ban("198.51.100.0/25") == Outcome::added);
    CHECK(ban("2001:db8:1::/48") == Outcome::added);
    CHECK(ban("192.0.2.3") == Outcome::full);
  }
  SECTION("a removed ban makes room in its own family") {
    CHECK(ledger.remove(net("192.0.2.2")).size() == 1);
    CHECK(ban("2001:db8::3") == Outcome::full);
    CHECK(ban("192.0.2.3") == Outcome::added);
    CHECK(ban("192.0.2.4") == Outcome::full);
  }
  SECTION("an ended ban makes room") {
    CHECK(ledger.expire(in(hours(1))).size() == 1);
    CHECK(ban("192.0.2.3") == Outcome::added);
    CHECK(ban("192.0.2.4") == Outcome::full);
  }
  SECTION("a flush makes room") {
    CHECK(ledger.flush("").size() == 4);
    CHECK(ban("192.0.2.3") == Outcome::added);
    CHECK(ban("192.0.2.4") == Outcome::added);
    CHECK(ban("192.0.2.5") == Outcome::full);
  }
  SECTION("removing a net takes no room from hosts") {
    CHECK(ban("198.51.100.0/24") == Outcome::added);
    CHECK(ledger.remove(net("198.51.100.0/24")).size() == 1);
    CHECK(ban("192.0.2.3") == Outcome::full);
  }
}

TEST_CASE("a ledger for no hosts takes none") {
  BanLedger ledger(0);
  CHECK(ledger.put(net("192.0.2.1"), kScanner, kNow, kForEver) == Outcome::full);
  CHECK(ledger.size() == 0);
}

TEST_CASE_METHOD(Fixture, "an address is covered by its own ban, else by the narrowest net around it") {
  ban("192.0.0.0/16", kForEver);
  ban("192.0.2.0/24", kForEver);
  ban("192.0.2.128/25", kForEver);
  ban("192.0.2.7", kForEver);
  ban("0.0.0.0/0", kForEver);
  const auto covering = [&](std::string_view text) {
    const Ban* found = ledger.covering(address(text));
    return found ? found->net.to_string() : "none";
  };
  CHECK(covering("192.0.2.7") == "192.0.2.7");
  CHECK(covering("192.0.2.8") == "192.0.2.0/24");
  CHECK(covering("192.0.2.200") == "192.0.2.128/25");
  CHECK(covering("192.0.3.1") == "192.0.0.0/16");
  CHECK(covering("192.1.0.0") == "0.0.0.0/0");
  CHECK(covering("::") == "none");
  CHECK(ledger.find(net("192.0.2.8")) == nullptr);  // find is exact
  ledger.remove(net("0.0.0.0/0"));
  CHECK(covering("192.0.2.8") == "none");
}

TEST_CASE_METHOD(Fixture, "remove takes what lies inside, and neither neighbours nor what lies around") {
  for (const char* text : {"192.0.2.0", "192.0.2.255", "192.0.2.0/24", "192.0.2.64/26", "192.0.0.0/16",
                           "192.0.1.255", "192.0.3.0", "c000:200::"})
    ban(text, in(hours(1)));
  CHECK(sorted(texts(ledger.remove(net("192.0.2.0/24")))) ==
        Texts{"192.0.2.0", "192.0.2.0/24", "192.0.2.255", "192.0.2.64/26"});
  CHECK(ledger.size() == 4);
  CHECK(ledger.remove(net("192.0.2.0/24")).empty());
  CHECK(ledger.remove(net("192.0.2.0")).empty());
  CHECK(texts(ledger.remove(net("192.0.1.255"))) == Texts{"192.0.1.255"});
  CHECK(texts(ledger.remove(net("::/0"))) == Texts{"c000:200::"});
  CHECK(ledger.expire(in(hours(1))).size() == 2);  // what was removed does not end once more
}

TEST_CASE_METHOD(Fixture, "flush takes those whose origin begins with the word") {
  ban("192.0.2.1", kForEver, {"signature", "a", "auto:a", false});
  ban("192.0.2.2", in(hours(1)), {"method", "", "auto:method", false});
  ban("192.0.2.0/24", kForEver, {"words", "", "cli:root", true});
  ban("2001:db8::1", kForEver, {"words", "", "cli:alice", true});
  CHECK(ledger.flush("auto:b").empty());
  CHECK(ledger.flush("uto:a").empty());
  CHECK(texts(ledger.flush("cli:a")) == Texts{"2001:db8::1"});
  CHECK(sorted(texts(ledger.flush("auto"))) == Texts{"192.0.2.1", "192.0.2.2"});
  CHECK(texts(ledger.flush("")) == Texts{"192.0.2.0/24"});
  CHECK(ledger.size() == 0);
  CHECK(ledger.nets().empty());
  CHECK(ledger.expire(in(hours(2))).empty());
}

TEST_CASE_METHOD(Fixture, "a ban ends at its end and not a millisecond before") {
  ban("192.0.2.1", in(milliseconds(1000)));
  ban("192.0.2.2", in(milliseconds(1001)));
  ban("192.0.2.0/24", in(milliseconds(1000)));
  ban("192.0.2.3", kForEver);
  CHECK(ledger.expire(in(milliseconds(999))).empty());
  CHECK(sorted(texts(ledger.expire(in(milliseconds(1000))))) == Texts{"192.0.2.0/24", "192.0.2.1"});
  CHECK(ledger.size() == 2);
  CHECK(ledger.find(net("192.0.2.1")) == nullptr);
  CHECK(texts(ledger.expire(in(milliseconds(1001)))) == Texts{"192.0.2.2"});
  CHECK(ledger.expire(in(hours(999'999))).empty());
}

TEST_CASE_METHOD(Fixture, "the list is newest first, and by address among those of the same time") {
  ban("192.0.2.3", kForEver, kScanner, in(seconds(1)));
  ban("192.0.2.9", kForEver, kScanner, in(seconds(3)));
  ban("192.0.2.1", kForEver, kScanner, in(seconds(1)));
  ban("192.0.2.2", kForEver, kScanner, in(seconds(2)));
  const Texts all{"192.0.2.9", "192.0.2.2", "192.0.2.1", "192.0.2.3"};
  CHECK(texts(ledger.list(0)) == all);
  CHECK(texts(ledger.list(4)) == all);
  CHECK(texts(ledger.list(100)) == all);
  CHECK(texts(ledger.list(3)) == Texts{all.begin(), all.begin() + 3});
  CHECK(texts(ledger.list(1)) == Texts{"192.0.2.9"});
  CHECK(BanLedger(5).list(3).empty());
}

const Cause kProven{"signature", "friendly-scanner", "auto:friendly-scanner", true};
const Cause kNeighbours{"offenders", "", "auto:offenders", true};

TEST_CASE_METHOD(Fixture, "what the kernel finds by an address is told apart from the nets of operators") {
  ban("192.0.2.1", in(hours(1)));
  ban("192.0.2.0/24", kForEver, kOperator);
  ban("198.51.100.0/24", in(hours(3)), kNeighbours);
  ban("2001:db8::/32", in(hours(2)), kOperator);
  auto all = ledger.hosts_and_prefixes();
  std::ranges::sort(all, {}, &TimedPrefix::prefix);
  CHECK(all == std::vector{entry("192.0.2.1", in(hours(1))), entry("198.51.100.0/24", in(hours(3)))});
  auto nets = ledger.nets();
  std::ranges::sort(nets, {}, &TimedPrefix::prefix);
  CHECK(nets == std::vector{entry("192.0.2.0/24"), entry("2001:db8::/32", in(hours(2)))});
}

TEST_CASE_METHOD(Fixture, "an operator's longer word makes a prefix ban one of his") {
  ban("198.51.100.0/24", in(hours(1)), kNeighbours);
  CHECK(ledger.nets().empty());
  CHECK(ban("198.51.100.0/24", in(hours(2)), kOperator) == Outcome::extended);
  CHECK(ledger.nets().size() == 1);
  CHECK(ledger.hosts_and_prefixes().empty());
  CHECK(ledger.remove(net("198.51.100.0/24")).size() == 1);
  CHECK(ledger.nets().empty());
}

TEST_CASE("prefixes_max nets are banned for what their hosts did, and not one more") {
  BanLedger ledger(10, 2);
  const auto ban = [&](std::string_view text, const Cause& cause) {
    return ledger.put(net(text), cause, kNow, in(hours(1)));
  };
  CHECK(ban("192.0.2.0/24", kNeighbours) == Outcome::added);
  CHECK(ban("2001:db8::/64", kNeighbours) == Outcome::added);
  CHECK(ban("198.51.100.0/24", kNeighbours) == Outcome::full);
  CHECK(ban("198.51.100.0/24", kOperator) == Outcome::added);
  CHECK(ledger.remove_exactly(net("192.0.2.0/24")).has_value());
  CHECK(ban("203.0.113.0/24", kNeighbours) == Outcome::added);
  CHECK(ban("192.0.2.0/24", kNeighbours) == Outcome::full);
}

TEST_CASE_METHOD(Fixture, "offenders are hosts with proven bans of late, counted as far as is asked") {
  const auto offenders = [&](std::string_view text, std::size_t enough = 9) {
    return ledger.offenders_in(net(text), in(seconds(10)), enough);
  };
  ban("192.0.2.0", in(hours(1)), kProven, in(seconds(11)));
  ban("192.0.2.255", in(hours(1)), kProven, in(seconds(11)));
  ban("192.0.2.7", in(hours(1)), kProven, in(seconds(10)));    // too long ago
  ban("192.0.2.8", in(hours(1)), kScanner, in(seconds(11)));   // not proven
  ban("192.0.2.9", in(hours(1)), kOperator, in(seconds(11)));  // an operator's
  ban("192.0.1.255", in(hours(1)), kProven, in(seconds(11)));  // neighbours
  ban("192.0.3.0", in(hours(1)), kProven, in(seconds(11)));
  ban("2001:db8::1", in(hours(1)), kProven, in(seconds(11)));
  ban("2001:db8:0:0:ffff::1", in(hours(1)), kProven, in(seconds(11)));
  ban("2001:db8:0:1::1", in(hours(1)), kProven, in(seconds(11)));
  CHECK(offenders("192.0.2.0/24") == 2);
  CHECK(offenders("192.0.2.0/24", 1) == 1);
  CHECK(offenders("192.0.2.0/24", 2) == 2);
  CHECK(offenders("2001:db8::/64") == 2);
  CHECK(offenders("203.0.113.0/24") == 0);
  SECTION("one that has ended is none") {
    ban("192.0.2.10", in(seconds(20)), kProven, in(seconds(11)));
    CHECK(offenders("192.0.2.0/24") == 3);
    CHECK(ledger.expire(in(seconds(20))).size() == 1);
    CHECK(offenders("192.0.2.0/24") == 2);
  }
  SECTION("proof comes later") {
    CHECK(ban("192.0.2.8", in(hours(2)), kProven) == Outcome::extended);
    CHECK(offenders("192.0.2.0/24") == 3);
  }
  SECTION("lifted") {
    CHECK(ledger.remove_exactly(net("192.0.2.0")).has_value());
    CHECK_FALSE(ledger.remove_exactly(net("192.0.2.0")).has_value());
    CHECK(offenders("192.0.2.0/24") == 1);
  }
}

TEST_CASE_METHOD(Fixture, "exactly one ban is taken out, not those inside its net") {
  ban("192.0.2.0/24", in(hours(1)), kNeighbours);
  ban("192.0.2.7", in(hours(1)));
  CHECK(ledger.remove_exactly(net("192.0.2.0/24"))->net == net("192.0.2.0/24"));
  CHECK(ledger.size() == 1);
}

// Against a plain map, over random operations.
TEST_CASE("the ledger agrees with a plain map") {
  std::mt19937 random(3);
  BanLedger ledger(1'000'000);
  std::map<Prefix, std::optional<WallTime>> plain;
  const auto any_net = [&] {
    return Prefix(Address::parse("10.0.0." + std::to_string(random() % 64)).value(),
                  27 + static_cast<unsigned>(random() % 6));
  };
  for (int i = 0; i < 5000; ++i) {
    const Prefix where = any_net();
    const WallTime time = in(seconds(i));
    switch (random() % 8) {
      case 0:
        CHECK(ledger.remove(where).size() ==
              std::erase_if(plain, [&](const auto& ban) { return where.contains(ban.first); }));
        break;
      case 1:
        CHECK(ledger.expire(time).size() ==
              std::erase_if(plain, [&](const auto& ban) { return ban.second && *ban.second <= time; }));
        break;
      default: {
        const auto end = random() % 10 == 0 ? std::nullopt : std::optional(time + seconds(random() % 50));
        const auto [it, added] = plain.try_emplace(where, end);
        const bool longer = !added && it->second && (!end || *end > *it->second);
        if (longer) it->second = end;
        CHECK(ledger.put(where, kScanner, time, end) == (added    ? Outcome::added
                                                         : longer ? Outcome::extended
                                                                  : Outcome::kept));
      }
    }
    REQUIRE(ledger.size() == plain.size());
  }
  for (const auto& [where, end] : plain) {
    const Ban* ban = ledger.find(where);
    REQUIRE(ban != nullptr);
    CHECK(ban->expires == end);
  }
}

}  // namespace
}  // namespace sipward::enforce
