// The text of a rule file: refused with its place, or rules that keep what rule.h says of them.
#include <algorithm>

#include "fuzz/properties.h"
#include "match/matcher.h"
#include "match/rule_file.h"
#include "match/rule_text.h"

using namespace sipward;
using namespace sipward::fuzz;

namespace {

void check_rule(const match::Rule& rule) {
  must(!rule.id.empty(), "a rule has an id");
  must(std::ranges::all_of(
           rule.id, [](char c) { return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-'; }),
       "an id is lower-case letters, digits and '-'", rule.id);
  must(!rule.conditions.empty() && rule.conditions.size() <= match::kConditionsMax,
       "1 to kConditionsMax conditions");
  must(rule.file == "fuzz.toml" && rule.line > 0, "a rule knows its place");
  for (const match::Condition& condition : rule.conditions) {
    must(!condition.pattern.empty(), "no pattern is empty");
    must((condition.scope == match::Scope::header) == !condition.header.empty(),
         "a header scope, and no other, names its header");
  }
}

void check_printed(const std::vector<match::Rule>& rules) {
  const std::string printed = match::print_rules(rules);
  const auto again = match::parse_rules(printed, "fuzz.toml");
  must(again.has_value(), "what is printed is accepted:", again ? "" : again.error().text);
  must(match::print_rules(*again) == printed, "rules print the same after reading them back");
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const auto rules = match::parse_rules(text_of(data, size), "fuzz.toml");
  if (!rules) {
    must(rules.error().kind == ErrorKind::invalid, "a wrong file is invalid");
    must(!rules.error().text.empty(), "an error says something");
    must(each_line_names(rules.error().text, "fuzz.toml"), "each error names the file:", rules.error().text);
    return 0;
  }
  for (const match::Rule& rule : *rules) check_rule(rule);
  check_printed(*rules);
  if (rules->empty()) return 0;
  const auto matcher = match::make_hyperscan_matcher(*rules);
  must(matcher.has_value(), "rules that are accepted can be compiled:", matcher ? "" : matcher.error().text);
  return 0;
}
