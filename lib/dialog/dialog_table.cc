#include "dialog/dialog_table.h"

#include <algorithm>
#include <utility>

#include "dialog/dialog_table_impl.h"

namespace sipward::dialog {

DialogTable::DialogTable(const TableLimits& limits, Listener& listener)
    : impl_(std::make_unique<Impl>(limits, listener)) {}
DialogTable::~DialogTable() = default;

void DialogTable::see(const Sighting& sighting) {
  impl_->see(sighting);
}
void DialogTable::pass(Now now) {
  impl_->pass(now);
}
void DialogTable::lose() {
  impl_->lose();
}
bool DialogTable::adopt(Dialog dialog, Now now) {
  return impl_->adopt(std::move(dialog), now);
}
void DialogTable::drop(const Dialog& dialog) {
  impl_->drop(dialog);
}
void DialogTable::for_each(const std::function<void(const Dialog&)>& visit) const {
  impl_->visit(visit);
}
TableCounts DialogTable::counts() const {
  return impl_->counts();
}

void DialogTable::Impl::see(const Sighting& sighting) {
  std::optional<Reading> reading = read(sighting);
  if (!reading) return;
  reading->at.steady = go_on(reading->at.steady);
  now_.wall = reading->at.wall;
  reading->status == 0 ? see_request(*reading) : see_response(*reading);
}

// The queues are in order of time.
Instant DialogTable::Impl::go_on(Instant now) {
  now_.steady = std::max(now_.steady, now);
  return now_.steady;
}

DialogTable::Impl::Found DialogTable::Impl::locate(const Reading& reading) const {
  const auto found = [](Call* call, std::string_view callee_tag, Side requester) {
    return Found{call, call ? Records::find(*call, callee_tag) : nullptr, requester};
  };
  const Address& sender = reading.sender.address;
  const Address& receiver = reading.receiver.address;
  if (Call* const call = records_.find({reading.call_id, reading.from_tag, sender, receiver}))
    return found(call, reading.to_tag, Side::caller);
  Call* const call = records_.find({reading.call_id, reading.to_tag, receiver, sender});
  return found(call, reading.from_tag, Side::callee);
}

void DialogTable::Impl::see_request(const Reading& reading) {
  if (reading.method == Method::invite && reading.to_tag.empty()) return see_invite(reading);
  if (reading.method == Method::cancel) return see_cancel(reading);
  Found found = locate(reading);
  if (!found.call) return count_stray(reading);
  if (reading.method == Method::ack && found.requester == Side::caller)
    found.dialog = tell_from_ack(*found.call, found.dialog, reading);
  if (!found.dialog) return;
  if (reading.method == Method::ack) return see_ack(*found.dialog, found.requester, reading);
  see_within(*found.dialog, found.requester, reading);
}

void DialogTable::Impl::see_response(const Reading& reading) {
  const Found found = locate(reading);
  if (!found.call) return count_stray(reading);
  Pending* const pending = found.dialog ? find_pending(*found.dialog, found.requester, reading) : nullptr;
  if (pending) {
    if (reading.status >= 200) see_final(*found.dialog, std::move(*pending), reading);
    return;
  }
  const bool to_the_invite = reading.method == Method::invite && found.requester == Side::caller &&
                             reading.cseq == found.call->invite_cseq;
  if (!to_the_invite) return;
  if (reading.status < 200) return see_provisional(*found.call, found.dialog, reading);
  if (reading.is_success()) return see_answer(*found.call, found.dialog, reading);
  see_failure(*found.call, reading);
}

// Others also come outside of calls, and are nobody's loss.
void DialogTable::Impl::count_stray(const Reading& reading) {
  if (reading.method == Method::other || reading.method == Method::options || reading.to_tag.empty()) return;
  ++strays_;
}

void DialogTable::Impl::pass(Now now) {
  go_on(now.steady);
  now_.wall = now.wall;
  give_up_calls();
  give_up_waiting();
}

// Those marked before stand in front, so all calls together mark each dialog once.
void DialogTable::Impl::lose() {
  ++losses_;
  for (Followed* followed = records_.confirmed().back(); followed && !followed->dialog.uncertain;
       followed = records_.confirmed().before(*followed))
    followed->dialog.uncertain = true;
}

bool DialogTable::Impl::adopt(Dialog dialog, Now now) {
  const Instant at = go_on(now.steady);
  const Party& caller = dialog.party(Side::caller);
  const Party& callee = dialog.party(Side::callee);
  const CallKey key{dialog.call_id, caller.tag, caller.seen.address, callee.seen.address};
  Call* call = records_.find(key);
  if (records_.confirmed().size() >= limits_.confirmed_max) return false;
  if (call && Records::find(*call, callee.tag)) return false;
  if (!call) {
    call = &records_.add(key, at);
    call->invite_cseq = caller.cseq;
    records_.move(*call, CallState::settled, at);
  }
  Followed& followed = records_.follow(*call, std::move(dialog));
  records_.confirm(followed);
  const Dialog& known = followed.dialog;
  followed.answer_seen = true;
  for (const Side side : kSides) {
    Party& party = followed.dialog.party(side);
    followed.accepted_invite[static_cast<std::size_t>(side)] = party.cseq;
    if (party.cseq != 0) followed.numbers[static_cast<std::size_t>(side)].take_all();
  }
  for (const Side side : kSides) {
    const auto index = static_cast<std::size_t>(side);
    if (known.bye_seen[index] && known.bye_status[index] == 0) followed.hangs_up = true;
  }
  if (followed.hangs_up || !known.progress.acknowledged) records_.wait(followed, at);
  return true;
}

void DialogTable::Impl::drop(const Dialog& dialog) {
  const Party& caller = dialog.party(Side::caller);
  const Party& callee = dialog.party(Side::callee);
  Call* const call = records_.find({dialog.call_id, caller.tag, caller.seen.address, callee.seen.address});
  Followed* const followed = call ? Records::find(*call, callee.tag) : nullptr;
  if (followed && followed->confirmed) end(*followed, End::dropped);
}

void DialogTable::Impl::visit(const std::function<void(const Dialog&)>& visit) const {
  for (const CallState state :
       {CallState::calling, CallState::proceeding, CallState::cancelled, CallState::refused}) {
    for (const Call* call = records_.queue(state).front(); call; call = records_.queue(state).after(*call))
      visit(*call->invitation);
  }
  for (const Followed* followed = records_.confirmed().front(); followed;
       followed = records_.confirmed().after(*followed))
    visit(followed->dialog);
}

TableCounts DialogTable::Impl::counts() const {
  return {.early = records_.early(),
          .confirmed = records_.confirmed().size(),
          .early_evicted = early_evicted_,
          .confirmed_refused = confirmed_refused_,
          .strays = strays_};
}

}  // namespace sipward::dialog
