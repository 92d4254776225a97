// Durations as people write them.
#pragma once

#include <chrono>
#include <string>
#include <string_view>

#include "base/result.h"

namespace sipward {

// "90s", "10m", "4h", "7d", "2w", "1h30m", "500ms". A bare number, a sign, an unknown unit, or more than 10
// years is an error that says what was expected.
[[nodiscard]] Result<std::chrono::milliseconds> parse_duration(std::string_view text);

// The two largest units that matter: "2d 4h", "59m 12s", "350ms"; zero is "0s".
[[nodiscard]] std::string format_duration(std::chrono::milliseconds duration);

// What parse_duration reads back to the same value, a unit each from days down: "1h30m", "14d".
[[nodiscard]] std::string spell_duration(std::chrono::milliseconds duration);

}  // namespace sipward
