// Text that somebody else wrote, inside a message of ours.
#pragma once

#include <fmt/format.h>

#include <string>
#include <string_view>

namespace sipward {

// `text` with its control characters made visible (\n, \x1b): an error that quotes it stays one line, and
// does nothing to the terminal that shows it.
[[nodiscard]] inline std::string one_line(std::string_view text) {
  std::string line;
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if (c == '\n') {
      line += "\\n";
    } else if (byte < 0x20 || byte == 0x7f) {
      line += fmt::format("\\x{:02x}", byte);
    } else {
      line += c;
    }
  }
  return line;
}

}  // namespace sipward
