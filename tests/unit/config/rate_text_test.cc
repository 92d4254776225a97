#include "config/rate_text.h"

#include "support/catch.h"

namespace sipward::config {
namespace {

using namespace std::chrono_literals;

limit::Rate rate(std::string_view text) {
  const auto parsed = parse_rate(text);
  if (!parsed) FAIL(parsed.error().text);
  return *parsed;
}

std::string error(std::string_view text) {
  const auto parsed = parse_rate(text);
  INFO(text);
  REQUIRE_FALSE(parsed);
  CHECK(parsed.error().kind == ErrorKind::invalid);
  return parsed.error().text;
}

}  // namespace

TEST_CASE("rates as people write them", "[config]") {
  CHECK(rate("10/s") == limit::Rate(10, 1s, 10));
  CHECK(rate("20/60s") == limit::Rate(20, 60s, 20));
  CHECK(rate("500/m") == limit::Rate(500, 60s, 500));
  CHECK(rate("10/s burst 20") == limit::Rate(10, 1s, 20));
  CHECK(rate("10/s   burst  20") == limit::Rate(10, 1s, 20));
  CHECK(rate("3/1h30m") == limit::Rate(3, 90min, 3));
  CHECK(rate("1/d") == limit::Rate(1, 24h, 1));
  CHECK(rate("5/500ms") == limit::Rate(5, 500ms, 5));
  CHECK_FALSE(rate("off").limited());
}

TEST_CASE("what is no rate is told with its text", "[config]") {
  for (const char* text : {"",
                           "10",
                           "/s",
                           "10/",
                           "10/x",
                           "10 /s",
                           "10/ s",
                           " 10/s",
                           "-1/s",
                           "+1/s",
                           "0/s",
                           "10/0s",
                           "1.5/s",
                           "10/s burst",
                           "10/s burst x",
                           "10/s burst 20 30",
                           "10/s 20",
                           "10/sburst 20",
                           "10/s burst 20x",
                           "Off",
                           "OFF",
                           "off burst 3",
                           "4294967296/s",
                           "10/s burst -1"})
    CHECK(error(text) == fmt::format("'{}' is no rate", text));
}

TEST_CASE("both sides of a rate's limits", "[config]") {
  CHECK(rate("1000/s").count() == 1000);
  CHECK(error("1001/s") == "'1001/s' is more than 1000 per second");
  CHECK(rate("60000/60s").count() == 60000);
  CHECK(error("60001/m burst 1") == "'60001/m burst 1' is more than 1000 per second");
  CHECK(rate("10/s burst 1").burst() == 1);
  CHECK(error("10/s burst 0") == "'10/s burst 0' has a burst of 0");
  CHECK(rate("10/s burst 100000").burst() == 100000);
  CHECK(error("10/s burst 100001") == "'10/s burst 100001' has a burst of 100001");
  CHECK(rate("1/h burst 24").burst() == 24);
  CHECK(error("1/h burst 25") == "'1/h burst 25' would take more than a day to make up for its burst");
  CHECK_THAT(error("1/25h"), ContainsSubstring("more than a day"));
}

TEST_CASE("a rate is spelled as it is read", "[config]") {
  for (const char* text :
       {"off", "10/s", "20/60s", "10/s burst 20", "3/1h30m", "1/d", "5/500ms", "7/h burst 8"})
    CHECK(spell_rate(rate(text)) == text);
  CHECK(spell_rate(rate("500/m")) == "500/60s");
  CHECK(spell_rate(rate("500/1s burst 500")) == "500/s");
  CHECK(spell_rate(limit::Rate()) == "off");
}

}  // namespace sipward::config
