// The examples of sipward-rules(5) are rules, and do what their samples say.
#include <sstream>

#include "base/file.h"
#include "messages.h"

namespace sipward::match {
namespace {

using testing::lines;
using testing::rule;
using testing::Scanner;

std::string manual() {
  auto text = read_file(std::filesystem::path(SIPWARD_SOURCE_DIR) / "daemon/shield/sipward-rules.5.scd");
  if (!text) FAIL(text.error().text);
  return std::move(*text);
}

// What stands between two lines of ```.
std::vector<std::string> examples() {
  std::vector<std::string> found;
  std::istringstream text(manual());
  bool inside = false;
  for (std::string line; std::getline(text, line);) {
    if (line == "```") {
      inside = !inside;
      if (inside) found.emplace_back();
    } else if (inside) {
      found.back() += line + "\n";
    }
  }
  return found;
}

TEST_CASE("every example of the manual is read without an error, and they work together") {
  const auto texts = examples();
  REQUIRE(texts.size() >= 6);
  std::string all;
  for (const std::string& text : texts) {
    const auto rules = parse_rules(text, "sipward-rules.5.scd");
    if (!rules) FAIL(rules.error().text);
    CHECK(rules->size() == 1);
    all += text;
  }
  const auto rules = parse_rules(all, "sipward-rules.5.scd");
  if (!rules) FAIL(rules.error().text);
  CHECK(make_hyperscan_matcher(*rules).has_value());
}

TEST_CASE("every example of the manual hits its catches and none of its passes") {
  for (const std::string& text : examples()) {
    const Rule shown = parse_rules(text, "sipward-rules.5.scd").value().front();
    const Scanner scanner({rule(shown.id, {shown.conditions.front()})});
    const auto hits = [&](const std::string& sample) {
      const auto [begin, end] = scanner.matcher().locate(shown.conditions.front(), sample);
      return begin < end;
    };
    for (const std::string& sample : shown.catches) {
      CAPTURE(shown.id, sample);
      CHECK(hits(sample));
    }
    for (const std::string& sample : shown.passes) {
      CAPTURE(shown.id, sample);
      CHECK_FALSE(hits(sample));
    }
  }
}

TEST_CASE("the manual names every scope, match, action and key, and the error that it quotes") {
  const std::string text = manual();
  for (const std::string word : {"start-line",  "method",  "request-uri",  "request-uri-user",
                                 "from-user",   "to-user", "from-display", "from-tag",
                                 "user-agent",  "header:", "header-names", "id",
                                 "description", "scope",   "conditions",   "weight",
                                 "observe",     "source",  "added",        "catches",
                                 "log",         "score",   "drop",         "ban"}) {
    CAPTURE(word);
    CHECK(text.find("*" + word + "*") != std::string::npos);
  }
  for (const Match match : {Match::exact, Match::prefix, Match::contains, Match::regex})
    CHECK_THAT(text, ContainsSubstring("*match* = \"" + std::string(to_string(match)) + "\""));
  std::string wrong = examples().front();
  wrong.replace(wrong.find("\"ban\""), 5, "\"bann\"");
  std::string told = parse_rules(wrong, "my.toml").error().text;
  CHECK(told ==
        "my.toml:8:10: error: action = \"bann\": expected one of \"log\", \"score\", \"drop\", \"ban\"; did "
        "you mean "
        "\"ban\"?");
  told.replace(told.find("\"drop\", ") + 7, 1, "\n\t");
  CHECK_THAT(text, ContainsSubstring(told));
}

}  // namespace
}  // namespace sipward::match
