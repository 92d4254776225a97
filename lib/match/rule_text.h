// Rules -> the text of a rule file.
#pragma once

#include <span>
#include <string>

#include "match/rule.h"

namespace sipward::match {

// What parse_rules() reads back to the same rules, but for file and line. No rules: a comment that says so.
[[nodiscard]] std::string print_rules(std::span<const Rule> rules);

}  // namespace sipward::match
