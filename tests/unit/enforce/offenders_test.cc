#include "enforce/offenders.h"

#include "unit/base/nets.h"

namespace sipward::enforce {
namespace {

using namespace sipward::test;  // NOLINT: short ways to write nets
using std::chrono::hours;
using std::chrono::milliseconds;
using std::chrono::minutes;

constexpr auto kDay = hours(24);
constexpr auto kWeek = 7 * kDay;

struct Fixture {
  Offenders offenders{1000};
  Escalation escalation;

  // The length of the ban that begins now; it runs its time.
  milliseconds ban(std::string_view text, WallTime begun) {
    const milliseconds length = offenders.next_step(net(text), escalation, begun);
    offenders.offend(net(text), escalation, begun, begun + length);
    return length;
  }
  [[nodiscard]] unsigned level(std::string_view text, WallTime now) const {
    return offenders.level(net(text), escalation, now);
  }
};

TEST_CASE_METHOD(Fixture, "each ban lasts a step longer, and the last step repeats") {
  WallTime now = kNow;
  for (const milliseconds expected : {milliseconds(minutes(10)), milliseconds(hours(1)), milliseconds(kDay),
                                      milliseconds(kWeek), milliseconds(kWeek), milliseconds(kWeek)}) {
    const milliseconds length = ban("192.0.2.1", now);
    CHECK(length == expected);
    now += length;
  }
  CHECK(level("192.0.2.1", now) == 4);
  CHECK(ban("192.0.2.2", now) == minutes(10));  // a neighbour begins at the beginning
  CHECK(ban("192.0.2.0/24", now) == minutes(10));
}

TEST_CASE_METHOD(Fixture, "a level is forgiven after a week without a ban, and not a millisecond before") {
  ban("192.0.2.1", kNow);
  const WallTime first = kNow + minutes(10);
  ban("192.0.2.1", first);
  const WallTime ended = first + hours(1);
  CHECK(level("192.0.2.1", first) == 2);  // while it runs
  CHECK(level("192.0.2.1", ended + kWeek - milliseconds(1)) == 2);
  CHECK(level("192.0.2.1", ended + kWeek) == 1);
  CHECK(level("192.0.2.1", ended + 2 * kWeek - milliseconds(1)) == 1);
  CHECK(level("192.0.2.1", ended + 2 * kWeek) == 0);
  CHECK(level("192.0.2.1", ended + 99 * kWeek) == 0);
  CHECK(ban("192.0.2.1", ended + kWeek) == hours(1));
}

TEST_CASE_METHOD(Fixture, "at the last step a week of good behaviour brings back no more than one level") {
  WallTime now = kNow;
  for (int i = 0; i < 9; ++i) now += ban("192.0.2.1", now);
  CHECK(level("192.0.2.1", now + kWeek) == 3);
  CHECK(ban("192.0.2.1", now + 2 * kWeek) == kDay);
}

TEST_CASE_METHOD(Fixture, "who is forgiven begins anew, and so does everybody in a forgiven net") {
  for (const char* text : {"192.0.2.1", "192.0.2.255", "192.0.2.0/24", "192.0.3.0", "2001:db8::1"})
    ban(text, kNow);
  SECTION("one") {
    offenders.forgive(net("192.0.2.1"));
    CHECK(level("192.0.2.1", kNow) == 0);
    CHECK(offenders.size() == 4);
  }
  SECTION("a net and all in it") {
    offenders.forgive(net("192.0.2.0/24"));
    CHECK(level("192.0.2.255", kNow) == 0);
    CHECK(level("192.0.2.0/24", kNow) == 0);
    CHECK(level("192.0.3.0", kNow) == 1);
    CHECK(offenders.size() == 2);
  }
  SECTION("a net alone") {
    offenders.forgive_exactly(net("192.0.2.0/24"));
    CHECK(level("192.0.2.0/24", kNow) == 0);
    CHECK(level("192.0.2.1", kNow) == 1);
  }
  SECTION("nobody") {
    offenders.forgive(net("203.0.113.1"));
    CHECK(offenders.size() == 5);
  }
}

TEST_CASE("offenders_max are remembered, and then the one whose last ban ended first is forgotten") {
  Offenders offenders(3);
  const Escalation escalation;
  const auto ban = [&](std::string_view text, hours end) {
    offenders.offend(net(text), escalation, kNow, in(end));
  };
  ban("192.0.2.1", hours(2));
  ban("192.0.2.2", hours(1));
  ban("192.0.2.3", hours(3));
  CHECK(offenders.evictions() == 0);
  ban("192.0.2.2", hours(9));  // now the one that ends last
  CHECK(offenders.evictions() == 0);
  ban("192.0.2.4", hours(4));
  CHECK(offenders.evictions() == 1);
  CHECK(offenders.size() == 3);
  CHECK(offenders.level(net("192.0.2.1"), escalation, kNow) == 0);
  CHECK(offenders.level(net("192.0.2.2"), escalation, kNow) == 2);
  CHECK(offenders.level(net("192.0.2.4"), escalation, kNow) == 1);
}

TEST_CASE_METHOD(Fixture, "fewer steps than a source has climbed: the last one") {
  WallTime now = kNow;
  for (int i = 0; i < 4; ++i) now += ban("192.0.2.1", now);
  escalation.steps = {minutes(1), minutes(2)};
  CHECK(level("192.0.2.1", now) == 2);
  CHECK(ban("192.0.2.1", now) == minutes(2));
  CHECK(level("192.0.2.1", now + minutes(2) + kWeek) == 1);
}

}  // namespace
}  // namespace sipward::enforce
