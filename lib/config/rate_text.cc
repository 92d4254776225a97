#include "config/rate_text.h"

#include <charconv>
#include <optional>

#include "base/duration.h"

namespace sipward::config {
namespace {

constexpr std::string_view kOff = "off";
constexpr std::string_view kBurst = "burst";

std::optional<std::uint32_t> read_count(std::string_view text) {
  std::uint32_t number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return number;
}

// "60s", or a unit alone for one of it.
std::optional<std::chrono::milliseconds> read_period(std::string_view text) {
  const bool is_unit = !text.empty() && (text.front() < '0' || text.front() > '9');
  const auto period = parse_duration(is_unit ? fmt::format("1{}", text) : std::string(text));
  return period ? std::optional(*period) : std::nullopt;
}

// Takes the word that `text` begins with, and the blanks behind it.
std::string_view take_word(std::string_view& text) {
  const std::string_view word = text.substr(0, text.find(' '));
  text.remove_prefix(word.size());
  while (text.starts_with(' ')) text.remove_prefix(1);
  return word;
}

std::string spell_period(std::chrono::milliseconds period) {
  constexpr auto kMinute = std::chrono::minutes(1);
  if (period == kMinute) return "60s";
  const std::string text = spell_duration(period);
  return text.size() == 2 && text.front() == '1' ? text.substr(1) : text;
}

}  // namespace

Result<limit::Rate> parse_rate(std::string_view text) {
  if (text == kOff) return limit::Rate();
  std::string_view rest = text;
  const std::string_view rate = take_word(rest);
  const std::size_t slash = rate.find('/');
  const auto count = read_count(rate.substr(0, slash));
  const auto period = read_period(slash == std::string_view::npos ? "" : rate.substr(slash + 1));
  const bool has_burst = !rest.empty();
  const bool is_burst = !has_burst || take_word(rest) == kBurst;
  const auto burst = has_burst ? read_count(rest) : count;
  if (!count || !period || !is_burst || !burst || *count == 0 || period->count() == 0)
    return fail(ErrorKind::invalid, "'{}' is no rate", text);
  if (std::uint64_t{*count} * 1000 > static_cast<std::uint64_t>(period->count()) * limit::Rate::kPerSecondMax)
    return fail(ErrorKind::invalid, "'{}' is more than {} per second", text, limit::Rate::kPerSecondMax);
  if (*burst == 0 || *burst > kBurstMax)
    return fail(ErrorKind::invalid, "'{}' has a burst of {}", text, *burst);
  if (!limit::Rate::possible(*count, *period, *burst))
    return fail(ErrorKind::invalid, "'{}' would take more than a day to make up for its burst", text);
  return limit::Rate(*count, *period, *burst);
}

std::string spell_rate(const limit::Rate& rate) {
  if (!rate.limited()) return std::string(kOff);
  const std::string text = fmt::format("{}/{}", rate.count(), spell_period(rate.period()));
  return rate.burst() == rate.count() ? text : fmt::format("{} {} {}", text, kBurst, rate.burst());
}

}  // namespace sipward::config
