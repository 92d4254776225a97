// Requests within a dialog and their responses (RFC 3261 sections 12.2, 14 and 15).
#include <algorithm>
#include <utility>

#include "dialog/dialog_table_impl.h"

namespace sipward::dialog {
namespace {

using sip::HeaderName;

std::size_t index_of(Side side) {
  return static_cast<std::size_t>(side);
}

bool refreshes_target(Method method) {
  return method == Method::invite || method == Method::update;
}

// Those of the call itself. A 481 to NOTIFY, REFER, SUBSCRIBE or MESSAGE may be about a subscription that
// shares the dialog (RFC 5057 section 5.1). OPTIONS does not touch a dialog (RFC 3261 section 11.2), and is
// what monitors probe with.
bool ends_when_unknown(Method method) {
  return refreshes_target(method) || method == Method::info || method == Method::prack;
}

bool is_unknown(unsigned status) {
  return status == 481 || status == 408;
}

bool has_bye_pending(const Followed& followed) {
  return std::ranges::any_of(followed.pending, [](const Pending& one) { return one.method == Method::bye; });
}

Pending read_pending(Side from, const Reading& request) {
  Pending pending;
  pending.cseq = request.cseq;
  pending.method = request.method;
  pending.from = from;
  pending.source_port = request.sender.port;
  pending.destination_port = request.receiver.port;
  if (refreshes_target(request.method)) pending.target = contact_of(*request.message);
  pending.request_uri = request_uri_of(*request.message);
  pending.route = routes_of(*request.message, HeaderName::route);
  return pending;
}

// True when this is news. An empty one: none is known.
bool learn_way(Party& party, std::string request_uri, std::vector<std::string> route) {
  if (party.request_uri == request_uri && party.route == route) return false;
  party.request_uri = std::move(request_uri);
  party.route = std::move(route);
  return true;
}

// What the other side's last request was addressed to is no way to a new target.
void retarget(Dialog& dialog, Side side, std::string target) {
  Party& party = dialog.party(side);
  if (target.empty() || target == party.target) return;
  party.target = std::move(target);
  learn_way(dialog.party(other(side)), {}, {});
}

}  // namespace

Pending* find_pending(Followed& followed, Side from, const Reading& response) {
  const auto found = std::ranges::find_if(followed.pending, [&](const Pending& one) {
    return one.from == from && one.cseq == response.cseq && one.method == response.method;
  });
  return found == followed.pending.end() ? nullptr : &*found;
}

void DialogTable::Impl::see_within(Followed& followed, Side from, const Reading& request) {
  Party& party = followed.dialog.party(from);
  if (!followed.numbers[index_of(from)].take(party.cseq, request.cseq)) {
    // Its copy from another port: the answer shows which of them the side receives on.
    Pending* const copied = find_pending(followed, from, request);
    if (copied) copied->source_port = request.sender.port;
    return;
  }
  if (followed.pending.size() == kPendingMax) followed.pending.erase(followed.pending.begin());
  followed.pending.push_back(read_pending(from, request));
  if (refreshes_target(request.method))
    note_request(followed.dialog.timer, *request.message, as_refresher(from));
  if (followed.confirmed) listener_.on_changed(followed.dialog);
  if (request.method == Method::bye) see_bye(followed, from);
}

void DialogTable::Impl::see_bye(Followed& followed, Side from) {
  bool& seen = followed.dialog.bye_seen[index_of(from)];
  const bool first = !seen;
  seen = true;
  if (!followed.confirmed) {
    followed.hangs_up = true;
    return;
  }
  if (!followed.hangs_up) records_.wait(followed, now_.steady);
  followed.hangs_up = true;
  if (first) listener_.on_bye(followed.dialog, from);
}

// Its own way is that of all later requests (section 13.2.2.4); of a refused re-INVITE nothing is taken.
void DialogTable::Impl::see_ack(Followed& followed, Side from, const Reading& ack) {
  if (!followed.confirmed || ack.cseq != followed.accepted_invite[index_of(from)]) return;
  Dialog& dialog = followed.dialog;
  bool changed =
      learn_way(dialog.party(from), request_uri_of(*ack.message), routes_of(*ack.message, HeaderName::route));
  if (from == Side::caller && !dialog.progress.acknowledged) {
    dialog.progress.acknowledged = ack.at.wall;
    if (!followed.hangs_up) records_.stop_waiting(followed);
    changed = true;
  }
  if (changed) listener_.on_changed(dialog);
}

void DialogTable::Impl::see_final(Followed& followed, Pending pending, const Reading& response) {
  std::erase_if(followed.pending, [&](const Pending& one) {
    return one.from == pending.from && one.cseq == pending.cseq && one.method == pending.method;
  });
  if (followed.pending.empty()) followed.pending.shrink_to_fit();
  if (pending.method == Method::bye) {
    followed.dialog.bye_status[index_of(pending.from)] = static_cast<std::uint16_t>(response.status);
    if (response.is_success() || response.status == 481) return end(followed, End::bye);
    if (!is_unknown(response.status)) refuse_bye(followed);
    return;
  }
  if (response.is_success()) return accept(followed, pending, response);
  if (is_unknown(response.status) && ends_when_unknown(pending.method) && followed.confirmed)
    end(followed, End::gone);
}

void DialogTable::Impl::accept(Followed& followed, const Pending& pending, const Reading& response) {
  Dialog& dialog = followed.dialog;
  Party& sender = dialog.party(pending.from);
  learn_way(sender, pending.request_uri, pending.route);
  if (response.sender.port == pending.source_port) {
    sender.seen.port = pending.source_port;
    // A TCP connection's own port is none that it listens to.
    if (dialog.transport == Transport::udp) sender.reached_port = pending.source_port;
  }
  dialog.party(other(pending.from)).reached_port = pending.destination_port;
  if (pending.method == Method::invite) followed.accepted_invite[index_of(pending.from)] = pending.cseq;
  if (followed.confirmed) records_.renew(followed);
  if (refreshes_target(pending.method)) return accept_refresh(followed, pending, response);
  if (followed.confirmed) listener_.on_changed(dialog);
}

// Sections 12.2.1.2 and 12.2.2, RFC 3311 section 5, RFC 4028 section 7.2.
void DialogTable::Impl::accept_refresh(Followed& followed, const Pending& pending, const Reading& response) {
  Dialog& dialog = followed.dialog;
  retarget(dialog, pending.from, pending.target);
  retarget(dialog, other(pending.from), contact_of(*response.message));
  const bool timer_changed =
      agree(dialog.timer, *response.message, as_refresher(pending.from), response.at.steady);
  if (!followed.confirmed) return;
  if (dialog.timer.runs()) ++dialog.timer.refreshes;
  listener_.on_changed(dialog);
  if (timer_changed) listener_.on_refreshed(dialog);
}

// 401, 407 or another failure: whoever sent the BYE may have hung up, but the other side has not.
void DialogTable::Impl::refuse_bye(Followed& followed) {
  const Dialog& dialog = followed.dialog;
  if (!has_bye_pending(followed)) followed.hangs_up = false;
  if (!followed.confirmed) return;
  if (!followed.hangs_up) {
    records_.stop_waiting(followed);
    if (!dialog.progress.acknowledged && !dialog.unacknowledged) records_.wait(followed, now_.steady);
  }
  listener_.on_changed(followed.dialog);
}

void DialogTable::Impl::end(Followed& followed, End how) {
  Call& call = *followed.call;
  if (followed.confirmed) listener_.on_ended(followed.dialog, how);
  if (call.ended.size() < kForksMax) call.ended.push_back(followed.dialog.party(Side::callee).tag);
  records_.unfollow(followed);
  const bool answered = call.state == CallState::answered || call.state == CallState::settled;
  if (answered && !has_confirmed(call)) bury(call);
}

void DialogTable::Impl::give_up_waiting() {
  while (Followed* const followed = records_.waiting().front()) {
    if (now_.steady - followed->waits_since < kLinger) return;
    records_.stop_waiting(*followed);
    Dialog& dialog = followed->dialog;
    if (followed->hangs_up) {
      end(*followed, End::bye);
    } else if (!dialog.progress.acknowledged && !dialog.unacknowledged) {
      dialog.unacknowledged = true;
      listener_.on_unacknowledged(dialog);
    }
  }
}

}  // namespace sipward::dialog
