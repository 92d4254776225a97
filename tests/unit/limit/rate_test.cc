#include "limit/rate.h"

#include "givens.h"
#include "limit/allowance.h"
#include "limit/meter.h"
#include "support/catch.h"

namespace sipward::limit {
namespace {

// Charges if there is room.
bool take(Bucket& bucket, const Rate& rate, Ticks now) {
  const bool room = bucket.has_room(rate, now);
  if (room) bucket.charge(rate, now);
  return room;
}

unsigned take_all(Bucket& bucket, const Rate& rate, Ticks now) {
  unsigned taken = 0;
  while (taken < 100'000 && take(bucket, rate, now)) ++taken;
  return taken;
}

struct Case {
  Rate rate;
  unsigned burst;
  Ticks interval;
};

Case any_case() {
  return GENERATE(Case{Rate(10, seconds(1), 20), 20, 1000}, Case{Rate(20, seconds(60), 20), 20, 30'000},
                  Case{Rate(1, seconds(1), 1), 1, 10'000}, Case{Rate(1000, seconds(1), 1000), 1000, 10},
                  Case{Rate(3, seconds(1), 2), 2, 3333}, Case{Rate(1, hours(24), 1), 1, Rate::kSpanMax});
}

// The ticks wrap around within these tests, or not.
Ticks any_start() {
  return GENERATE(Ticks{0}, Ticks{36'000'000}, Ticks{UINT32_MAX - 500}, Ticks{UINT32_MAX / 2 - 500});
}

TEST_CASE("exactly the burst passes at once, and the next does not") {
  const Case c = any_case();
  const Ticks start = any_start();
  Bucket bucket(start);
  CHECK(take_all(bucket, c.rate, start) == c.burst);
  CHECK_FALSE(bucket.has_room(c.rate, start));
}

TEST_CASE("one more passes exactly after the interval, and not a tick earlier") {
  const Case c = any_case();
  const Ticks start = any_start();
  CHECK(c.rate.interval() == c.interval);
  Bucket bucket(start);
  take_all(bucket, c.rate, start);
  CHECK_FALSE(take(bucket, c.rate, start + c.interval - 1));
  CHECK(take(bucket, c.rate, start + c.interval));
  CHECK_FALSE(take(bucket, c.rate, start + 2 * c.interval - 1));
  CHECK(take(bucket, c.rate, start + 2 * c.interval));
}

TEST_CASE("after a rest the whole burst passes again, and a tick earlier one less") {
  const Case c = any_case();
  const Ticks start = any_start();
  Bucket bucket(start);
  take_all(bucket, c.rate, start);
  Bucket earlier = bucket;
  const Ticks rest = c.burst * c.interval;
  CHECK(take_all(earlier, c.rate, start + rest - 1) == c.burst - 1);
  CHECK(take_all(bucket, c.rate, start + rest) == c.burst);
}

TEST_CASE("who sends no faster than the rate is never refused") {
  const Rate rate(10, seconds(1), 1);
  const Ticks start = any_start();
  Bucket bucket(start);
  for (Ticks i = 0; i < 1000; ++i) CHECK(take(bucket, rate, start + i * rate.interval()));
}

TEST_CASE("over a long time the rate passes, however much is sent") {
  const Rate rate(20, seconds(60), 20);
  Bucket bucket(0);
  unsigned taken = 0;
  for (Ticks now = 0; now < 3600 * kTicksPerSecond; now += 997) taken += take(bucket, rate, now);
  CHECK(taken >= 20 * 60 + 18);
  CHECK(taken <= 20 * 60 + 20);
}

TEST_CASE(
    "a clock that stands still lets the burst pass, and one that goes back a little no more than that") {
  const Rate rate(10, seconds(1), 5);
  Bucket bucket(100'000);
  CHECK(take_all(bucket, rate, 100'000) == 5);
  for (Ticks back = 0; back < 1000; ++back) CHECK_FALSE(bucket.has_room(rate, 100'000 - back));
  CHECK(take(bucket, rate, 101'000));
}

TEST_CASE("a rate of nothing never limits and charges nothing") {
  const Rate unlimited;
  CHECK_FALSE(unlimited.limited());
  Bucket bucket(7);
  for (int i = 0; i < 1000; ++i) CHECK(take(bucket, unlimited, 7));
  CHECK(take_all(bucket, Rate(1, seconds(1), 3), 7) == 3);
}

TEST_CASE("a source that changes its rate goes on with what was charged, and waits an interval at most") {
  const Rate narrow(1, seconds(1), 2);
  const Rate wide(100, seconds(1), 1000);
  Bucket bucket(0);
  CHECK(take_all(bucket, wide, 0) == 1000);  // ten seconds' worth
  Bucket longer = bucket;
  CHECK_FALSE(bucket.has_room(narrow, 0));
  CHECK_FALSE(bucket.has_room(narrow, 9'999));
  CHECK(bucket.has_room(narrow, 10'000));
  CHECK_FALSE(longer.has_room(wide, 99));
  CHECK(longer.has_room(wide, 100));
}

TEST_CASE("a rate can be kept up to a thousand per second, and when it drains within a day") {
  CHECK(Rate::possible(1000, seconds(1), 1));
  CHECK_FALSE(Rate::possible(1001, seconds(1), 1));
  CHECK(Rate::possible(60'000, seconds(60), 1));
  CHECK_FALSE(Rate::possible(60'001, seconds(60), 1));
  CHECK(Rate::possible(1, hours(24), 1));
  CHECK_FALSE(Rate::possible(1, hours(24), 2));
  CHECK_FALSE(Rate::possible(1, hours(24) + milliseconds(1), 1));
  CHECK(Rate::possible(1, seconds(60), 1440));
  CHECK_FALSE(Rate::possible(1, seconds(60), 1441));
  CHECK_FALSE(Rate::possible(0, seconds(1), 1));
  CHECK_FALSE(Rate::possible(1, seconds(1), 0));
  CHECK_FALSE(Rate::possible(1, seconds(0), 1));
}

TEST_CASE("what is beyond the possible is cut to it") {
  CHECK(Rate(1'000'000, seconds(1), 5).interval() == 1);
  CHECK(Rate(1, hours(24), 9).burst() == 1);
  CHECK(Rate(1, seconds(60), UINT32_MAX).burst() == 1440);
}

TEST_CASE("a multiple of a rate has as many times as much, at once and in the long run") {
  const Rate rate = Rate(40, seconds(1), 80).times(4);
  CHECK(rate == Rate(160, seconds(1), 320));
  CHECK(rate.interval() == 62);  // 62.5, cut
  CHECK(Rate().times(4) == Rate());
}

TEST_CASE("a bucket in a table decides the same across many rounds of the ticks, seen often or rarely") {
  const Rate rate(1, hours(2), 12);  // 24 hours until it is empty
  const auto step = GENERATE(hours(1), hours(11), hours(28), hours(47), hours(119), hours(120), hours(121));
  Instant now = at({});
  Bucket bucket(table_time(now).ticks);
  double level = 0;  // the reference: what is in it, in intervals
  unsigned passed = 0;
  for (int i = 0; i < 200; ++i) {
    const Eighths before = table_time(now).eighths;
    now += step;
    upkeep(bucket, before, table_time(now));
    level = std::max(0.0, level - static_cast<double>(step.count()) / 2);
    for (int j = 0; j < 7; ++j) {
      const bool room = level <= 11;
      REQUIRE(take(bucket, rate, table_time(now).ticks) == room);
      level += room;
      passed += room;
    }
  }
  CHECK(passed >= 12);
}

TEST_CASE("a bucket that nobody charges for weeks stays empty") {
  const Rate rate(10, seconds(1), 20);
  Instant now = at({});
  Bucket bucket(table_time(now).ticks);
  for (int hour = 0; hour < 24 * 21; ++hour) {
    const Eighths before = table_time(now).eighths;
    now += hours(1);
    upkeep(bucket, before, table_time(now));
    Bucket copy = bucket;
    REQUIRE(take_all(copy, rate, table_time(now).ticks) == 20);
  }
}

TEST_CASE("groups and what was exceeded have names that people read") {
  CHECK(to_string(Group::register_) == "REGISTER");
  CHECK(to_string(Group::not_sip) == "not SIP");
  CHECK(to_string(Excess::none) == "none");
  CHECK(to_string(Excess::sustained) == "sustained rate");
  CHECK(to_string(Excess::prefix_sustained) == "prefix's sustained rate");
  CHECK_FALSE(is_of_prefix(Excess::sustained));
  CHECK(is_of_prefix(Excess::prefix_group));
}

}  // namespace
}  // namespace sipward::limit
