// Time is an argument everywhere below the daemons. These are the types it comes in.
#pragma once

#include <chrono>

namespace sipward {

// Never steps and goes on through suspend in neither direction that matters here: for intervals and timeouts.
using Instant = std::chrono::steady_clock::time_point;

// The calendar: for what is stored and shown. It may step.
using WallTime = std::chrono::sys_time<std::chrono::milliseconds>;

[[nodiscard]] inline WallTime wall_now() {
  return std::chrono::time_point_cast<std::chrono::milliseconds>(std::chrono::system_clock::now());
}

// A point in time on both clocks, read together.
struct Now {
  Instant steady;
  WallTime wall;
};

[[nodiscard]] inline Now now() {
  return {std::chrono::steady_clock::now(), wall_now()};
}

}  // namespace sipward
