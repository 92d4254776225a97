// Checks of what was typed, made while the command line is read: a wrong value is wrong usage.
#pragma once

#include <CLI/CLI.hpp>
#include <nlohmann/json.hpp>
#include <string>

#include "base/result.h"

namespace sipward::cli {

[[nodiscard]] CLI::Validator is_address();    // for transform(): rewritten in its usual form
[[nodiscard]] CLI::Validator is_net();        // for transform(): address or net, rewritten likewise
[[nodiscard]] CLI::Validator is_duration();   // "10m", more than nothing
[[nodiscard]] CLI::Validator is_printable();  // no control characters, valid UTF-8

// Milliseconds of a duration that is_duration accepted; null (for ever) for "".
[[nodiscard]] nlohmann::json duration_ms(const std::string& text);

// A comment or reason that can be shown and exported as it is.
[[nodiscard]] Result<void> check_printable(const std::string& text);

}  // namespace sipward::cli
