#include "match/rule_text.h"

#include <fmt/format.h>

#include <string_view>
#include <vector>

namespace sipward::match {
namespace {

// A basic string (TOML 1.0): quotes, backslashes and control characters escaped.
std::string quoted(std::string_view text) {
  std::string out = "\"";
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if (c == '"' || c == '\\')
      out.append(1, '\\').append(1, c);
    else if (byte < 0x20 || byte == 0x7f)
      out += fmt::format("\\u{:04X}", byte);
    else
      out += c;
  }
  return out + '"';
}

std::string list(const std::vector<std::string>& texts) {
  std::string out;
  for (const std::string& text : texts) out += (out.empty() ? "" : ", ") + quoted(text);
  return fmt::format("[{}]", out);
}

std::string print_condition(const Condition& condition, std::string_view between) {
  return fmt::format("scope = {1}{0}match = {2}{0}pattern = {3}{0}case = {4}", between,
                     quoted(scope_text(condition)), quoted(to_string(condition.match)),
                     quoted(condition.pattern),
                     condition.case_sensitive ? "\"sensitive\"" : "\"insensitive\"");
}

std::string print_conditions(const std::vector<Condition>& conditions) {
  if (conditions.size() == 1) return print_condition(conditions.front(), "\n") + "\n";
  std::string out = "conditions = [\n";
  for (const Condition& condition : conditions)
    out += fmt::format("  {{ {} }},\n", print_condition(condition, ", "));
  return out + "]\n";
}

std::string print_rule(const Rule& rule) {
  std::string out =
      fmt::format("[[rule]]\nid = {}\ndescription = {}\n", quoted(rule.id), quoted(rule.description));
  out += print_conditions(rule.conditions);
  out += fmt::format("action = {}\n", quoted(to_string(rule.action)));
  if (rule.action == Action::score) out += fmt::format("weight = {}\n", rule.weight);
  if (rule.observe) out += "observe = true\n";
  out += fmt::format("source = {}\nadded = {}\n", quoted(rule.source), rule.added);
  return out + fmt::format("catches = {}\npasses = {}\n", list(rule.catches), list(rule.passes));
}

}  // namespace

std::string print_rules(std::span<const Rule> rules) {
  if (rules.empty()) return "# no rules\n";
  std::string out;
  for (const Rule& rule : rules) out += (out.empty() ? "" : "\n") + print_rule(rule);
  return out;
}

}  // namespace sipward::match
