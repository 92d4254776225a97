// How long a call may last: decided once, at its 200 OK, and kept with it.
#pragma once

#include <array>
#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/address.h"
#include "base/clock.h"
#include "base/result.h"
#include "dialog/dialog.h"

namespace sipward::dialog {

// Counted from the 200 OK; more than 0 s. Nothing: there is none, or in a rule: it says nothing about it.
struct Limits {
  std::optional<std::chrono::seconds> no_timer;  // of a call without session timers
  std::optional<std::chrono::seconds> maximum;   // of every call
};

// No-timer limits under names that operators use.
struct Profile {
  std::string_view name;
  std::chrono::seconds no_timer;
};
inline constexpr std::array<Profile, 6> kProfiles{{{"enterprise", std::chrono::seconds(7200)},
                                                   {"wholesale", std::chrono::seconds(3600)},
                                                   {"premium", std::chrono::seconds(1800)},
                                                   {"legacy", std::chrono::seconds(1800)},
                                                   {"call_center", std::chrono::seconds(5400)},
                                                   {"zero_tolerance", std::chrono::seconds(900)}}};
// What a rule sets that names a profile. Another name is an error that lists these.
[[nodiscard]] Result<Limits> limits_of_profile(std::string_view name);

// `name` goes into the call's record.
struct NetRule {
  std::string name;
  Prefix net;  // of the caller's observed address
  Limits limits;
};
struct NumberRule {
  std::string name;
  std::string prefix;  // compared with number_of(), byte by byte; "" is the prefix of every number
  Limits limits;
};

// When a caller is taken to use session timers. Beside this a timer must run by the 2xx: an offer that nobody
// took up ends no call.
enum class TimerDetection : std::uint8_t {
  option_tag,  // and the caller supports "timer"
  offered,     // and its INVITE had Session-Expires
  negotiated,  // that is enough, whoever asked for it
};

struct LimitPolicy {
  Limits limits{.no_timer = std::chrono::seconds(7200), .maximum = std::nullopt};
  // After the session has expired; less than 0: so much earlier. Endpoints of the field are up to 10 s late.
  std::chrono::seconds session_grace{10};
  TimerDetection detection = TimerDetection::negotiated;
  // What the softswitch is set to; it counts for warnings() alone.
  std::chrono::seconds session_interval{600};

  // Of each list the most specific match counts (longest prefix; of equals the first).
  std::vector<NetRule> by_caller_net;
  std::vector<NumberRule> by_caller_number;  // user of From
  std::vector<NumberRule> by_callee_number;  // user of the Request-URI
  // Called numbers whose calls are never ended, whole as number_of() gives them; "urn:service:sos"
  // includes "urn:service:sos.fire". The caller's number does not count: it writes that itself.
  std::vector<std::string> exempt_numbers{"112", "911", "urn:service:sos"};
};

enum class LimitSource : std::uint8_t { none, exempt, no_timer, session_expires, max_duration };
inline constexpr std::size_t kLimitSources = 5;
// "none", "exempt", "no_timer", "session_expires", "max_duration": stable, they are stored.
[[nodiscard]] std::string_view to_string(LimitSource source);
[[nodiscard]] std::optional<LimitSource> read_limit_source(std::string_view name);

struct Bound {
  std::chrono::seconds after{};  // the 200 OK
  std::string rule;              // its name; "": the policy itself
  friend bool operator==(const Bound&, const Bound&) = default;
};

// All that a later end of the call depends on, so that a new policy touches new calls only.
struct CallLimit {
  bool exempt = false;
  bool session_timer = false;     // its session timer limits it, in the place of no_timer
  std::optional<Bound> no_timer;  // also of a call with session timers: they may be switched off
  std::optional<Bound> maximum;   // no refresh goes beyond
  std::chrono::seconds session_grace{};
  friend bool operator==(const CallLimit&, const CallLimit&) = default;
};

// Call it at the 200 OK, when dialog.timer says what that agreed on.
//
// no_timer: the smallest that a matching rule sets, else the policy's: a rule may also allow more. maximum:
// the smallest of all, the policy's too, since that is for every call.
[[nodiscard]] CallLimit limit_of(const Dialog& dialog, const LimitPolicy& policy);

// What is in force, and when it ends the call.
struct Deadline {
  LimitSource source = LimitSource::none;
  std::optional<Instant> at;                     // nothing: never
  std::optional<std::chrono::seconds> duration;  // since the 200 OK; session_expires: since the last refresh
  std::string rule;                              // "": none
};

// The smaller of the two that hold: the maximum, and the session timer or the no-timer limit. For on_answered
// and on_refreshed; `now` is that moment.
//
// A session timer that is switched off gives way to the no-timer limit, counted from `now`: both sides have
// just shown that they live, and a call that lasted for hours on refreshes must not end because of its last
// one. One that begins later than the 200 OK changes nothing. A grace below 0 takes off a third of the
// interval at most: its refresh, due at the half (RFC 4028 section 7.2), is not late before.
[[nodiscard]] Deadline deadline_of(const CallLimit& limit, const Dialog& dialog, Instant now);

// One sentence for each no-timer limit below three session intervals, the least that operators' guides
// advise. For the start and for a reload.
[[nodiscard]] std::vector<std::string> warnings(const LimitPolicy& policy);

}  // namespace sipward::dialog
