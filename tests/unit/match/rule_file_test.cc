#include "match/rule_file.h"

#include <unistd.h>

#include <fstream>

#include "messages.h"

namespace sipward::match {
namespace {

constexpr std::string_view kGood = R"(
[[rule]]
id = "one"
description = "the first"
scope = "user-agent"
match = "prefix"
pattern = "one"
action = "ban"
source = "a test"
added = 2026-11-22
catches = ["one"]
passes = ["two"]
)";

// kGood with `from` replaced by `to`.
std::string changed(std::string_view from, std::string_view to) {
  std::string text(kGood);
  const std::size_t at = text.find(from);
  REQUIRE(at != std::string::npos);
  return text.replace(at, from.size(), to);
}

std::string regex(const std::string& pattern) {
  return changed("match = \"prefix\"\npattern = \"one\"", "match = \"regex\"\npattern = '" + pattern + "'");
}

std::string error_of(std::string_view text) {
  const auto rules = parse_rules(text, "t.toml");
  REQUIRE_FALSE(rules.has_value());
  CHECK(rules.error().kind == ErrorKind::invalid);
  return rules.error().text;
}

Rule only_rule(std::string_view text) {
  const auto rules = parse_rules(text, "t.toml");
  if (!rules) FAIL(rules.error().text);
  REQUIRE(rules->size() == 1);
  return rules->front();
}

class TemporaryDirectory {
 public:
  TemporaryDirectory() {
    std::string name = (std::filesystem::temp_directory_path() / "sipward-rules-XXXXXX").string();
    REQUIRE(::mkdtemp(name.data()) != nullptr);
    path_ = name;
  }
  ~TemporaryDirectory() { std::filesystem::remove_all(path_); }
  void write(const std::string& name, std::string_view text) { std::ofstream(path_ / name) << text; }
  [[nodiscard]] const std::filesystem::path& path() const { return path_; }

 private:
  std::filesystem::path path_;
};

TEST_CASE("a rule is read with everything it says") {
  const Rule rule = only_rule(kGood);
  CHECK(rule.id == "one");
  CHECK(rule.description == "the first");
  CHECK(rule.action == Action::ban);
  CHECK(rule.source == "a test");
  CHECK(rule.added == "2026-11-22");
  CHECK(rule.catches == std::vector<std::string>{"one"});
  CHECK(rule.passes == std::vector<std::string>{"two"});
  CHECK(rule.file == "t.toml");
  CHECK(rule.line == 2);
  REQUIRE(rule.conditions.size() == 1);
  CHECK(rule.conditions[0].scope == Scope::header);
  CHECK(rule.conditions[0].header == "User-Agent");
  CHECK(rule.conditions[0].match == Match::prefix);
  CHECK(rule.conditions[0].pattern == "one");
  CHECK_FALSE(rule.conditions[0].case_sensitive);
}

TEST_CASE("each word of a rule file is read as what it names, and written back the same") {
  for (const std::string text : {"start-line", "method", "request-uri", "request-uri-user", "user-agent",
                                 "from-tag", "from-display", "header:Via", "header:X-Foo"}) {
    CHECK(scope_text(only_rule(changed("user-agent", text)).conditions[0]) == text);
  }
  for (const std::string text : {"exact", "prefix", "contains", "regex"}) {
    CHECK(to_string(only_rule(changed("\"prefix\"", "\"" + text + "\"")).conditions[0].match) == text);
  }
  for (const std::string text : {"log", "drop", "ban"}) {
    CHECK(to_string(only_rule(changed("\"ban\"", "\"" + text + "\"")).action) == text);
  }
  CHECK(only_rule(changed("action", "case = \"sensitive\"\naction")).conditions[0].case_sensitive);
  CHECK_FALSE(only_rule(changed("action", "case = \"insensitive\"\naction")).conditions[0].case_sensitive);
}

TEST_CASE("a compact or oddly cased header name is read as the long one") {
  CHECK(only_rule(changed("user-agent", "header:m")).conditions[0].header == "Contact");
  CHECK(only_rule(changed("user-agent", "header:USER-AGENT")).conditions[0].header == "User-Agent");
}

constexpr std::string_view kOneCondition = R"(scope = "user-agent"
match = "prefix"
pattern = "one"
)";

