#include "base/duration.h"

#include <random>

#include "support/catch.h"

namespace sipward {
namespace {

using std::chrono::milliseconds;

constexpr std::int64_t kSecond = 1000;
constexpr std::int64_t kMinute = 60 * kSecond;
constexpr std::int64_t kHour = 60 * kMinute;
constexpr std::int64_t kDay = 24 * kHour;

TEST_CASE("each unit of a duration") {
  struct Case {
    const char* text;
    std::int64_t ms;
  };
  const auto c =
      GENERATE(Case{"0s", 0}, Case{"0ms", 0}, Case{"1ms", 1}, Case{"500ms", 500}, Case{"90s", 90 * kSecond},
               Case{"10m", 10 * kMinute}, Case{"4h", 4 * kHour}, Case{"7d", 7 * kDay}, Case{"2w", 14 * kDay},
               Case{"1h30m", 90 * kMinute}, Case{"1m5ms", kMinute + 5}, Case{"1s500ms", 1500},
               Case{"1w1d1h1m1s1ms", 8 * kDay + kHour + kMinute + kSecond + 1}, Case{"010m", 10 * kMinute});
  CAPTURE(c.text);
  const auto duration = parse_duration(c.text);
  REQUIRE(duration.has_value());
  CHECK(duration->count() == c.ms);
}

TEST_CASE("what is no duration is an error that quotes it and says what was expected") {
  const std::string text =
      GENERATE(as<std::string>(), "", " ", "10", "m", "-1s", "-0s", "1h-30m", "+1s", "1.5h", "1 h", " 1h",
               "1h ", "1h 30m", "1hour", "1month", "10M", "10S", "10y", "1h30", "99999999999999999999s",
               "9223372036854775807ms", "9223372036854775807w", "0x10s");
  CAPTURE(text);
  const auto duration = parse_duration(text);
  REQUIRE_FALSE(duration.has_value());
  CHECK(duration.error().kind == ErrorKind::invalid);
  CHECK_THAT(duration.error().text, ContainsSubstring("'" + text + "'") && ContainsSubstring("1h30m"));
}

TEST_CASE("ten years pass and eleven do not") {
  CHECK(parse_duration("3653d").has_value());
  CHECK_FALSE(parse_duration("4018d").has_value());
  CHECK_FALSE(parse_duration("96432h").has_value());
  CHECK_FALSE(parse_duration("2000d2000d").has_value());
}

TEST_CASE("the longest duration passes and a millisecond more does not") {
  const auto longest = parse_duration("3660d");
  REQUIRE(longest.has_value());
  CHECK(parse_duration("3660d0ms").has_value());
  CHECK_FALSE(parse_duration("3660d1ms").has_value());
  CHECK_FALSE(parse_duration("3661d").has_value());
  CHECK(parse_duration(std::to_string(longest->count()) + "ms").has_value());
  CHECK_FALSE(parse_duration(std::to_string(longest->count() + 1) + "ms").has_value());
}

TEST_CASE("durations for people have the two largest units that matter") {
  struct Case {
    std::int64_t ms;
    const char* text;
  };
  const auto c =
      GENERATE(Case{0, "0s"}, Case{1, "1ms"}, Case{999, "999ms"}, Case{1000, "1s"}, Case{1999, "1s"},
               Case{kMinute - 1, "59s"}, Case{kMinute, "1m"}, Case{kHour - 1, "59m 59s"}, Case{kHour, "1h"},
               Case{2 * kDay + 4 * kHour + 5 * kMinute, "2d 4h"},
               Case{59 * kMinute + 12 * kSecond, "59m 12s"}, Case{350, "350ms"}, Case{30 * kDay, "30d"});
  CHECK(format_duration(milliseconds(c.ms)) == c.text);
}

TEST_CASE("spelled durations are read back to the same value") {
  CHECK(spell_duration(milliseconds(0)) == "0s");
  CHECK(spell_duration(milliseconds(90 * kMinute)) == "1h30m");
  CHECK(spell_duration(milliseconds(1500)) == "1s500ms");
  std::mt19937_64 random(1);
  for (int i = 0; i < 2000; ++i) {
    // Small and large ones alike.
    const auto ms =
        static_cast<std::int64_t>((random() % static_cast<std::uint64_t>(3660 * kDay)) >> (random() % 40));
    const std::string text = spell_duration(milliseconds(ms));
    CAPTURE(text, ms);
    REQUIRE(parse_duration(text).has_value());
    REQUIRE(parse_duration(text)->count() == ms);
  }
}

}  // namespace
}  // namespace sipward
