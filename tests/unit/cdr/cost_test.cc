#include "cdr/cost.h"

#include "support/catch.h"

namespace sipward::cdr {
namespace {

using std::chrono::seconds;

constexpr Increments kMinutes{seconds(60), seconds(60)};
constexpr Increments kHalfMinute{seconds(30), seconds(6)};
constexpr Increments kSeconds{seconds(1), seconds(1)};

Rate rate(std::string_view text) {
  const auto read = read_rate(text);
  if (!read) FAIL(read.error().text);
  return *read;
}

TEST_CASE("rates, exactly as written") {
  CHECK(rate("0") == Rate{0, 0});
  CHECK(rate("0.0125") == Rate{0, 12'500});
  CHECK(rate("1.000001") == Rate{1, 1});
  CHECK(rate("0.1") == Rate{0, 100'000});
  CHECK(rate("007") == Rate{7, 0});
  CHECK(rate("1000000") == Rate{1'000'000, 0});
  CHECK(rate("999999.999999") == Rate{999'999, 999'999});
}

TEST_CASE("what is no rate") {
  const char* const text =
      GENERATE("", ".", ".5", "1.", "-1", "-0.5", "+1", "1.-5", "0.0000001", "1000000.000001", "1000001",
               "1e3", "0,5", " 1", "1 ", "1.2.3", "99999999999999999999", "x");
  CAPTURE(text);
  const auto read = read_rate(text);
  REQUIRE_FALSE(read.has_value());
  CHECK(read.error().kind == ErrorKind::invalid);
  CHECK_THAT(read.error().text, ContainsSubstring(std::string("'") + text + "'"));
}

TEST_CASE("increments") {
  CHECK(read_increments("60/60") == kMinutes);
  CHECK(read_increments("30/6") == kHalfMinute);
  CHECK(read_increments("1/1") == kSeconds);
  CHECK(read_increments("3600/3600").has_value());
  const char* const text = GENERATE("", "60", "/", "60/", "/60", "0/1", "1/0", "3601/1", "1/3601", "-1/1",
                                    "1/-1", "60/60/60", "1/1 ");
  CAPTURE(text);
  const auto read = read_increments(text);
  REQUIRE_FALSE(read.has_value());
  CHECK_THAT(read.error().text, ContainsSubstring(std::string("'") + text + "'"));
}

TEST_CASE("seconds that are paid for, on both sides of each step") {
  const auto paid = [](int talked_s, const Increments& increments) {
    return billed(seconds(talked_s), increments).count();
  };
  for (const Increments& increments : {kMinutes, kHalfMinute, kSeconds}) {
    CHECK(paid(0, increments) == 0);
    CHECK(paid(-5, increments) == 0);
  }
  CHECK(paid(1, kMinutes) == 60);
  CHECK(paid(60, kMinutes) == 60);
  CHECK(paid(61, kMinutes) == 120);
  CHECK(paid(7200, kMinutes) == 7200);
  CHECK(paid(1, kHalfMinute) == 30);
  CHECK(paid(30, kHalfMinute) == 30);
  CHECK(paid(31, kHalfMinute) == 36);
  CHECK(paid(36, kHalfMinute) == 36);
  CHECK(paid(37, kHalfMinute) == 42);
  CHECK(paid(1, kSeconds) == 1);
  CHECK(paid(61, kSeconds) == 61);
}

TEST_CASE("money is exact") {
  CHECK(cost_of(seconds(60), rate("0.0125")) == Money{0, 750'000});
  CHECK(cost_of(seconds(1), rate("0.000001")) == Money{0, 1});
  CHECK(cost_of(seconds(59), rate("1")) == Money{0, 59'000'000});
  CHECK(cost_of(seconds(60), rate("1")) == Money{1, 0});
  CHECK(cost_of(seconds(1), rate("0.999999")) == Money{0, 999'999});
  CHECK(cost_of(seconds(120), rate("0.5")) == Money{1, 0});
  CHECK(cost_of(seconds(0), rate("1000000")) == Money{0, 0});
  CHECK(cost_of(seconds(-60), rate("1")) == Money{0, 0});
  // A third of a thousandth, three times, is a thousandth; of rounded parts it would not be.
  CHECK(cost_of(seconds(20 * 3), rate("0.001")) == Money{0, 60'000});
}

TEST_CASE("the largest sums do not overflow") {
  const seconds most{1'000'000'000'000};
  CHECK(cost_of(most, rate("1000000")) == Money{16'666'666'666'666'666, 40'000'000});
  CHECK(to_text(cost_of(most - seconds(1), rate("999999.999999")), 6) == "16666666666633333.333333");
  CHECK(cost_of(most + seconds(1), rate("1")) == cost_of(most, rate("1")));
}

TEST_CASE("money as text, rounded half up") {
  struct Case {
    Money money;
    unsigned decimals;
    const char* text;
  };
  const auto c = GENERATE(Case{{0, 0}, 2, "0.00"}, Case{{90, 0}, 2, "90.00"}, Case{{1, 299'999}, 2, "1.00"},
                          Case{{1, 300'000}, 2, "1.01"}, Case{{1, 59'699'999}, 2, "1.99"},
                          Case{{1, 59'700'000}, 2, "2.00"}, Case{{1, 29'999'999}, 0, "1"},
                          Case{{1, 30'000'000}, 0, "2"}, Case{{0, 29}, 6, "0.000000"},
                          Case{{0, 30}, 6, "0.000001"}, Case{{0, 59'999'999}, 6, "1.000000"},
                          Case{{0, 3'000'000}, 4, "0.0500"}, Case{{0, 60}, 7, "0.000001"});
  CAPTURE(c.money.units, c.money.rest, c.decimals);
  CHECK(to_text(c.money, c.decimals) == c.text);
}

CallRecord ended(EndCause cause, int talked_s, EndedBy by = EndedBy::sipward) {
  CallRecord record;
  record.cause = cause;
  record.ended_by = by;
  record.billable = seconds(talked_s);
  return record;
}

TEST_CASE("a zombie that was ended at 7,200 s would have cost the rest of the day") {
  const seconds rest = saved(ended(EndCause::limit_no_timer, 7200), kMinutes);
  CHECK(rest == seconds(86'400 - 7200));
  CHECK(to_text(cost_of(rest, rate("0.05")), 2) == "66.00");
}

TEST_CASE("what is saved goes by what would have been paid") {
  CHECK(saved(ended(EndCause::no_ack, 32), kMinutes, seconds(61)) == seconds(60));
  CHECK(saved(ended(EndCause::no_ack, 32), kHalfMinute, seconds(61)) == seconds(30));
  CHECK(saved(ended(EndCause::no_ack, 32), kSeconds, seconds(61)) == seconds(29));
  CHECK(saved(ended(EndCause::no_ack, 62), kSeconds, seconds(61)) == seconds(0));
}

TEST_CASE("only what Sipward ended by a rule is saved") {
  for (const auto cause : {EndCause::limit_no_timer, EndCause::limit_max_duration, EndCause::session_expired,
                           EndCause::no_ack, EndCause::half_released}) {
    CHECK(saved(ended(cause, 60), kSeconds) == seconds(86'340));
    CHECK(saved(ended(cause, 60, EndedBy::caller), kSeconds) == seconds(0));
  }
  for (const auto cause : {EndCause::normal, EndCause::gone, EndCause::operator_ended, EndCause::lost,
                           EndCause::refused, EndCause::cancelled, EndCause::timed_out, EndCause::forgotten})
    CHECK(saved(ended(cause, 60), kSeconds) == seconds(0));
}

}  // namespace
}  // namespace sipward::cdr
