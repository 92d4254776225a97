#include "match/rule_text.h"

#include "match/rule_file.h"
#include "support/catch.h"

using namespace sipward;
using namespace sipward::match;

namespace {

std::vector<Rule> parse(const std::string& text) {
  auto rules = parse_rules(text, "printed.toml");
  if (!rules) FAIL(rules.error().text << "\nin\n" << text);
  return *std::move(rules);
}

void check_same(const Rule& one, const Rule& other) {
  INFO(one.id);
  CHECK(one.id == other.id);
  CHECK(one.description == other.description);
  CHECK(one.action == other.action);
  CHECK(one.weight == other.weight);
  CHECK(one.observe == other.observe);
  CHECK(one.source == other.source);
  CHECK(one.added == other.added);
  CHECK(one.catches == other.catches);
  CHECK(one.passes == other.passes);
  REQUIRE(one.conditions.size() == other.conditions.size());
  for (std::size_t i = 0; i < one.conditions.size(); ++i) {
    CHECK(one.conditions[i].scope == other.conditions[i].scope);
    CHECK(one.conditions[i].header == other.conditions[i].header);
    CHECK(one.conditions[i].match == other.conditions[i].match);
    CHECK(one.conditions[i].pattern == other.conditions[i].pattern);
    CHECK(one.conditions[i].case_sensitive == other.conditions[i].case_sensitive);
  }
}

void check_round_trip(const std::vector<Rule>& rules) {
  const auto again = parse(print_rules(rules));
  REQUIRE(again.size() == rules.size());
  for (std::size_t i = 0; i < rules.size(); ++i) check_same(rules[i], again[i]);
}

}  // namespace

TEST_CASE("the shipped rules read back from what is printed of them") {
  const auto rules = load_rules(SIPWARD_SOURCE_DIR "/rules");
  REQUIRE(rules.has_value());
  check_round_trip(*rules);
}

TEST_CASE("every field with a value that is not its default, and every character that must be escaped") {
  Rule rule;
  rule.id = "odd-1";
  rule.description = "a \"quoted\" \\ path,\ttab\r\n\x7f\x01, \xc3\xa9";
  rule.conditions = {{.scope = Scope::header,
                      .header = "X-Odd",
                      .match = Match::regex,
                      .pattern = R"(^"a\.b\\c'{2,3}$)",
                      .case_sensitive = true},
                     {.scope = Scope::from_tag,
                      .header = "",
                      .match = Match::prefix,
                      .pattern = "'''\"\"\"",
                      .case_sensitive = false}};
  rule.action = Action::score;
  rule.weight = 1000;
  rule.observe = true;
  rule.source = "https://example.com/?a=\"b\"";
  rule.added = "2026-01-31";
  rule.catches = {R"("a.b\c''")", "two"};
  rule.passes = {"\\", "\""};
  Rule plain = rule;
  plain.id = "plain";
  plain.conditions.pop_back();
  plain.action = Action::log;
  plain.weight = 0;
  plain.observe = false;
  check_round_trip({rule, plain});
}

TEST_CASE("no rules are a text without rules") {
  CHECK(parse(print_rules({})).empty());
}
