#include "limit/offences.h"

#include <algorithm>
#include <vector>

#include "givens.h"
#include "limit/dossier.h"
#include "support/catch.h"

namespace sipward::limit {
namespace {

constexpr seconds kWindow{60};

TEST_CASE("distinct offences count, repeated ones once") {
  Offences<12> offences;
  CHECK(offences.count(kWindow, at({})) == 0);
  CHECK(offences.add(1, kWindow, at({})) == 1);
  CHECK(offences.add(2, kWindow, at(seconds(1))) == 2);
  CHECK(offences.add(1, kWindow, at(seconds(2))) == 2);
  CHECK(offences.count(kWindow, at(seconds(2))) == 2);
}

TEST_CASE("an offence leaves the window exactly when it was last seen a window ago") {
  Offences<12> offences;
  offences.add(1, kWindow, at({}));
  offences.add(2, kWindow, at(seconds(30)));
  offences.add(1, kWindow, at(seconds(40)));
  CHECK(offences.count(kWindow, at(seconds(90) - kTick)) == 2);
  CHECK(offences.count(kWindow, at(seconds(90))) == 1);
  CHECK(offences.count(kWindow, at(seconds(100) - kTick)) == 1);
  CHECK(offences.count(kWindow, at(seconds(100))) == 0);
  CHECK(offences.add(2, kWindow, at(seconds(100))) == 1);
}

TEST_CASE("what was proven is told apart, until it is older than the window") {
  Offences<12> offences;
  offences.add(1, kWindow, at({}), true);
  offences.add(2, kWindow, at(seconds(1)));
  CHECK(offences.add(3, kWindow, at(seconds(2)), true) == 3);
  CHECK(offences.proven(kWindow, at(seconds(2))) == 2);
  offences.add(2, kWindow, at(seconds(3)), true);
  CHECK(offences.proven(kWindow, at(seconds(3))) == 3);
  CHECK(offences.proven(kWindow, at(seconds(60) - kTick)) == 3);
  CHECK(offences.proven(kWindow, at(seconds(60))) == 2);
  CHECK(offences.proven(kWindow, at(seconds(63))) == 0);
}

TEST_CASE("what anybody may have done neither takes a proof away nor its place") {
  Offences<12> offences;
  for (std::uint32_t what = 0; what < 7; ++what) offences.add(what, kWindow, at({}), true);
  for (std::uint32_t what = 0; what < 3; ++what) offences.add(what, kWindow, at(seconds(1)));
  CHECK(offences.proven(kWindow, at(seconds(1))) == 7);
  for (std::uint32_t what = 100; what < 200; ++what) offences.add(what, kWindow, at(seconds(1)));
  CHECK(offences.count(kWindow, at(seconds(1))) == 107);
  for (std::uint32_t what = 7; what < 12; ++what) offences.add(what, kWindow, at(seconds(2)), true);
  CHECK(offences.proven(kWindow, at(seconds(2))) == 12);
  CHECK(offences.add(300, kWindow, at(seconds(2))) == 113);
  CHECK(offences.proven(kWindow, at(seconds(2))) == 12);
}

TEST_CASE("a long rest forgets all, also after the ticks came round") {
  Offences<12> offences;
  for (std::uint32_t what = 0; what < 12; ++what) offences.add(what, kWindow, at({}));
  const auto rest = GENERATE(hours(1), hours(59), hours(60), hours(119), hours(120), hours(2400));
  CHECK(offences.add(100, kWindow, at(rest)) == 1);
}

TEST_CASE("as many as can be told apart are counted exactly, and more of them still count") {
  Offences<24> offences;
  for (std::uint32_t what = 0; what < 24; ++what) CHECK(offences.add(what, kWindow, at({})) == what + 1);
  for (std::uint32_t what = 0; what < 24; ++what) CHECK(offences.add(what, kWindow, at({})) == 24);
  for (std::uint32_t what = 24; what < 1000; ++what)
    CHECK(offences.add(what, kWindow, at(seconds(1))) == what + 1);
  CHECK(offences.count(kWindow, at(seconds(76))) == 0);
}

// The reference: all that happened, with its time.
unsigned within(const std::vector<Instant>& happened, std::chrono::milliseconds window, Instant now) {
  return static_cast<unsigned>(
      std::count_if(happened.begin(), happened.end(), [&](Instant then) { return now - then < window; }));
}

TEST_CASE("however offences fall on the borders of a window, none within it is missed") {
  Random random(1);
  Offences<12> offences;
  WindowCount count;
  std::vector<Instant> happened;
  Instant now = at({});
  for (std::uint32_t what = 0; what < 20'000; ++what) {
    now += milliseconds(random.one_in(8) ? random.below(40'000) : random.below(2000));
    happened.push_back(now);
    count.add(now, kWindow, now);
    const unsigned least = within(happened, kWindow, now);
    const unsigned most = within(happened, kWindow + kWindow / 4, now);
    const unsigned exact = offences.add(what, kWindow, now);
    REQUIRE(count.count(kWindow, now) >= least);
    REQUIRE(count.count(kWindow, now) <= most);
    REQUIRE(exact >= least);
    REQUIRE(exact <= most);
    if (most <= 12) {
      REQUIRE(exact == least);
    }
    if (happened.size() > 2000) happened.erase(happened.begin(), happened.begin() + 1000);
  }
}

TEST_CASE("twice the limit cannot pass around a border") {
  const auto phase = seconds(GENERATE(range(0, 60)));
  WindowCount count;
  for (int i = 0; i < 9; ++i) count.add(at(phase), kWindow, at(phase));
  const Instant later = at(phase + kWindow - milliseconds(1));
  count.add(later, kWindow, later);
  CHECK(count.count(kWindow, later) == 10);
}

TEST_CASE("another window starts the coarse count anew") {
  const auto other = GENERATE(kWindow / 2, kWindow * 2);
  WindowCount count;
  for (int i = 0; i < 3; ++i) count.add(at({}), kWindow, at({}));
  CHECK(count.count(kWindow, at({})) == 3);
  CHECK(count.count(other, at({})) == 0);
  count.add(at({}), other, at({}));
  CHECK(count.count(other, at({})) == 1);
}

TEST_CASE("a coarse count stays at its highest number") {
  WindowCount count;
  for (int i = 0; i < 70'000; ++i) count.add(at({}), kWindow, at({}));
  CHECK(count.count(kWindow, at({})) == UINT16_MAX);
}

TEST_CASE("a clock that goes back a little loses no offence") {
  Offences<12> offences;
  WindowCount count;
  for (std::uint32_t what = 0; what < 20; ++what) {
    const Instant now = at(seconds(100) - milliseconds(what));
    CHECK(offences.add(what, kWindow, now) == what + 1);
    count.add(now, kWindow, now);
    CHECK(count.count(kWindow, now) == what + 1);
  }
}

TEST_CASE("a streak lasts while its refusals are ten seconds apart at most") {
  Streak streak;
  CHECK_FALSE(streak.is_alive(at({})));
  CHECK(streak.length(at({})) == milliseconds(0));
  CHECK(streak.note(at({})) == milliseconds(0));
  CHECK(streak.note(at(seconds(10))) == seconds(10));
  CHECK(streak.note(at(seconds(20))) == seconds(20));
  CHECK(streak.is_alive(at(seconds(30))));
  CHECK(streak.length(at(seconds(30))) == seconds(20));
  CHECK_FALSE(streak.is_alive(at(seconds(30) + kTick)));
  CHECK(streak.length(at(seconds(30) + kTick)) == milliseconds(0));
  CHECK(streak.note(at(seconds(30) + kTick)) == milliseconds(0));
  CHECK(streak.note(at(seconds(31) + kTick)) == seconds(1));
}

TEST_CASE("a running ban or a streak is worth most, offences of the last hour more than nothing") {
  const Instant now = at(hours(1));
  Dossier dossier;
  CHECK(dossier.worth(now) == Worth::nothing);
  SECTION("a ban") {
    dossier.ban(milliseconds(1), true, now);
    CHECK(dossier.worth(now) == Worth::held);
    CHECK(dossier.worth(now + milliseconds(1)) == Worth::nothing);
  }
  SECTION("a ban that anybody may have caused") {
    dossier.ban(milliseconds(1), false, now);
    CHECK(dossier.worth(now) == Worth::offences);
    CHECK(dossier.worth(now + milliseconds(1)) == Worth::nothing);
    return;
  }
  SECTION("a ban that is observed only") {
    dossier.observed_ban_until = now + kTick;
    CHECK(dossier.worth(now) == Worth::held);
    CHECK(dossier.worth(now + kTick) == Worth::nothing);
  }
  SECTION("a streak") {
    dossier.excess.note(now);
    CHECK(dossier.worth(now + seconds(10)) == Worth::held);
    CHECK(dossier.worth(now + seconds(10) + kTick) == Worth::nothing);
  }
  SECTION("credentials") {
    dossier.credentials.add(1, kWindow, now);
  }
  SECTION("targets") {
    dossier.targets.add(1, kWindow, now);
  }
  SECTION("score") {
    dossier.score.add({1, 10, true}, {hours(1), 100}, now);
  }
  SECTION("refused requests") {
    dossier.refused = 1;
    dossier.window_start = now;
  }
  const bool offended = dossier.worth(now) != Worth::held;
  CHECK(dossier.worth(now) != Worth::nothing);
  CHECK(dossier.worth(now + hours(1)) == (offended ? Worth::offences : Worth::nothing));
  CHECK(dossier.worth(now + hours(1) + kTick) == Worth::nothing);
  dossier.forgive();
  CHECK(dossier.worth(now) == Worth::nothing);
}

}  // namespace
}  // namespace sipward::limit
