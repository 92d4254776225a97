// Strangers' bytes, read so that every writer's output is valid UTF-8.
#pragma once

#include <algorithm>
#include <cstddef>
#include <string>
#include <string_view>

#include "base/utf8.h"

namespace sipward::cdr {

inline constexpr std::string_view kReplacement = "\xef\xbf\xbd";  // U+FFFD

// Also DEL and the C1 controls, which move terminals.
[[nodiscard]] constexpr bool is_control(char32_t c) {
  return c < 0x20 || (c >= 0x7f && c <= 0x9f);
}

// Calls write(character, code point) for each character of `text`, in order. A byte that belongs to none is
// given as U+FFFD.
template <class Write>
void for_each_character(std::string_view text, Write&& write) {
  while (!text.empty()) {
    const CodePoint point = first_code_point(text);
    const bool is_valid = point.length != 0;
    write(is_valid ? text.substr(0, point.length) : kReplacement, is_valid ? point.value : char32_t{0xfffd});
    text.remove_prefix(std::max<std::size_t>(point.length, 1));
  }
}

}  // namespace sipward::cdr
