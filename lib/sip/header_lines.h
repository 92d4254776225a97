// Header lines (RFC 3261 section 7.3.1), for the two that must agree where a head ends and what a line is
// called: Message and frame_message. For the .cc files of lib/sip alone.
#pragma once

#include <cstddef>
#include <string_view>

#include "sip/message.h"
#include "sip/text.h"

namespace sipward::sip {

// RFC 3261 section 7.5, and lines of blanks alike. Blanks at the beginning of the start line stay with it.
[[nodiscard]] inline std::string_view skip_empty_lines(std::string_view bytes) {
  const std::size_t skipped = bytes.size() - trim_left_lws(bytes).size();
  const std::size_t last_end = bytes.substr(0, skipped).rfind('\n');
  return last_end == std::string_view::npos ? bytes : bytes.substr(last_end + 1);
}

// Takes one line off `rest`; without its end, which is CRLF, LF or the end of the bytes.
[[nodiscard]] inline std::string_view take_line(std::string_view& rest, Defects& defects) {
  const std::size_t end = rest.find('\n');
  std::string_view line = rest.substr(0, end);
  if (end == std::string_view::npos) {
    rest.remove_prefix(rest.size());
    return line;
  }
  rest.remove_prefix(end + 1);
  if (!line.empty() && line.back() == '\r') {
    line.remove_suffix(1);
  } else {
    defects.add(Defect::bare_lf);
  }
  return line;
}

// Takes the lines that continue `line` (section 7.3.1) and returns all of them as one.
[[nodiscard]] inline std::string_view take_continuations(std::string_view line, std::string_view& rest,
                                                         Defects& defects) {
  while (!rest.empty() && is_blank(rest.front())) {
    const std::string_view next = take_line(rest, defects);
    line = {line.data(), static_cast<std::size_t>(next.data() + next.size() - line.data())};
  }
  return line;
}

// Fills in name and spelling; false if the name is odd. Asterisk skips all bytes below 33 between name and
// colon, and with a signed char those above 127: such a run behind a name does not make it another one. Nor
// does an indented line, where no header precedes it that it could continue.
[[nodiscard]] inline bool read_name(std::string_view before_colon, Header& header) {
  header.spelled = trim_right_blanks(before_colon);
  header.name = header_name(header.spelled);
  if (header.name != HeaderName::other || is_token(header.spelled)) return true;
  header.spelled = trim_lws(header.spelled);
  std::string_view core = header.spelled;
  while (!core.empty() && !is_token_char(core.back())) core.remove_suffix(1);
  header.name = header_name(core);
  return false;
}

}  // namespace sipward::sip
