// Values as people read them. Nothing here lets a byte through that a terminal would obey.
#pragma once

#include <chrono>
#include <cstdint>
#include <string>
#include <string_view>

#include "base/clock.h"
#include "base/result.h"

namespace sipward::cli {

// Text that strangers may have sent, fit for a terminal: C0, DEL and C1 controls, invalid UTF-8 and the code
// points that reorder or hide text become visible (\r, \x1b, \u{202e}). Everything else stays as it is.
[[nodiscard]] std::string safe(std::string_view text);

// Columns that safe text takes: its code points. Wide characters are counted as one.
[[nodiscard]] std::size_t width(std::string_view text);

// "1,234,567"
[[nodiscard]] std::string count(std::int64_t n);
// "12.3 %"; nothing when there is no whole.
[[nodiscard]] std::string percent(std::int64_t part, std::int64_t whole);

// ISO 8601 UTC as the protocol writes it ("2026-11-01T10:00:00.000Z"); milliseconds and the time may be left
// out.
[[nodiscard]] Result<WallTime> parse_iso(std::string_view text);
// "3m ago", "in 2h"; "" for "".  A text that is no time comes back as it is.
[[nodiscard]] std::string relative(std::string_view iso, WallTime now);
// "59m 12s" until then, "0s" when it has passed; "" for "".
[[nodiscard]] std::string time_left(std::string_view iso, WallTime now);

}  // namespace sipward::cli
