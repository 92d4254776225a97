// What an eviction goes by.
#pragma once

#include <chrono>
#include <cstdint>

#include "base/clock.h"

namespace sipward::limit {

// How much would be lost with an entry, more of it last: before the time that it was last used.
enum class Worth : std::uint8_t {
  nothing,   // what it would soon show again
  offences,  // something counted against it within kOffencesKept; or a ban runs that anybody may have caused
  held,      // another ban runs, or a streak of excess: forgetting it would set an offender free
};

inline constexpr auto kOffencesKept = std::chrono::hours(1);
inline constexpr auto kStreakGap = std::chrono::seconds(10);  // one longer than this ends a streak

// Whether it happened, and not longer than that ago.
template <class Duration>
[[nodiscard]] bool is_recent(Instant then, Duration kept, Instant now) {
  return then != Instant{} && now - then <= kept;
}

}  // namespace sipward::limit
