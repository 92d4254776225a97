#include "cdr/ends.h"

#include <array>
#include <charconv>
#include <system_error>

namespace sipward::cdr {
namespace {

constexpr std::array<std::string_view, kEndedBys> kEndedByNames{{"unknown", "caller", "callee", "sipward"}};
constexpr std::array<std::string_view, kEndCauses> kCauseNames{
    {"normal", "gone", "limit_no_timer", "limit_max_duration", "session_expired", "no_ack", "half_released",
     "operator_ended", "lost", "refused", "cancelled", "timed_out", "forgotten"}};
// By Outcome; "answered" stands for its status.
constexpr std::array<std::string_view, 5> kOutcomeNames{
    {"not_sent", "answered", "no_answer", "failed", "impossible"}};

template <class Enum, std::size_t kSize>
std::optional<Enum> read(const std::array<std::string_view, kSize>& names, std::string_view name) {
  for (std::size_t i = 0; i < kSize; ++i)
    if (names[i] == name) return static_cast<Enum>(i);
  return std::nullopt;
}

std::optional<unsigned> read_status(std::string_view text) {
  unsigned status = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), status);
  const bool is_whole = error == std::errc() && end == text.data() + text.size();
  if (!is_whole || text.size() != 3 || status < 100 || status > 699) return std::nullopt;
  return status;
}

}  // namespace

std::string_view to_string(EndedBy by) {
  return kEndedByNames[static_cast<std::size_t>(by)];
}

std::string_view to_string(EndCause cause) {
  return kCauseNames[static_cast<std::size_t>(cause)];
}

std::string to_string(ByeResult result) {
  if (result.outcome == ByeResult::Outcome::answered) return std::to_string(result.status);
  return std::string(kOutcomeNames[static_cast<std::size_t>(result.outcome)]);
}

std::optional<EndedBy> read_ended_by(std::string_view name) {
  return read<EndedBy>(kEndedByNames, name);
}

std::optional<EndCause> read_end_cause(std::string_view name) {
  return read<EndCause>(kCauseNames, name);
}

std::optional<ByeResult> read_bye_result(std::string_view text) {
  if (const auto status = read_status(text)) return ByeResult{ByeResult::Outcome::answered, *status};
  const auto outcome = read<ByeResult::Outcome>(kOutcomeNames, text);
  if (!outcome || *outcome == ByeResult::Outcome::answered) return std::nullopt;
  return ByeResult{*outcome, 0};
}

EndCause cause_of(dialog::LimitSource source) {
  if (source == dialog::LimitSource::session_expires) return EndCause::session_expired;
  if (source == dialog::LimitSource::max_duration) return EndCause::limit_max_duration;
  return EndCause::limit_no_timer;
}

}  // namespace sipward::cdr
