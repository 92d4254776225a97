#include "cdr/record.h"

#include <algorithm>
#include <utility>

#include "dialog/phone_number.h"
#include "sip/name_addr.h"

namespace sipward::cdr {
namespace {

using dialog::Dialog;
using dialog::Side;
using std::chrono::milliseconds;
using std::chrono::seconds;

template <class Duration>
Duration not_negative(Duration duration) {
  return std::max(duration, Duration::zero());
}

std::optional<milliseconds> between(WallTime begin, std::optional<WallTime> end) {
  if (!end) return std::nullopt;
  return not_negative(*end - begin);
}

RecordParty party_of(const Dialog& dialog, Side side) {
  const dialog::Party& party = dialog.party(side);
  const bool is_caller = side == Side::caller;
  return {
      .seen = party.seen,
      .number = is_caller ? dialog::number_of_address(party.address) : dialog::number_of(dialog.request_uri),
      .uri = std::string(sip::read_name_addr(party.address).uri),
      .tag = party.tag,
      .agent = party.agent,
      .supports_timer = is_caller ? dialog.timer.caller_supports : dialog.timer.callee_supports,
      .bye = {}};
}

// All that does not depend on the end.
CallRecord begun(const Dialog& dialog) {
  const dialog::Progress& progress = dialog.progress;
  CallRecord record;
  record.call_id = dialog.call_id;
  record.transport = dialog.transport;
  record.caller = party_of(dialog, Side::caller);
  record.callee = party_of(dialog, Side::callee);
  record.request_uri = dialog.request_uri;
  record.invited = progress.invited;
  record.rang = progress.rang;
  record.answered = progress.answered;
  record.acknowledged = progress.acknowledged;
  record.pdd = between(progress.invited, progress.rang);
  record.setup = between(progress.invited, progress.answered);
  if (const dialog::SessionTimer& timer = dialog.timer; timer.runs())
    record.timer = RecordTimer{seconds(timer.interval_s), timer.refresher, timer.refreshes};
  record.uncertain = dialog.uncertain;
  return record;
}

EndedBy who_released(const Dialog& dialog) {
  const auto [caller, callee] = dialog.bye_seen;
  if (caller == callee) return EndedBy::unknown;
  return caller ? EndedBy::caller : EndedBy::callee;
}

}  // namespace

CallEnd natural_end(const Dialog& dialog, dialog::End how, dialog::Deadline limit, Now at) {
  CallEnd end;
  end.at = at;
  end.limit = std::move(limit);
  if (how == dialog::End::bye) {
    end.cause = EndCause::normal;
    end.by = who_released(dialog);
  } else if (how == dialog::End::gone) {
    end.cause = EndCause::gone;
  }
  return end;
}

CallRecord record_of(const Dialog& dialog, const CallEnd& end) {
  CallRecord record = begun(dialog);
  const auto talked = not_negative(end.at.steady - dialog.answered_at);
  record.ended = end.at.wall;
  record.duration =
      record.setup.value_or(milliseconds::zero()) + std::chrono::duration_cast<milliseconds>(talked);
  record.billable = std::chrono::ceil<seconds>(talked);
  record.status = 200;
  record.ended_by = end.by;
  record.cause = end.cause;
  record.limit_source = end.limit.source;
  record.limit = end.limit.duration;
  record.limit_rule = end.limit.rule;
  record.caller.bye = end.bye_to_caller;
  record.callee.bye = end.bye_to_callee;
  return record;
}

CallRecord record_of(const dialog::Attempt& attempt, Now at) {
  CallRecord record = begun(attempt.dialog);
  record.ended = at.wall;
  record.duration = not_negative(at.wall - record.invited);
  record.status = attempt.status;
  switch (attempt.how) {
    case dialog::NoAnswer::refused:
      record.cause = EndCause::refused;
      record.ended_by = EndedBy::callee;
      break;
    case dialog::NoAnswer::cancelled:
      record.cause = EndCause::cancelled;
      record.ended_by = EndedBy::caller;
      break;
    case dialog::NoAnswer::timed_out:
      record.cause = EndCause::timed_out;
      break;
    case dialog::NoAnswer::forgotten:
      record.cause = EndCause::forgotten;
      break;
  }
  return record;
}

}  // namespace sipward::cdr
