#include "limit/score.h"

#include "limit/source_table.h"
#include "support/catch.h"

namespace sipward::limit {
namespace {

using std::chrono::milliseconds;
using std::chrono::minutes;

constexpr milliseconds kHalfLife = minutes(10);
constexpr ScoreLimits kLimits{kHalfLife, 200};

Instant at(std::chrono::milliseconds time) {
  return Instant(std::chrono::hours(1) + time);
}

// A score and its clock.
struct Scored {
  Score score;
  bool add(std::uint32_t rule, unsigned weight, milliseconds time = {}, bool observe = false) {
    return score.add({rule, weight, observe}, kLimits, at(time));
  }
  [[nodiscard]] double now(milliseconds time = {}) const { return score.enforced(kHalfLife, at(time)); }
};

bool near(double value, double wanted) {
  return value > wanted - 0.001 && value < wanted + 0.001;
}

TEST_CASE("different rules add up, in one message or in several") {
  Scored one;
  CHECK(one.now() == 0);
  CHECK(one.add(1, 40));
  CHECK(one.add(2, 30));
  CHECK(one.add(3, 29));
  CHECK(one.now() == 99);
  CHECK(one.add(4, 1));
  CHECK(one.now() == 100);
}

TEST_CASE("a rule counts once within a half-life, and again at its end") {
  Scored one;
  CHECK(one.add(1, 40));
  CHECK_FALSE(one.add(1, 40));
  CHECK_FALSE(one.add(1, 40, std::chrono::seconds(32)));
  CHECK_FALSE(one.add(1, 40, kHalfLife - milliseconds(1)));
  CHECK(one.add(1, 40, kHalfLife));
  CHECK(near(one.now(kHalfLife), 60));
  CHECK_FALSE(one.add(1, 40, 2 * kHalfLife - milliseconds(1)));
}

TEST_CASE("hits that do not count leave the time of the last one that did") {
  Scored one;
  CHECK(one.add(1, 40));
  CHECK(one.add(2, 1, minutes(6)));
  CHECK_FALSE(one.add(1, 40, kHalfLife - milliseconds(1)));
  CHECK(one.add(1, 40, kHalfLife));
  CHECK_FALSE(one.add(2, 1, minutes(16) - milliseconds(1)));
  CHECK(one.add(2, 1, minutes(16)));
}

TEST_CASE("half of a score is left after each half-life") {
  Scored one;
  (void)one.add(1, 80);
  CHECK(near(one.now(kHalfLife), 40));
  CHECK(near(one.now(2 * kHalfLife), 20));
  CHECK(one.now(kHalfLife / 2) > 56);
  CHECK(one.now(kHalfLife / 2) < 57);
  CHECK(one.now(std::chrono::hours(24 * 365)) < 0.001);
}

TEST_CASE("one rule that hits for ever scores less than twice its weight") {
  Scored one;
  for (int minute = 0; minute < 60 * 24; ++minute) {
    (void)one.add(1, 49, minutes(minute));
    REQUIRE(one.now(minutes(minute)) < 98.001);
  }
  CHECK(one.now(minutes(60 * 24 - 10)) > 97);
}

TEST_CASE("a score ends at its most and is forgiven from there") {
  Scored one;
  (void)one.add(1, 1000);
  CHECK(one.now() == 200);
  (void)one.add(2, 1000);
  CHECK(one.now() == 200);
  CHECK(near(one.now(kHalfLife), 100));
}

TEST_CASE("eight rules are remembered, a ninth takes the place of the one that counted longest ago") {
  Scored one;
  for (std::uint32_t rule = 1; rule <= 8; ++rule) CHECK(one.add(rule, 1, std::chrono::seconds(rule)));
  for (std::uint32_t rule = 1; rule <= 8; ++rule) CHECK_FALSE(one.add(rule, 1, std::chrono::seconds(9)));
  CHECK(one.add(9, 1, std::chrono::seconds(10)));
  CHECK_FALSE(one.add(2, 1, std::chrono::seconds(11)));
  CHECK(one.add(1, 1, std::chrono::seconds(12)));
  CHECK(one.add(2, 1, std::chrono::seconds(13)));
}

TEST_CASE("rules that only observe count apart") {
  Scored one;
  CHECK(one.add(1, 60, {}, true));
  CHECK(one.now() == 0);
  CHECK(one.score.with_observed(kHalfLife, at({})) == 60);
  CHECK(one.add(2, 50));
  CHECK(one.now() == 50);
  CHECK(one.score.with_observed(kHalfLife, at({})) == 110);
}

TEST_CASE("a score remembers which rules counted, until they may again") {
  Scored one;
  (void)one.add(7, 1);
  CHECK(one.score.holds(7, kHalfLife, at(kHalfLife - milliseconds(1))));
  CHECK_FALSE(one.score.holds(7, kHalfLife, at(kHalfLife)));
  CHECK_FALSE(one.score.holds(8, kHalfLife, at({})));
  CHECK_FALSE(Score().holds(0, kHalfLife, at({})));
}

TEST_CASE("a rule whose key is 0 counts like others") {
  Scored one;
  CHECK(one.add(0, 10));
  CHECK_FALSE(one.add(0, 10));
  CHECK(one.now() == 10);
}

TEST_CASE("a clock that goes back changes nothing") {
  Scored one;
  (void)one.add(1, 10, minutes(5));
  CHECK(one.now({}) == 10);
  CHECK(one.add(2, 10, {}));
  CHECK(one.now(minutes(5)) == 20);
}

TEST_CASE("whoever is released is forgiven its score too") {
  SourceTable table(64);
  const Address address = Address::parse("192.0.2.1").value();
  Source& source = table.touch(address, at({}));
  Dossier& dossier = table.dossier(source, at({}));
  dossier.banned_until = at(minutes(1));
  dossier.observed_ban_until = at(minutes(1));
  (void)dossier.score.add({1, 150, false}, kLimits, at({}));
  CHECK(table.lift_bans(Prefix::parse("192.0.2.2").value()) == 0);
  CHECK(dossier.score.enforced(kHalfLife, at({})) == 150);
  CHECK(table.lift_bans(Prefix::parse("192.0.2.0/24").value()) == 1);
  CHECK(dossier.score.enforced(kHalfLife, at({})) == 0);
  CHECK(dossier.observed_ban_until == Instant{});
  (void)dossier.score.add({1, 50, false}, kLimits, at({}));
  CHECK(table.lift_bans(Prefix::parse("192.0.2.1").value()) == 0);
  CHECK(dossier.score.enforced(kHalfLife, at({})) == 0);
}

static_assert(sizeof(Score) <= 80, "every source has one");

}  // namespace
}  // namespace sipward::limit
