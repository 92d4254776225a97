// Time as tables keep it: two numbers of four bytes.
#pragma once

#include <algorithm>
#include <chrono>
#include <cstdint>

#include "base/clock.h"
#include "limit/rate.h"

namespace sipward::limit {

// Eighths of a second since the clock's zero, plus one: for ages. 0 is "never"; lasts 17 years.
using Eighths = std::uint32_t;
using EighthDuration = std::chrono::duration<std::int64_t, std::ratio<1, 8>>;

struct TableTime {
  Ticks ticks = 0;
  Eighths eighths = 0;
};

// `now` at or after the clock's zero.
[[nodiscard]] inline Ticks ticks_of(Instant now) {
  return static_cast<Ticks>(std::chrono::floor<TickDuration>(now.time_since_epoch()).count());
}

[[nodiscard]] inline TableTime table_time(Instant now) {
  const auto eighths = std::chrono::floor<EighthDuration>(now.time_since_epoch()).count();
  return {ticks_of(now), static_cast<Eighths>(eighths + 1)};
}

// To an eighth of a second; the clock's zero for "never".
[[nodiscard]] inline Instant instant_of(Eighths eighths) {
  return Instant(std::chrono::duration_cast<Instant::duration>(
      EighthDuration(std::max<std::int64_t>(std::int64_t{eighths} - 1, 0))));
}

}  // namespace sipward::limit
