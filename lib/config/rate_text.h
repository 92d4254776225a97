// Rates as people write them.
#pragma once

#include <string>
#include <string_view>

#include "base/result.h"
#include "limit/rate.h"

namespace sipward::config {

inline constexpr std::uint32_t kBurstMax = 100'000;

// "10/s", "20/60s", "500/m", "10/s burst 20"; "off" is a rate that does not limit. Without "burst", as many
// at once as in one period. `invalid`, with the text and what is wrong in it: no rate, more than
// Rate::kPerSecondMax, a burst above kBurstMax, a bucket that takes more than a day to become empty.
[[nodiscard]] Result<limit::Rate> parse_rate(std::string_view text);

// What parse_rate reads back to the same rate.
[[nodiscard]] std::string spell_rate(const limit::Rate& rate);

}  // namespace sipward::config
