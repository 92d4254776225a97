// Short ways to write down addresses, nets and their ends.
#pragma once

#include <string_view>

#include "base/ranges.h"
#include "support/catch.h"

namespace sipward::test {

inline Address address(std::string_view text) {
  const auto parsed = Address::parse(text);
  if (!parsed) FAIL(parsed.error().text);
  return *parsed;
}

inline Prefix net(std::string_view text) {
  const auto parsed = Prefix::parse(text);
  if (!parsed) FAIL(parsed.error().text);
  return *parsed;
}

// Any calendar time: what counts is the distance to it.
inline constexpr WallTime kNow{std::chrono::hours(480'000)};

inline WallTime in(std::chrono::milliseconds time) {
  return kNow + time;
}

inline TimedPrefix entry(std::string_view text, std::optional<WallTime> expires = std::nullopt) {
  return {net(text), expires};
}

}  // namespace sipward::test
