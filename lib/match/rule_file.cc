#include "match/rule_file.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <map>
#include <optional>

#include "base/file.h"
#include "match/check.h"
#include "match/toml_table.h"
#include "sip/header_name.h"

namespace sipward::match {
namespace {

constexpr std::array<std::string_view, 1> kTopKeys{"rule"};
constexpr std::array<std::string_view, 14> kRuleKeys{"id",     "description", "scope",   "match",  "pattern",
                                                     "case",   "conditions",  "action",  "weight", "observe",
                                                     "source", "added",       "catches", "passes"};
constexpr std::array<std::string_view, 4> kConditionKeys{"scope", "match", "pattern", "case"};
constexpr std::array<std::string_view, 4> kMatches{"exact", "prefix", "contains", "regex"};
constexpr std::array<std::string_view, 4> kActions{"log", "score", "drop", "ban"};
constexpr std::array<std::string_view, 2> kCases{"insensitive", "sensitive"};
constexpr std::array<std::string_view, 11> kScopes{
    "start-line", "method",       "request-uri", "request-uri-user", "user-agent",  "header:NAME",
    "from-tag",   "from-display", "from-user",   "to-user",          "header-names"};

bool is_token(std::string_view text) {  // RFC 3261 section 25.1
  constexpr std::string_view kMarks = "-.!%*_+`'~";
  return !text.empty() && std::all_of(text.begin(), text.end(), [&](char c) {
    return (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') ||
           kMarks.find(c) != std::string_view::npos;
  });
}

// What a rule's counter has room for (metrics::RuleCounter).
constexpr std::size_t kIdMax = 55;

bool is_id(std::string_view text) {
  return text.size() <= kIdMax && std::all_of(text.begin(), text.end(), [](char c) {
           return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || c == '-';
         });
}

std::optional<Scope> plain_scope(std::string_view text) {
  if (text == "start-line") return Scope::start_line;
  if (text == "method") return Scope::method;
  if (text == "request-uri") return Scope::request_uri;
  if (text == "request-uri-user") return Scope::request_uri_user;
  if (text == "from-tag") return Scope::from_tag;
  if (text == "from-display") return Scope::from_display;
  if (text == "from-user") return Scope::from_user;
  if (text == "to-user") return Scope::to_user;
  if (text == "header-names") return Scope::header_names;
  return std::nullopt;
}

void read_header_scope(TableReader& reader, const toml::node& node, std::string_view name,
                       Condition& condition) {
  condition.scope = Scope::header;
  const std::string_view long_name = sip::to_string(sip::header_name(name));
  condition.header = long_name.empty() ? name : long_name;
  if (is_token(name)) return;
  reader.problems().add(node, "scope = \"header:{}\": \"{}\" is no header name", name, name);
}

void read_scope(TableReader& reader, Condition& condition) {
  constexpr std::string_view kHeader = "header:";
  const toml::node* node = reader.need("scope", one_of(kScopes));
  if (node == nullptr) return;
  const auto value = reader.text(*node, "scope");
  if (!value) return;
  if (value->starts_with(kHeader)) {
    read_header_scope(reader, *node, std::string_view(*value).substr(kHeader.size()), condition);
  } else if (*value == "user-agent") {
    read_header_scope(reader, *node, "User-Agent", condition);
  } else if (const auto scope = plain_scope(*value)) {
    condition.scope = *scope;
  } else {
    reader.problems().add(*node, "scope = \"{}\": expected {}{}", *value, one_of(kScopes),
                          did_you_mean(*value, kScopes));
  }
}

// Header values are compared without the blanks around them.
bool is_never_met(const Condition& condition) {
  constexpr std::string_view kBlanks = " \t\r\n";
  const bool begin = kBlanks.find(condition.pattern.front()) != std::string_view::npos;
  const bool end = kBlanks.find(condition.pattern.back()) != std::string_view::npos;
  return (condition.match == Match::exact && (begin || end)) || (condition.match == Match::prefix && begin);
}

void check_pattern(TableReader& reader, const toml::node& node, const Condition& condition) {
  if (is_never_met(condition)) {
    reader.problems().add(node, "pattern \"{}\" can never hit: values have no blanks around them",
                          condition.pattern);
  } else if (const auto problem = pattern_problem(condition)) {
    reader.problems().add(node, "pattern \"{}\": {}", condition.pattern, *problem);
  }
}

Condition read_condition(TableReader& reader) {
  Condition condition;
  read_scope(reader, condition);
  const auto match = reader.need_choice("match", kMatches);
  if (match) condition.match = static_cast<Match>(*match);
  if (const toml::node* letter_case = reader.find("case")) {
    condition.case_sensitive = reader.choice(*letter_case, "case", kCases) == std::size_t{1};
  }
  const auto pattern = reader.need_text("pattern", "the text or regular expression to look for");
  if (!pattern) return condition;
  condition.pattern = *pattern;
  if (match) check_pattern(reader, *reader.find("pattern"), condition);
  return condition;
}

std::vector<Condition> read_condition_list(TableReader& reader, const toml::node& node) {
  for (const std::string_view key : kConditionKeys) {
    const toml::node* doubled = reader.find(key);
    if (doubled == nullptr) continue;
    reader.problems().add(*doubled, "\"{}\" stands beside \"conditions\": write it inside one of them", key);
  }
  const toml::array* array = node.as_array();
  if (array == nullptr || array->empty() || array->size() > kConditionsMax) {
    reader.problems().add(node, "\"conditions\" must be an array of 1 to {} tables", kConditionsMax);
    return {};
  }
  std::vector<Condition> conditions;
  for (const toml::node& element : *array) {
    if (const toml::table* table = element.as_table()) {
      TableReader condition(*table, kConditionKeys, reader.problems());
      conditions.push_back(read_condition(condition));
    } else {
      reader.problems().add(element, "a condition must be a table, this is {}",
                            TableReader::type_name(element));
    }
  }
  return conditions;
}

std::string read_added(TableReader& reader) {
  const toml::node* node = reader.need("added", "the date it was added, as in 2026-01-31");
  if (node == nullptr) return "";
  const auto date = node->value_exact<toml::date>();
  if (date) return fmt::format("{:04}-{:02}-{:02}", date->year, date->month, date->day);
  reader.problems().add(*node, "\"added\" must be a date without quotes, as in 2026-01-31, this is {}",
                        TableReader::type_name(*node));
  return "";
}

std::string read_id(TableReader& reader) {
  const toml::node* node = reader.need("id", "a unique name");
  const auto id = node == nullptr ? std::nullopt : reader.text(*node, "id");
  if (!id) return "";
  if (!is_id(*id)) {
    reader.problems().add(
        *node, "id = \"{}\": expected lower-case letters, digits and '-', at most {} of them", *id, kIdMax);
  }
  return *id;
}

// A rule's weight says how much a hit adds to the score, and nothing beside another action.
unsigned read_weight(TableReader& reader, Action action) {
  if (action != Action::score) {
    if (const toml::node* stray = reader.find("weight"))
      reader.problems().add(*stray, "\"weight\" stands beside action = \"{}\": only \"score\" has one",
                            to_string(action));
    return 0;
  }
  const toml::node* node = reader.need("weight", "what a hit adds to the score, from 1 to 1000");
  if (node == nullptr) return 0;
  const auto weight = node->value_exact<std::int64_t>();
  if (weight && *weight >= 1 && *weight <= kWeightMax) return static_cast<unsigned>(*weight);
  reader.problems().add(*node, "\"weight\" must be a whole number from 1 to {}, this is {}", kWeightMax,
                        weight ? fmt::format("{}", *weight) : TableReader::type_name(*node));
  return 0;
}

bool read_observe(TableReader& reader) {
  const toml::node* node = reader.find("observe");
  if (node == nullptr) return false;
  const auto observe = node->value_exact<bool>();
  if (!observe)
    reader.problems().add(*node, "\"observe\" must be true or false, this is {}",
                          TableReader::type_name(*node));
  return observe.value_or(false);
}

Rule read_rule(const toml::table& table, Problems& problems) {
  TableReader reader(table, kRuleKeys, problems);
  Rule rule;
  rule.line = table.source().begin.line;
  rule.id = read_id(reader);
  rule.description = reader.need_text("description", "what it recognises").value_or("");
  if (const toml::node* conditions = reader.find("conditions")) {
    rule.conditions = read_condition_list(reader, *conditions);
  } else {
    rule.conditions.push_back(read_condition(reader));
  }
  if (const auto action = reader.need_choice("action", kActions)) {
    rule.action = static_cast<Action>(*action);
    rule.weight = read_weight(reader, rule.action);
  }
  rule.observe = read_observe(reader);
  rule.source =
      reader.need_text("source", "who reported it: a URL, an RFC, a program and its file").value_or("");
  rule.added = read_added(reader);
  rule.catches = reader.need_samples("catches", "values that it must hit");
  rule.passes = reader.need_samples("passes", "similar values that it must not hit");
  return rule;
}

// Reports ids that a file uses twice.
class Ids {
 public:
  void add(const toml::table& table, const Rule& rule, Problems& problems) {
    const toml::node* node = table.get("id");
    if (node == nullptr || rule.id.empty()) return;
    const toml::source_position place = node->source().begin;
    const auto [first, fresh] = places_.try_emplace(rule.id, place);
    if (fresh) return;
    problems.add(place, "id \"{}\" is already used at {}", rule.id,
                 problems.place(first->second.line, first->second.column));
  }

 private:
  std::map<std::string, toml::source_position> places_;
};

std::vector<Rule> read_rules(const toml::table& top, std::string_view file_name, Problems& problems) {
  TableReader reader(top, kTopKeys, problems);
  const toml::node* node = reader.find("rule");
  if (node == nullptr) return {};
  const toml::array* array = node->as_array();
  if (array == nullptr || !array->is_homogeneous<toml::table>()) {
    problems.add(*node, "\"rule\" must be written as tables that begin with [[rule]]");
    return {};
  }
  std::vector<Rule> rules;
  Ids ids;
  for (const toml::node& element : *array) {
    rules.push_back(read_rule(*element.as_table(), problems));
    rules.back().file = file_name;
    ids.add(*element.as_table(), rules.back(), problems);
  }
  return rules;
}

Result<std::vector<std::filesystem::path>> rule_files(const std::filesystem::path& directory) {
  std::error_code error;
  std::vector<std::filesystem::path> files;
  std::filesystem::directory_iterator entries(directory, error);
  for (; !error && entries != std::filesystem::directory_iterator(); entries.increment(error)) {
    const std::filesystem::path& path = entries->path();
    // Hidden ones are editors' locks and backups.
    if (path.extension() != ".toml" || path.filename().native().starts_with('.')) continue;
    std::error_code unknown;
    if (!entries->is_regular_file(unknown))
      return fail(ErrorKind::invalid, "{}: error: this is no file, or leads to none", path.string());
    files.push_back(path);
  }
  if (error) {
    return fail_errno(error.value(), fmt::format("cannot read the rule directory {}", directory.string()));
  }
  std::sort(files.begin(), files.end());
  return files;
}

// Ids that two files use, one line each.
std::vector<std::string> repeated_ids(const std::vector<Rule>& rules) {
  std::map<std::string_view, const Rule*> firsts;
  std::vector<std::string> told;
  for (const Rule& rule : rules) {
    const auto [first, fresh] = firsts.try_emplace(rule.id, &rule);
    if (fresh) continue;
    told.push_back(fmt::format("{}:{}:1: error: id \"{}\" is already used at {}:{}", rule.file, rule.line,
                               rule.id, first->second->file, first->second->line));
  }
  return told;
}

}  // namespace

Result<std::vector<Rule>> parse_rules(std::string_view text, std::string_view file_name) {
  Problems problems(file_name);
  std::vector<Rule> rules;
  try {
    const toml::table top = toml::parse(text, file_name);
    rules = read_rules(top, file_name, problems);
  } catch (const toml::parse_error& error) {
    problems.add(error.source().begin, "{}", error.description());
  }
  if (problems.none()) return rules;
  return tl::unexpected(Error{ErrorKind::invalid, problems.text()});
}

Result<std::vector<Rule>> load_rules(const std::filesystem::path& directory) {
  const auto files = rule_files(directory);
  if (!files) return tl::unexpected(files.error());
  std::vector<Rule> rules;
  std::vector<std::string> errors;
  for (const std::filesystem::path& file : *files) {
    auto parsed =
        read_file(file).and_then([&](const std::string& text) { return parse_rules(text, file.string()); });
    if (!parsed) {
      errors.push_back(parsed.error().text);
    } else {
      std::move(parsed->begin(), parsed->end(), std::back_inserter(rules));
    }
  }
  const std::vector<std::string> repeated = repeated_ids(rules);
  errors.insert(errors.end(), repeated.begin(), repeated.end());
  if (!errors.empty()) return fail(ErrorKind::invalid, "{}", fmt::join(errors, "\n"));
  if (rules.empty())
    return fail(ErrorKind::invalid, "no rules in {} (expected *.toml files)", directory.string());
  return rules;
}

}  // namespace sipward::match
