#include "base/duration.h"

#include <array>
#include <charconv>

namespace sipward {
namespace {

using std::chrono::milliseconds;

struct Unit {
  std::string_view name;
  std::int64_t length_ms;
};

// Longest first; "ms" before "m" and "s" so that its name is read whole.
constexpr std::array<Unit, 6> kUnits{{{"ms", 1},
                                      {"w", 7LL * 24 * 3600 * 1000},
                                      {"d", 24LL * 3600 * 1000},
                                      {"h", 3600LL * 1000},
                                      {"m", 60LL * 1000},
                                      {"s", 1000}}};
constexpr std::int64_t kLongest_ms = 3660LL * 24 * 3600 * 1000;

tl::unexpected<Error> wrong(std::string_view text) {
  return fail(ErrorKind::invalid, "'{}' is not a duration; write 90s, 10m, 4h, 7d or 1h30m, at most 10 years",
              text);
}

const Unit* unit_at(std::string_view text) {
  for (const Unit& unit : kUnits)
    if (text.starts_with(unit.name)) return &unit;
  return nullptr;
}

std::string join(milliseconds duration, unsigned parts_max, std::string_view separator) {
  std::string text;
  std::int64_t rest = duration.count();
  for (const Unit& unit : {kUnits[2], kUnits[3], kUnits[4], kUnits[5], kUnits[0]}) {
    const std::int64_t n = rest / unit.length_ms;
    if (n == 0 || parts_max == 0) continue;
    if (!text.empty()) text += separator;
    text += fmt::format("{}{}", n, unit.name);
    rest -= n * unit.length_ms;
    --parts_max;
  }
  return text.empty() ? "0s" : text;
}

}  // namespace

Result<milliseconds> parse_duration(std::string_view text) {
  std::int64_t total = 0;
  if (text.empty()) return wrong(text);
  for (std::string_view rest = text; !rest.empty();) {
    std::int64_t n = 0;
    const auto [end, error] = std::from_chars(rest.data(), rest.data() + rest.size(), n);
    if (error != std::errc() || n < 0 || rest[0] == '-') return wrong(text);
    rest.remove_prefix(static_cast<std::size_t>(end - rest.data()));
    const Unit* unit = unit_at(rest);
    if (!unit || n > kLongest_ms / unit->length_ms) return wrong(text);
    rest.remove_prefix(unit->name.size());
    total += n * unit->length_ms;
    if (total > kLongest_ms) return wrong(text);
  }
  return milliseconds(total);
}

std::string format_duration(milliseconds duration) {
  if (duration < std::chrono::seconds(1)) return join(duration, 1, " ");
  return join(std::chrono::duration_cast<std::chrono::seconds>(duration), 2, " ");
}

std::string spell_duration(milliseconds duration) {
  return join(duration, 5, "");
}

}  // namespace sipward
