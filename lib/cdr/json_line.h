// Records as JSON lines (RFC 8259, one object a line), UTF-8.
#pragma once

#include <string>
#include <string_view>

#include "cdr/record.h"

namespace sipward::cdr {

// One object with all of columns() as members, and a line feed. What is not there is null.
[[nodiscard]] std::string json_line(const CallRecord& record);

// `text` as a JSON string with its quotes. Control characters, DEL and C1 too, are escaped; bytes that are no
// UTF-8 become U+FFFD.
[[nodiscard]] std::string json_string(std::string_view text);

}  // namespace sipward::cdr
