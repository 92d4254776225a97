// Letter case as SIP means it: ASCII alone, whatever the locale.
#pragma once

#include <algorithm>
#include <cstddef>
#include <string_view>

namespace sipward::match {

[[nodiscard]] inline char to_lower(char c) {
  return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
}

[[nodiscard]] inline bool same_letter(char a, char b) {
  return to_lower(a) == to_lower(b);
}

[[nodiscard]] inline bool equal_ignoring_case(std::string_view a, std::string_view b) {
  return std::equal(a.begin(), a.end(), b.begin(), b.end(), same_letter);
}

// Where `word` begins in `text`; npos if nowhere.
[[nodiscard]] inline std::size_t find_ignoring_case(std::string_view text, std::string_view word) {
  const auto found = std::search(text.begin(), text.end(), word.begin(), word.end(), same_letter);
  if (found == text.end() && !word.empty()) return std::string_view::npos;
  return static_cast<std::size_t>(found - text.begin());
}

}  // namespace sipward::match
