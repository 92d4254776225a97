#include "shown_value.h"

#include <algorithm>

#include "base/utf8.h"

namespace sipward::shield {
namespace {

constexpr std::string_view kReplacement = "\xef\xbf\xbd";  // U+FFFD

}  // namespace

ShownValue show_value(std::string_view value, std::size_t begin, std::size_t end) {
  ShownValue shown;
  for (std::size_t at = 0; at < value.size();) {
    const std::size_t length = first_code_point(value.substr(at)).length;
    const std::size_t next = at + std::max<std::size_t>(length, 1);
    if (at <= begin) shown.begin = shown.text.size();
    shown.text += length > 0 ? value.substr(at, length) : kReplacement;
    if (at < end) shown.end = shown.text.size();
    at = next;
  }
  if (begin >= end) shown.begin = shown.end = 0;
  return shown;
}

}  // namespace sipward::shield
