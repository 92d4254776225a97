#include "sip/header_values.h"

#include <algorithm>
#include <limits>

#include "sip/list.h"
#include "sip/name_addr.h"
#include "sip/number.h"
#include "sip/scan.h"
#include "sip/text.h"

namespace sipward::sip {
namespace {

constexpr std::size_t kMax32 = std::numeric_limits<std::uint32_t>::max();
constexpr std::size_t kMaxForwardsMax = 255;

// Takes the digits that `text` begins with.
std::string_view take_digits(std::string_view& text) {
  const auto* const end = std::find_if_not(text.begin(), text.end(), is_digit);
  const std::string_view digits = text.substr(0, static_cast<std::size_t>(end - text.begin()));
  text.remove_prefix(digits.size());
  return digits;
}

}  // namespace

CSeq read_cseq(std::string_view value) {
  value = trim_lws(value);
  const std::optional<std::size_t> number = read_number(take_digits(value));
  CSeq result;
  if (number && *number <= kMax32) result.number = static_cast<std::uint32_t>(*number);
  result.method = trim_left_lws(value);
  return result;
}

std::optional<std::uint8_t> read_max_forwards(std::string_view value) {
  const std::optional<std::size_t> number = read_number(trim_lws(value));
  if (!number || *number > kMaxForwardsMax) return std::nullopt;
  return static_cast<std::uint8_t>(*number);
}

std::optional<std::uint32_t> read_seconds(std::string_view value) {
  value = trim_left_lws(value);
  const std::optional<std::size_t> number = read_number(take_digits(value));
  if (!number) return std::nullopt;
  return static_cast<std::uint32_t>(std::min(*number, kMax32));
}

std::optional<SessionExpires> read_session_expires(std::string_view value) {
  const std::optional<std::uint32_t> seconds = read_seconds(value);
  if (!seconds) return std::nullopt;
  const std::string_view refresher = parameter(value, "refresher");
  SessionExpires result;
  result.seconds = *seconds;
  if (equal_nocase(refresher, "uac")) result.refresher = SessionExpires::Refresher::uac;
  if (equal_nocase(refresher, "uas")) result.refresher = SessionExpires::Refresher::uas;
  return result;
}

bool lists_option(std::string_view value, std::string_view tag) {
  ListReader list(value, ListOf::parameters);
  while (const auto option = list.next()) {
    if (equal_nocase(*option, tag)) return true;
  }
  return false;
}

}  // namespace sipward::sip
