// Rule files (TOML) -> rules. Every error names file, line and column and says what was expected.
#pragma once

#include <filesystem>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "match/rule.h"

namespace sipward::match {

// One file's text. All errors of the file are in Error::text, one per line ("scanners.toml:12:3: error: …").
[[nodiscard]] Result<std::vector<Rule>> parse_rules(std::string_view text, std::string_view file_name);

// Every *.toml of `directory`, in the order of their names. An id that occurs twice is an error that names
// both places; a directory without rules is an error too: a shield that silently matches nothing is worse
// than one that does not start.
[[nodiscard]] Result<std::vector<Rule>> load_rules(const std::filesystem::path& directory);

}  // namespace sipward::match
