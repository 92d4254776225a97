// UTF-8 (RFC 3629), as far as it takes to show what strangers sent.
#pragma once

#include <cstddef>
#include <string_view>

namespace sipward {

struct CodePoint {
  char32_t value = 0;
  std::size_t length = 0;  // in bytes; 0: no valid UTF-8
};

// The code point that `text`, which is not empty, begins with. Overlong forms and surrogates are not valid.
[[nodiscard]] constexpr CodePoint first_code_point(std::string_view text) {
  const auto first = static_cast<unsigned char>(text[0]);
  if (first < 0x80) return {first, 1};
  if (first < 0xc2 || first > 0xf4) return {};
  const std::size_t length = first >= 0xf0 ? 4 : first >= 0xe0 ? 3 : 2;
  if (text.size() < length) return {};
  char32_t value = first & (0x7fU >> length);
  for (std::size_t i = 1; i < length; ++i) {
    const auto next = static_cast<unsigned char>(text[i]);
    if ((next & 0xc0U) != 0x80) return {};
    value = value << 6U | (next & 0x3fU);
  }
  const bool is_overlong = (length == 3 && value < 0x800) || (length == 4 && value < 0x10000);
  const bool is_surrogate = value >= 0xd800 && value <= 0xdfff;
  if (is_overlong || is_surrogate || value > 0x10ffff) return {};
  return {value, length};
}

}  // namespace sipward