TEST_CASE("several conditions stand instead of one") {
  const Rule rule = only_rule(changed(kOneCondition, R"(conditions = [
  { scope = "from-tag", match = "exact", pattern = "a", case = "sensitive" },
  { scope = "header:Via", match = "regex", pattern = "b+" },
]
)"));
  REQUIRE(rule.conditions.size() == 2);
  CHECK(rule.conditions[0].scope == Scope::from_tag);
  CHECK(rule.conditions[0].case_sensitive);
  CHECK(rule.conditions[1].header == "Via");
  CHECK(rule.conditions[1].match == Match::regex);
  CHECK_FALSE(rule.conditions[1].case_sensitive);
}

std::string with_conditions(std::size_t count) {
  std::string list = "conditions = [";
  for (std::size_t i = 0; i < count; ++i) list += R"({ scope = "method", match = "exact", pattern = "A" },)";
  return changed(kOneCondition, list + "]\n");
}

TEST_CASE("1 to 8 conditions, not 0 and not 9") {
  CHECK(only_rule(with_conditions(1)).conditions.size() == 1);
  CHECK(only_rule(with_conditions(8)).conditions.size() == 8);
  CHECK(error_of(with_conditions(0)) ==
        "t.toml:5:14: error: \"conditions\" must be an array of 1 to 8 tables");
  CHECK(error_of(with_conditions(9)) ==
        "t.toml:5:14: error: \"conditions\" must be an array of 1 to 8 tables");
}

TEST_CASE("conditions beside a scope, and other things in them, are errors") {
  CHECK_THAT(error_of(changed("match = \"prefix\"\npattern = \"one\"\n", "conditions = [1]\n")),
             ContainsSubstring("t.toml:5:9: error: \"scope\" stands beside \"conditions\"") &&
                 ContainsSubstring("t.toml:6:15: error: a condition must be a table, this is an integer"));
  CHECK_THAT(error_of(changed(kOneCondition,
                              "conditions = [{ scope = \"method\", match = \"exact\", patern = \"A\" }]\n")),
             ContainsSubstring("unknown key \"patern\"; did you mean \"pattern\"?") &&
                 ContainsSubstring("missing key \"pattern\""));
}

TEST_CASE("every key of a rule but case must be there") {
  for (const std::string key :
       {"id", "description", "scope", "match", "pattern", "action", "source", "added", "catches", "passes"}) {
    const std::string line = "\n" + key + " = ";
    CHECK_THAT(error_of(changed(line, "\n# ")),
               ContainsSubstring("t.toml:2:1: error: missing key \"" + key + "\" (expected "));
  }
}

TEST_CASE("an unknown key names its place and the key that was probably meant") {
  CHECK(error_of(changed("action = \"ban\"", "action = \"ban\"\n  cathces = [\"x\"]")) ==
        "t.toml:9:3: error: unknown key \"cathces\"; did you mean \"catches\"?");
  CHECK(error_of(changed("action = \"ban\"", "action = \"ban\"\ncolour = 1")) ==
        "t.toml:9:1: error: unknown key \"colour\"");
  CHECK(error_of("[[rules]]\nid = \"a\"\n") ==
        "t.toml:1:3: error: unknown key \"rules\"; did you mean \"rule\"?");
}

TEST_CASE("wrong types say what they are") {
  CHECK(error_of(changed("\"the first\"", "7")) ==
        "t.toml:4:15: error: \"description\" must be a string, this is an integer");
  CHECK(error_of(changed("2026-11-22", "\"2026-11-22\"")) ==
        "t.toml:10:9: error: \"added\" must be a date without quotes, as in 2026-01-31, this is a string");
  CHECK_THAT(error_of(changed("[\"one\"]", "\"one\"")),
             ContainsSubstring("t.toml:11:11: error: \"catches\" must be an array of at least one string"));
  CHECK_THAT(error_of(changed("[\"two\"]", "[]")),
             ContainsSubstring("t.toml:12:10: error: \"passes\" must be an array of at least one string"));
  CHECK(error_of(changed("[\"two\"]", "[\"two\", true]")) ==
        "t.toml:12:18: error: \"passes\" must be a string, this is a boolean");
  CHECK_THAT(error_of("rule = 1\n"),
             ContainsSubstring("t.toml:1:8: error: \"rule\" must be written as tables"));
  CHECK_THAT(error_of("[rule]\nid = \"a\"\n"), ContainsSubstring("that begin with [[rule]]"));
}

