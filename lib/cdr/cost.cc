#include "cdr/cost.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <optional>
#include <system_error>

#include "base/one_line.h"

namespace sipward::cdr {
namespace {

using std::chrono::seconds;

constexpr std::int64_t kMicros = 1'000'000;
constexpr std::int64_t kPerMinute = 60;
constexpr std::int64_t kRateMax = 1'000'000;
constexpr std::int64_t kIncrementMax = 3600;
constexpr std::int64_t kBilledMax = 1'000'000'000'000;
constexpr std::size_t kDecimalsMax = 6;
constexpr std::array<std::int64_t, kDecimalsMax + 1> kPowers{{1, 10, 100, 1000, 10'000, 100'000, 1'000'000}};

// Digits alone, at least one.
std::optional<std::int64_t> read_digits(std::string_view text) {
  std::int64_t number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc() || end != text.data() + text.size() || text.front() == '-') return std::nullopt;
  return number;
}

std::optional<std::int64_t> read_decimals(std::string_view text) {
  if (text.size() > kDecimalsMax) return std::nullopt;
  const auto number = read_digits(text);
  if (!number) return std::nullopt;
  return *number * kPowers[kDecimalsMax - text.size()];
}

std::optional<seconds> read_increment(std::string_view text) {
  const auto number = read_digits(text);
  if (!number || *number < 1 || *number > kIncrementMax) return std::nullopt;
  return seconds(*number);
}

bool ends_zombies(EndCause cause) {
  constexpr std::array kCauses{EndCause::limit_no_timer, EndCause::limit_max_duration,
                               EndCause::session_expired, EndCause::no_ack, EndCause::half_released};
  return std::ranges::find(kCauses, cause) != kCauses.end();
}

}  // namespace

Result<Rate> read_rate(std::string_view text) {
  const std::size_t point = text.find('.');
  const auto units = read_digits(text.substr(0, point));
  const auto micros = point == std::string_view::npos ? std::optional<std::int64_t>(0)
                                                      : read_decimals(text.substr(point + 1));
  const bool is_too_much = units && micros && (*units > kRateMax || (*units == kRateMax && *micros > 0));
  if (!units || !micros || is_too_much)
    return fail(ErrorKind::invalid,
                "'{}' is not a rate per minute; write 0.0125, at most {}, six decimals at most",
                one_line(text), kRateMax);
  return Rate{*units, *micros};
}

Result<Increments> read_increments(std::string_view text) {
  const std::size_t slash = text.find('/');
  const auto first = read_increment(text.substr(0, slash));
  const auto next = slash == std::string_view::npos ? std::nullopt : read_increment(text.substr(slash + 1));
  if (!first || !next)
    return fail(ErrorKind::invalid, "'{}' are no increments; write 60/60, 30/6 or 1/1, in seconds up to {}",
                one_line(text), kIncrementMax);
  return Increments{*first, *next};
}

seconds billed(seconds talked, const Increments& increments) {
  if (talked <= seconds::zero()) return seconds::zero();
  if (talked <= increments.first) return increments.first;
  const seconds beyond = talked - increments.first;
  const std::int64_t begun = (beyond + increments.next - seconds(1)) / increments.next;
  return increments.first + begun * increments.next;
}

Money cost_of(seconds billed, const Rate& rate) {
  const std::int64_t paid_s = std::clamp<std::int64_t>(billed.count(), 0, kBilledMax);
  const std::int64_t of_units = paid_s * rate.units;  // in sixtieths of a unit
  const std::int64_t rest = of_units % kPerMinute * kMicros + paid_s * rate.micros;
  constexpr std::int64_t kUnit = kPerMinute * kMicros;
  return {of_units / kPerMinute + rest / kUnit, rest % kUnit};
}

std::string to_text(const Money& money, unsigned decimals) {
  const std::size_t shown = std::min<std::size_t>(decimals, kDecimalsMax);
  const std::int64_t scale = kPowers[shown];
  constexpr std::int64_t kUnit = kPerMinute * kMicros;
  const std::int64_t rounded = (money.rest * scale + kUnit / 2) / kUnit;
  const std::int64_t units = money.units + rounded / scale;
  if (shown == 0) return std::to_string(units);
  return fmt::format("{}.{:0{}}", units, rounded % scale, shown);
}

seconds saved(const CallRecord& record, const Increments& increments, seconds lifetime) {
  if (record.ended_by != EndedBy::sipward || !ends_zombies(record.cause)) return seconds::zero();
  const seconds whole = std::max(lifetime, record.billable);
  return billed(whole, increments) - billed(record.billable, increments);
}

}  // namespace sipward::cdr
