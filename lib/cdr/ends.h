// How calls end, under stable names: they are stored, exported and filtered by.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "dialog/call_limit.h"

namespace sipward::cdr {

enum class EndedBy : std::uint8_t { unknown, caller, callee, sipward };
inline constexpr std::size_t kEndedBys = 4;

enum class EndCause : std::uint8_t {
  // of an answered call
  normal,              // a side sent BYE
  gone,                // a side no longer knew the dialog: 481 or 408
  limit_no_timer,      // it lasted as long as a call without session timers may
  limit_max_duration,  // it lasted as long as any call may
  session_expired,     // its session timer was not refreshed
  no_ack,              // the 2xx was never acknowledged
  half_released,       // BYE was seen on one leg and never on the other
  operator_ended,      // somebody asked for it
  lost,                // no longer followed, before an end was seen
  // of an attempt
  refused,    // by a final response
  cancelled,  // by CANCEL
  timed_out,  // no final response came
  forgotten,  // gave way to newer attempts
};
inline constexpr std::size_t kEndCauses = 13;

// What became of our BYE to one side.
struct ByeResult {
  enum class Outcome : std::uint8_t {
    not_sent,
    answered,    // with `status`
    no_answer,   // to any of its transmissions
    failed,      // it could not be sent
    impossible,  // no way to send it is known: TLS, or a leg that was never seen
  } outcome = Outcome::not_sent;
  unsigned status = 0;  // 100 to 699 when answered, else 0
  friend bool operator==(const ByeResult&, const ByeResult&) = default;
};

// The names of the enumerators above.
[[nodiscard]] std::string_view to_string(EndedBy by);
[[nodiscard]] std::string_view to_string(EndCause cause);
// "not_sent", "no_answer", "failed", "impossible", or the status: "200".
[[nodiscard]] std::string to_string(ByeResult result);

// The inverse; nothing for any other text.
[[nodiscard]] std::optional<EndedBy> read_ended_by(std::string_view name);
[[nodiscard]] std::optional<EndCause> read_end_cause(std::string_view name);
[[nodiscard]] std::optional<ByeResult> read_bye_result(std::string_view text);

// Why a call ends whose deadline has come. `source` is one that ends calls: not none, not exempt.
[[nodiscard]] EndCause cause_of(dialog::LimitSource source);

}  // namespace sipward::cdr