TEST_CASE("wrong words name the right ones") {
  CHECK_THAT(
      error_of(changed("\"ban\"", "\"bann\"")),
      ContainsSubstring(
          "t.toml:8:10: error: action = \"bann\": expected one of \"log\", \"score\", \"drop\", \"ban\"") &&
          ContainsSubstring("did you mean \"ban\"?"));
  CHECK_THAT(error_of(changed("user-agent", "useragent")), ContainsSubstring("did you mean \"user-agent\"?"));
  CHECK_THAT(error_of(changed("user-agent", "header:")), ContainsSubstring("\"\" is no header name"));
  CHECK_THAT(error_of(changed("user-agent", "header:a b")), ContainsSubstring("\"a b\" is no header name"));
  CHECK_THAT(error_of(changed("\"prefix\"", "\"suffix\"")),
             ContainsSubstring("match = \"suffix\": expected one of"));
  CHECK_THAT(error_of(changed("\"one\"\ndescription", "\"One\"\ndescription")),
             ContainsSubstring("t.toml:3:6: error: id = \"One\": expected lower-case letters"));
}

TEST_CASE("a score rule needs a weight from 1 to 1000, and no other rule has one") {
  const auto scored = [](const std::string& rest) { return changed("\"ban\"", "\"score\"\n" + rest); };
  CHECK(only_rule(scored("weight = 1")).weight == 1);
  CHECK(only_rule(scored("weight = 1000")).weight == 1000);
  CHECK(only_rule(scored("weight = 7")).action == Action::score);
  CHECK(only_rule(kGood).weight == 0);
  CHECK(error_of(scored("")) ==
        "t.toml:2:1: error: missing key \"weight\" (expected what a hit adds to the score, from 1 to 1000)");
  CHECK(error_of(scored("weight = 0")) ==
        "t.toml:9:10: error: \"weight\" must be a whole number from 1 to 1000, this is 0");
  CHECK(error_of(scored("weight = 1001")) ==
        "t.toml:9:10: error: \"weight\" must be a whole number from 1 to 1000, this is 1001");
  CHECK(error_of(scored("weight = 2.5")) ==
        "t.toml:9:10: error: \"weight\" must be a whole number from 1 to 1000, this is a number");
  CHECK(error_of(changed("\"ban\"", "\"ban\"\nweight = 5")) ==
        "t.toml:9:10: error: \"weight\" stands beside action = \"ban\": only \"score\" has one");
  CHECK(error_of(scored("wieght = 5")).find("did you mean \"weight\"?") != std::string::npos);
}

TEST_CASE("observe is true or false, and false when it is not written") {
  CHECK_FALSE(only_rule(kGood).observe);
  CHECK(only_rule(changed("\"ban\"", "\"ban\"\nobserve = true")).observe);
  CHECK_FALSE(only_rule(changed("\"ban\"", "\"ban\"\nobserve = false")).observe);
  CHECK(error_of(changed("\"ban\"", "\"ban\"\nobserve = \"yes\"")) ==
        "t.toml:9:11: error: \"observe\" must be true or false, this is a string");
}

TEST_CASE("patterns that could not work are refused") {
  CHECK(error_of(changed("pattern = \"one\"", "pattern = \"\"")) ==
        "t.toml:7:11: error: \"pattern\" must not be empty");
  CHECK_THAT(error_of(changed("pattern = \"one\"", "pattern = \" one\"")),
             ContainsSubstring("can never hit"));
  CHECK_THAT(error_of(regex("a(b")), ContainsSubstring("t.toml:7:11: error: pattern \"a(b\": "));
  CHECK_THAT(error_of(regex("a*")),
             ContainsSubstring("t.toml:7:11: error: pattern \"a*\": ") && ContainsSubstring("empty"));
  CHECK_THAT(error_of(regex("(a)\\1")), ContainsSubstring("t.toml:7:11: error: pattern \"(a)\\1\": "));
  CHECK(only_rule(regex("a+")).conditions[0].pattern == "a+");
}

TEST_CASE("a repeat that takes minutes to compile is refused") {
  for (const char* pattern : {"a{256}", "a{1,256}", "a{300,}", "x(b{2}c){999999999999}"})
    CHECK_THAT(error_of(regex(pattern)), ContainsSubstring("more than 255 times"));
  for (const char* pattern : {"a{255}", "a{1,99}b", "a{20,}b", "a{b300}"})
    CHECK(only_rule(regex(pattern)).conditions[0].pattern == pattern);
}

