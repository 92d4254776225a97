#include "text.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <utility>

#include "base/duration.h"
#include "base/utf8.h"

namespace sipward::cli {
namespace {

using std::chrono::milliseconds;

// Marks that change the order of the text around them, or that nobody can see (UAX #9,
// Default_Ignorable_Code_Point).
constexpr std::array<std::pair<char32_t, char32_t>, 12> kDeceiving{{{0xad, 0xad},
                                                                    {0x34f, 0x34f},
                                                                    {0x61c, 0x61c},
                                                                    {0x115f, 0x1160},
                                                                    {0x180b, 0x180f},
                                                                    {0x200b, 0x200f},
                                                                    {0x2028, 0x202e},
                                                                    {0x2060, 0x206f},
                                                                    {0xfe00, 0xfe0f},
                                                                    {0xfeff, 0xfeff},
                                                                    {0xfff0, 0xfffb},
                                                                    {0xe0000, 0xe0fff}}};

bool is_deceiving(char32_t c) {
  return std::ranges::any_of(kDeceiving,
                             [c](const auto& range) { return c >= range.first && c <= range.second; });
}

std::string visible(char32_t c) {
  switch (c) {
    case '\t':
      return "\\t";
    case '\n':
      return "\\n";
    case '\r':
      return "\\r";
    default:
      return c < 0x100 ? fmt::format("\\x{:02x}", static_cast<unsigned>(c))
                       : fmt::format("\\u{{{:x}}}", static_cast<unsigned>(c));
  }
}

// Exactly `digits` digits off the front of `text`.
bool take_number(std::string_view& text, std::size_t digits, int& value) {
  if (text.size() < digits ||
      !std::ranges::all_of(text.substr(0, digits), [](char c) { return c >= '0' && c <= '9'; }))
    return false;
  std::from_chars(text.data(), text.data() + digits, value);
  text.remove_prefix(digits);
  return true;
}

bool take(std::string_view& text, std::string_view expected) {
  if (!text.starts_with(expected)) return false;
  text.remove_prefix(expected.size());
  return true;
}

// "T10:00:00.000Z", or nothing for midnight.
bool take_time(std::string_view& text, milliseconds& time) {
  if (text.empty()) return true;
  int hour = 0;
  int minute = 0;
  int second = 0;
  int ms = 0;
  if (!take(text, "T") || !take_number(text, 2, hour) || !take(text, ":") || !take_number(text, 2, minute) ||
      !take(text, ":") || !take_number(text, 2, second))
    return false;
  if (take(text, ".") && !take_number(text, 3, ms)) return false;
  if (hour > 23 || minute > 59 || second > 60 || !take(text, "Z")) return false;
  time = std::chrono::hours(hour) + std::chrono::minutes(minute) + std::chrono::seconds(second) +
         milliseconds(ms);
  return true;
}

std::string largest_unit(milliseconds duration) {
  const std::string text = format_duration(duration);
  return text.substr(0, text.find(' '));
}

}  // namespace

std::string safe(std::string_view text) {
  std::string result;
  result.reserve(text.size());
  while (!text.empty()) {
    const CodePoint c = first_code_point(text);
    const bool is_plain =
        c.length > 0 && c.value >= 0x20 && (c.value < 0x7f || c.value >= 0xa0) && !is_deceiving(c.value);
    if (is_plain)
      result += text.substr(0, c.length);
    else
      result += visible(c.length > 0 ? c.value : static_cast<unsigned char>(text[0]));
    text.remove_prefix(std::max<std::size_t>(c.length, 1));
  }
  return result;
}

std::size_t width(std::string_view text) {
  return static_cast<std::size_t>(
      std::ranges::count_if(text, [](char c) { return (static_cast<unsigned char>(c) & 0xc0U) != 0x80; }));
}

std::string count(std::int64_t n) {
  const std::string digits = fmt::format("{}", n);
  const std::size_t first = n < 0 ? 1 : 0;
  std::string text;
  for (std::size_t i = 0; i < digits.size(); ++i) {
    if (i > first && (digits.size() - i) % 3 == 0) text += ',';
    text += digits[i];
  }
  return text;
}

std::string percent(std::int64_t part, std::int64_t whole) {
  if (whole <= 0) return "";
  return fmt::format("{:.1f} %", 100.0 * static_cast<double>(part) / static_cast<double>(whole));
}

Result<WallTime> parse_iso(std::string_view text) {
  std::string_view rest = text;
  int year = 0;
  int month = 0;
  int day = 0;
  milliseconds time{0};
  const bool is_read = take_number(rest, 4, year) && take(rest, "-") && take_number(rest, 2, month) &&
                       take(rest, "-") && take_number(rest, 2, day) && take_time(rest, time) && rest.empty();
  const std::chrono::year_month_day date{std::chrono::year(year),
                                         std::chrono::month(static_cast<unsigned>(month)),
                                         std::chrono::day(static_cast<unsigned>(day))};
  if (!is_read || !date.ok())
    return fail(ErrorKind::invalid, "'{}' is not a time; write 2026-12-31 or 2026-12-31T18:00:00Z (UTC)",
                text);
  return WallTime(std::chrono::sys_days(date).time_since_epoch() + time);
}

std::string relative(std::string_view iso, WallTime now) {
  const auto time = parse_iso(iso);
  if (!time) return std::string(iso);
  return *time <= now ? fmt::format("{} ago", largest_unit(now - *time))
                      : fmt::format("in {}", largest_unit(*time - now));
}

std::string time_left(std::string_view iso, WallTime now) {
  const auto time = parse_iso(iso);
  if (!time) return std::string(iso);
  return format_duration(std::max(*time - now, milliseconds(0)));
}

}  // namespace sipward::cli
