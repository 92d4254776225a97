#include "match/rule.h"

#include <fmt/format.h>

#include "match/ascii.h"
#include "match/check.h"
#include "match/matcher.h"

namespace sipward::match {

std::string_view to_string(Action action) {
  switch (action) {
    case Action::log:
      return "log";
    case Action::score:
      return "score";
    case Action::drop:
      return "drop";
    case Action::ban:
      return "ban";
  }
  return "";
}

void Hits::note(const Rule& rule, const Hit& place) {
  scores |= rule.action == Action::score;
  const Rule*& best = rule.observe ? observed : strongest;
  if (best != nullptr && best->action >= rule.action) return;
  best = &rule;
  (rule.observe ? observed_hit : hit) = place;
}

std::string_view to_string(Match match) {
  switch (match) {
    case Match::exact:
      return "exact";
    case Match::prefix:
      return "prefix";
    case Match::contains:
      return "contains";
    case Match::regex:
      return "regex";
  }
  return "";
}

std::string scope_text(const Condition& condition) {
  switch (condition.scope) {
    case Scope::start_line:
      return "start-line";
    case Scope::method:
      return "method";
    case Scope::request_uri:
      return "request-uri";
    case Scope::request_uri_user:
      return "request-uri-user";
    case Scope::header:
      if (equal_ignoring_case(condition.header, "User-Agent")) return "user-agent";
      return "header:" + condition.header;
    case Scope::from_tag:
      return "from-tag";
    case Scope::from_display:
      return "from-display";
    case Scope::from_user:
      return "from-user";
    case Scope::to_user:
      return "to-user";
    case Scope::header_names:
      return "header-names";
  }
  return "";
}

std::string rule_place(const Rule& rule) {
  return fmt::format("rule {} ({}:{})", rule.id, rule.file, rule.line);
}

Result<void> check_rules(std::span<const Rule> rules) {
  if (rules.empty()) return fail(ErrorKind::invalid, "no rules: nothing would ever match");
  for (const Rule& rule : rules) {
    const std::size_t count = rule.conditions.size();
    if (count >= 1 && count <= kConditionsMax) continue;
    return fail(ErrorKind::invalid, "{} has {} conditions, expected 1 to {}", rule_place(rule), count,
                kConditionsMax);
  }
  return {};
}

}  // namespace sipward::match