TEST_CASE("blanks at the end of a pattern are refused only where they can never be met") {
  const auto with = [](const std::string& match, const std::string& pattern) {
    return changed("match = \"prefix\"\npattern = \"one\"",
                   "match = \"" + match + "\"\npattern = \"" + pattern + "\"");
  };
  CHECK_THAT(error_of(with("exact", "one ")), ContainsSubstring("can never hit"));
  CHECK_THAT(error_of(with("exact", " one")), ContainsSubstring("can never hit"));
  CHECK(only_rule(with("prefix", "one ")).conditions[0].pattern == "one ");
  CHECK(only_rule(with("contains", " one ")).conditions[0].pattern == " one ");
}

TEST_CASE("all errors of a file are told, in order of their places") {
  const std::string text =
      changed("\"ban\"", "\"bann\"") + changed("\"prefix\"", "7") + "[[rule]]\nidd = \"x\"\n";
  const std::string told = error_of(text);
  const std::vector<std::string> places{
      "t.toml:8:10: error: action", "t.toml:15:6: error: id \"one\" is already used",
      "t.toml:18:9: error: \"match\" must be a string", "t.toml:25:1: error: missing key \"id\"",
      "t.toml:26:1: error: unknown key \"idd\"; did you mean \"id\"?"};
  std::size_t at = 0;
  for (const std::string& place : places) {
    CAPTURE(place, told);
    at = told.find(place, at);
    REQUIRE(at != std::string::npos);
  }
}

TEST_CASE("an id that a file uses twice names both places") {
  CHECK(error_of(std::string(kGood) + std::string(kGood)) ==
        "t.toml:15:6: error: id \"one\" is already used at t.toml:3:6");
}

TEST_CASE("broken TOML names its place") {
  CHECK_THAT(error_of("[[rule]]\nid = \n"), ContainsSubstring("t.toml:2:"));
  CHECK_THAT(error_of("[[rule]]\nid = \"\xff\"\n"), ContainsSubstring("t.toml:2:"));
}

TEST_CASE("what an error of a rule file quotes breaks no line and reaches no terminal") {
  CHECK(error_of("a= n\n").find('\n') == std::string::npos);
  CHECK_THAT(error_of(changed("id = \"one\"", "id = \"o\\n\\u001b[2J\"")),
             ContainsSubstring("id = \"o\\n\\x1b[2J\""));
}

TEST_CASE("a file without rules is no error, a directory without rules is") {
  CHECK(parse_rules("# nothing yet\n", "t.toml")->empty());
  TemporaryDirectory directory;
  CHECK_THAT(load_rules(directory.path()).error().text,
             ContainsSubstring("no rules in " + directory.path().string()));
  directory.write("a.toml", "# nothing yet\n");
  CHECK_FALSE(load_rules(directory.path()).has_value());
  CHECK(load_rules(directory.path() / "absent").error().kind == ErrorKind::not_found);
}

TEST_CASE("all *.toml files of a directory are read in the order of their names") {
  TemporaryDirectory directory;
  directory.write("b.toml", changed("id = \"one\"", "id = \"two\""));
  directory.write("a.toml", kGood);
  directory.write("c.txt", "not TOML");
  const auto rules = load_rules(directory.path());
  REQUIRE(rules.has_value());
  REQUIRE(rules->size() == 2);
  CHECK((*rules)[0].id == "one");
  CHECK((*rules)[1].id == "two");
  CHECK((*rules)[1].file == (directory.path() / "b.toml").string());
}

TEST_CASE("errors of several files and ids that two files use are all told") {
  TemporaryDirectory directory;
  directory.write("a.toml", kGood);
  directory.write("b.toml", kGood);
  directory.write("c.toml", "x = 1\n");
  const std::string told = load_rules(directory.path()).error().text;
  const std::string at = directory.path().string();
  CHECK_THAT(told, ContainsSubstring(at + "/c.toml:1:1: error: unknown key \"x\""));
  CHECK_THAT(told,
             ContainsSubstring(at + "/b.toml:2:1: error: id \"one\" is already used at " + at + "/a.toml:2"));
}

}  // namespace
}  // namespace sipward::match
