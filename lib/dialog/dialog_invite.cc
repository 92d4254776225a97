// An INVITE and its responses, until somebody answers it (RFC 3261 sections 13 and 9).
#include <algorithm>
#include <array>
#include <utility>

#include "dialog/dialog_table_impl.h"

namespace sipward::dialog {
namespace {

using sip::HeaderName;

// After these, clients send the INVITE again with the same Call-ID and From tag (RFC 3261 sections 8.1.3.4,
// 8.1.3.5, 22.2 and 22.3, RFC 4028 section 7.4, RFC 3329 section 2.3).
bool may_be_sent_again(unsigned status) {
  static constexpr std::array kStatuses{401U, 407U, 413U, 415U, 416U, 420U, 421U, 422U, 494U};
  return status / 100 == 3 || std::ranges::find(kStatuses, status) != kStatuses.end();
}

constexpr unsigned kRequestTerminated = 487;

NoAnswer how_refused(unsigned status) {
  return status == kRequestTerminated ? NoAnswer::cancelled : NoAnswer::refused;
}

std::unique_ptr<Dialog> read_invitation(const Reading& reading) {
  const sip::Message& message = *reading.message;
  auto dialog = std::make_unique<Dialog>();
  dialog->call_id = std::string(reading.call_id);
  dialog->request_uri = request_uri_of(message);
  dialog->transport = reading.transport;
  dialog->progress.invited = reading.at.wall;
  Party& caller = dialog->party(Side::caller);
  caller.seen = reading.sender;
  caller.address = address_of(message, HeaderName::from);
  caller.tag = std::string(reading.from_tag);
  caller.cseq = reading.cseq;
  caller.target = contact_of(message);
  caller.record_route = routes_of(message, HeaderName::record_route);
  caller.agent = agent_of(message);
  Party& callee = dialog->party(Side::callee);
  callee.seen = reading.receiver;
  callee.address = address_of(message, HeaderName::to);
  note_request(dialog->timer, message, Refresher::caller);
  dialog->timer.caller_offered = message.find(HeaderName::session_expires) != nullptr;
  return dialog;
}

// 1xx or 2xx: the route set is that of the last of them (section 13.2.2.4).
void read_callee(Party& callee, const sip::Message& response) {
  if (std::string target = contact_of(response); !target.empty()) callee.target = std::move(target);
  callee.record_route = routes_of(response, HeaderName::record_route);
  if (std::string agent = agent_of(response); !agent.empty()) callee.agent = std::move(agent);
}

bool has_ended(const Call& call, std::string_view callee_tag) {
  return std::ranges::find(call.ended, callee_tag) != call.ended.end();
}

std::size_t count_dialogs(const Call& call) {
  std::size_t dialogs = call.ended.size();
  for (const Followed* followed = call.dialogs.get(); followed; followed = followed->next.get()) ++dialogs;
  return dialogs;
}

std::size_t size_of(const sip::Message& message) {
  std::size_t bytes = message.start_line().size();
  for (const sip::Header& header : message.headers()) bytes += header.spelled.size() + header.value.size();
  return bytes;
}

}  // namespace

void DialogTable::Impl::see_invite(const Reading& reading) {
  const CallKey key{reading.call_id, reading.from_tag, reading.sender.address, reading.receiver.address};
  Call* call = records_.find(key);
  if (call && !begins_anew(*call, reading)) return;
  if (call && call->state == CallState::over) {
    records_.forget(*call);
    call = nullptr;
  }
  if (!call) {
    make_room(size_of(*reading.message));
    call = &records_.add(key, reading.at.steady);
  }
  invite(*call, reading);
}

bool DialogTable::Impl::begins_anew(Call& call, const Reading& reading) {
  const bool was_refused = call.state == CallState::refused || call.state == CallState::over;
  if (reading.cseq > call.invite_cseq) return is_early(call.state) || was_refused;
  const std::uint64_t branch = records_.hash(branch_of(*reading.message));
  // A copy, or overtaken by the one that was sent again.
  if (reading.cseq < call.invite_cseq || call.branches.has(branch)) return false;
  if (is_early(call.state) && !was_refused && call.branches.add(branch))
    records_.move(call, CallState::calling, reading.at.steady);
  return was_refused;
}

// Anew, or again after it was refused: one attempt, which began with the first.
void DialogTable::Impl::invite(Call& call, const Reading& reading) {
  records_.unfollow_early(call);
  call.ended.clear();
  std::unique_ptr<Dialog> invitation = read_invitation(reading);
  if (call.invitation) invitation->progress.invited = call.invitation->progress.invited;
  call.invitation = std::move(invitation);
  call.invite_cseq = reading.cseq;
  call.branches = {};
  call.branches.add(records_.hash(branch_of(*reading.message)));
  call.losses = losses_;
  call.status = 0;
  records_.set_bytes(call, size_of(*reading.message));
  records_.move(call, CallState::calling, reading.at.steady);
}

void DialogTable::Impl::see_cancel(const Reading& reading) {
  Call* const call =
      records_.find({reading.call_id, reading.from_tag, reading.sender.address, reading.receiver.address});
  if (!call) return count_stray(reading);
  const bool open = call->state == CallState::calling || call->state == CallState::proceeding;
  // Of several branches it is about one, whose 487 tells it.
  if (open && call->branches.size() == 1 && reading.cseq == call->invite_cseq)
    records_.move(*call, CallState::cancelled, reading.at.steady);
}

void DialogTable::Impl::see_provisional(Call& call, Followed* followed, const Reading& reading) {
  if (call.state == CallState::calling) records_.move(call, CallState::proceeding, reading.at.steady);
  if (reading.status == 100 || (followed && followed->confirmed)) return;
  if (call.state == CallState::proceeding) records_.move(call, CallState::proceeding, reading.at.steady);
  if (call.state > CallState::answered || call.state == CallState::refused) return;
  if (!followed && !reading.to_tag.empty() && records_.early_dialogs() < limits_.early_max)
    followed = fork(call, reading);
  const bool rings = reading.status == 180 || reading.status == 183;
  for (Dialog* dialog : {call.invitation.get(), followed ? &followed->dialog : nullptr}) {
    if (dialog && rings && !dialog->progress.rang) dialog->progress.rang = reading.at.wall;
  }
  if (followed) read_callee(followed->dialog.party(Side::callee), *reading.message);
}

// Null when it was followed before, or there are too many.
Followed* DialogTable::Impl::fork(Call& call, const Reading& reading) {
  if (!call.invitation || has_ended(call, reading.to_tag) || count_dialogs(call) >= kForksMax) return nullptr;
  Followed& followed = records_.follow(call, *call.invitation);
  followed.dialog.party(Side::callee).tag = std::string(reading.to_tag);
  (void)followed.numbers[0].take(followed.dialog.party(Side::caller).cseq, call.invite_cseq);
  return &followed;
}

void DialogTable::Impl::see_answer(Call& call, Followed* followed, const Reading& reading) {
  if (followed && followed->answer_seen) return;
  if (!followed && has_ended(call, reading.to_tag)) return;
  if (!followed && !call.invitation) return count_stray(reading);
  const bool told_from_ack = followed && followed->confirmed;
  if (!told_from_ack && records_.confirmed().size() >= limits_.confirmed_max)
    return refuse_room(call, reading);
  if (!followed && count_dialogs(call) >= kForksMax) records_.unfollow_early(call);
  if (!followed) followed = fork(call, reading);
  if (!followed) return refuse_room(call, reading);
  Dialog& dialog = followed->dialog;
  Party& callee = dialog.party(Side::callee);
  read_callee(callee, *reading.message);
  dialog.party(Side::caller).reached_port = reading.sender.port;
  // Which of several INVITEs it answers shows where it comes from.
  callee.reached_port = call.branches.size() > 1 ? reading.receiver.port : callee.seen.port;
  callee.seen.port = reading.receiver.port;
  agree(dialog.timer, *reading.message, Refresher::caller, reading.at.steady);
  followed->answer_seen = true;
  if (!told_from_ack) return confirm(*followed, reading);
  listener_.on_changed(dialog);
  if (dialog.timer.runs()) listener_.on_refreshed(dialog);
}

void DialogTable::Impl::confirm(Followed& followed, const Reading& reading) {
  Call& call = *followed.call;
  Dialog& dialog = followed.dialog;
  dialog.progress.answered = reading.at.wall;
  dialog.answered_at = reading.at.steady;
  dialog.uncertain = call.losses != losses_;
  followed.accepted_invite[0] = call.invite_cseq;
  records_.confirm(followed);
  records_.wait(followed, reading.at.steady);
  records_.set_bytes(call, 0);
  if (call.state != CallState::answered) records_.move(call, CallState::answered, reading.at.steady);
  listener_.on_answered(dialog);
  for (const Side side : kSides) {
    if (dialog.bye_seen[static_cast<std::size_t>(side)]) listener_.on_bye(dialog, side);
  }
}

// It is known as one that is not followed, so that its copies count for nothing.
void DialogTable::Impl::refuse_room(Call& call, const Reading& reading) {
  ++confirmed_refused_;
  if (Followed* const early = Records::find(call, reading.to_tag)) records_.unfollow(*early);
  if (call.ended.size() < kForksMax) call.ended.emplace_back(reading.to_tag);
  if (is_early(call.state)) end_attempt(call, NoAnswer::forgotten, reading.status);
}

void DialogTable::Impl::see_failure(Call& call, const Reading& reading) {
  if (!is_early(call.state) || call.state == CallState::refused) return;
  call.branches.close(records_.hash(branch_of(*reading.message)));
  if (call.branches.any_open()) return;
  if (!may_be_sent_again(reading.status))
    return end_attempt(call, how_refused(reading.status), reading.status);
  call.status = static_cast<std::uint16_t>(reading.status);
  records_.unfollow_early(call);
  records_.move(call, CallState::refused, reading.at.steady);
}

Followed* DialogTable::Impl::tell_from_ack(Call& call, Followed* followed, const Reading& ack) {
  if (followed && followed->confirmed) return followed;
  // Without a loss there is no need to guess, and a caller must not be able to make dialogs on its own. The
  // ACK of a failure has the branch of the INVITE (RFC 3261 section 17.1.1.3).
  const bool lost = call.losses != losses_ && is_early(call.state) && call.state != CallState::refused;
  if (!lost || ack.cseq != call.invite_cseq || ack.to_tag.empty()) return nullptr;
  if (call.branches.has(records_.hash(branch_of(*ack.message)))) return nullptr;
  if (records_.confirmed().size() >= limits_.confirmed_max) return nullptr;
  if (!followed) followed = fork(call, ack);
  if (!followed) return nullptr;
  Party& callee = followed->dialog.party(Side::callee);
  if (callee.target.empty()) callee.target = request_uri_of(*ack.message);
  callee.reached_port = ack.receiver.port;
  confirm(*followed, ack);
  return followed;
}

void DialogTable::Impl::end_attempt(Call& call, NoAnswer how, unsigned status) {
  listener_.on_attempt_ended({*call.invitation, how, status});
  bury(call);
}

// Its invitation is kept: a proxy passes on a 2xx also after a failure (RFC 3261 section 16.7, step 5).
void DialogTable::Impl::bury(Call& call) {
  records_.unfollow_early(call);
  records_.move(call, CallState::over, now_.steady);
  const auto& over = records_.queue(CallState::over);
  if (over.size() > limits_.early_max) records_.forget(*over.front());
}

// First who was told no: at worst the same caller begins anew. Then who was told nothing: a flood that nobody
// answers must not push out calls that ring. Of each the oldest.
void DialogTable::Impl::make_room(std::size_t bytes) {
  static constexpr std::array kOrder{CallState::over, CallState::refused, CallState::calling,
                                     CallState::cancelled, CallState::proceeding};
  const auto too_many = [&] { return records_.early() >= limits_.early_max; };
  const auto too_large = [&] {
    return records_.early_bytes() + bytes > limits_.early_max * kInviteBytesMean &&
           records_.early_bytes() != 0;
  };
  for (const CallState state : kOrder) {
    while ((too_large() || (too_many() && state != CallState::over)) && records_.queue(state).front()) {
      Call& call = *records_.queue(state).front();
      if (state != CallState::over) {
        ++early_evicted_;
        const NoAnswer how = state == CallState::refused ? NoAnswer::refused : NoAnswer::forgotten;
        listener_.on_attempt_ended({*call.invitation, how, call.status});
      }
      records_.forget(call);
    }
  }
}

void DialogTable::Impl::give_up_calls() {
  const auto first = [this](CallState state, std::chrono::seconds life) {
    Call* const call = records_.queue(state).front();
    return call && now_.steady - call->since >= life ? call : nullptr;
  };
  for (const CallState state : {CallState::calling, CallState::proceeding}) {
    while (Call* const call = first(state, kAnswerWait)) end_attempt(*call, NoAnswer::timed_out, 0);
  }
  while (Call* const call = first(CallState::cancelled, kLinger)) end_attempt(*call, NoAnswer::cancelled, 0);
  while (Call* const call = first(CallState::refused, kLinger))
    end_attempt(*call, how_refused(call->status), call->status);
  while (Call* const call = first(CallState::answered, kLinger)) {
    records_.unfollow_early(*call);
    call->invitation.reset();
    records_.move(*call, CallState::settled, now_.steady);
  }
  while (Call* const call = first(CallState::over, kLinger)) records_.forget(*call);
}

}  // namespace sipward::dialog
