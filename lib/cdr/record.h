// What is kept of a call when it is over.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>

#include "base/clock.h"
#include "base/endpoint.h"
#include "cdr/ends.h"
#include "dialog/call_limit.h"
#include "dialog/dialog.h"
#include "dialog/dialog_table.h"

namespace sipward::cdr {

// One side of a call. Texts are as they were on the wire: any bytes.
struct RecordParty {
  Endpoint seen;       // where its packets came from
  std::string number;  // dialog::number_of(): the caller's of From, the callee's of the Request-URI
  std::string uri;     // of From (caller) or To (callee)
  std::string tag;     // "" before a response had one
  std::string agent;   // "" when it did not say
  bool supports_timer = false;
  ByeResult bye;  // ours, to it
};

struct RecordTimer {
  std::chrono::seconds interval{};
  dialog::Refresher refresher = dialog::Refresher::caller;
  std::uint32_t refreshes = 0;
};

// Nothing in an optional: it did not happen, or is not known.
struct CallRecord {
  std::string call_id;
  dialog::Transport transport = dialog::Transport::udp;
  RecordParty caller;
  RecordParty callee;
  std::string request_uri;  // of the INVITE

  WallTime invited;
  std::optional<WallTime> rang;
  std::optional<WallTime> answered;
  std::optional<WallTime> acknowledged;
  WallTime ended;
  std::optional<std::chrono::milliseconds> pdd;    // post-dial delay: INVITE to the first 180 or 183
  std::optional<std::chrono::milliseconds> setup;  // INVITE to the 2xx
  std::chrono::milliseconds duration{};            // INVITE to the end
  std::chrono::seconds billable{};                 // 2xx to the end, begun seconds are whole ones

  unsigned status = 0;  // final: 200 of an answered call; 0: there was none
  EndedBy ended_by = EndedBy::unknown;
  EndCause cause = EndCause::lost;
  // What would have ended it, or did, at the end (dialog::Deadline).
  dialog::LimitSource limit_source = dialog::LimitSource::none;
  std::optional<std::chrono::seconds> limit;
  std::string limit_rule;            // "": none
  std::optional<RecordTimer> timer;  // as it ran at the end
  bool uncertain = false;            // packets were lost meanwhile: it may have ended before
};

// What ended an answered call.
struct CallEnd {
  Now at;  // the BYE, or whatever else it was; not its answer
  EndCause cause = EndCause::lost;
  EndedBy by = EndedBy::unknown;
  dialog::Deadline limit;   // in force at that time
  ByeResult bye_to_caller;  // ours
  ByeResult bye_to_callee;
};

// The end that the dialog table saw without our doing. Whoever sent BYE ended it; when both did, nobody knows
// who was first.
[[nodiscard]] CallEnd natural_end(const dialog::Dialog& dialog, dialog::End how, dialog::Deadline limit,
                                  Now at);

// Durations are differences of the steady clock behind the 2xx, and of the calendar before it; what would be
// negative is 0.
[[nodiscard]] CallRecord record_of(const dialog::Dialog& dialog, const CallEnd& end);
[[nodiscard]] CallRecord record_of(const dialog::Attempt& attempt, Now at);

}  // namespace sipward::cdr
