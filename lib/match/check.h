// What rules must be before an engine takes them.
#pragma once

#include <optional>
#include <span>
#include <string>

#include "base/result.h"
#include "match/rule.h"

namespace sipward::match {

// Why Hyperscan does not take the condition's pattern, in its words; nothing when it does. A pattern that
// matches the empty text is refused too. On a processor that Hyperscan cannot use nothing is refused:
// make_hyperscan_matcher says that once.
[[nodiscard]] std::optional<std::string> pattern_problem(const Condition& condition);

// Both engines refuse an empty set (it would silently match nothing) and a rule without conditions or with
// too many.
[[nodiscard]] Result<void> check_rules(std::span<const Rule> rules);

// "rule friendly-scanner (rules/user-agents.toml:12)": how errors name a rule.
[[nodiscard]] std::string rule_place(const Rule& rule);

}  // namespace sipward::match
