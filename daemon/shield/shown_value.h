// Bytes of a packet as a JSON text can hold them.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace sipward::shield {

struct ShownValue {
  std::string text;
  std::size_t begin = 0;  // [begin, end) of `text`, in bytes, is what matched
  std::size_t end = 0;
};

// Each byte that is no valid UTF-8 becomes U+FFFD. [begin, end) of `value` is found again in the result,
// widened to whole characters; it must lie within `value`.
[[nodiscard]] ShownValue show_value(std::string_view value, std::size_t begin = 0, std::size_t end = 0);

}  // namespace sipward::shield
