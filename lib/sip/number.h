// Numbers in header values. For the .cc files of lib/sip alone.
#pragma once

#include <charconv>
#include <cstddef>
#include <limits>
#include <optional>
#include <string_view>
#include <system_error>

namespace sipward::sip {

// The digits of `text`; nothing if there is another character, or no digit. A number too large for the type
// is the largest one.
[[nodiscard]] inline std::optional<std::size_t> read_number(std::string_view text) {
  std::size_t number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (end != text.data() + text.size() || error == std::errc::invalid_argument) return std::nullopt;
  return error == std::errc{} ? number : std::numeric_limits<std::size_t>::max();
}

}  // namespace sipward::sip
