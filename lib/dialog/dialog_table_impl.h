// The rules of the dialog table. For the .cc files of lib/dialog alone.
#pragma once

#include <cstdint>
#include <functional>

#include "dialog/dialog_message.h"
#include "dialog/dialog_records.h"
#include "dialog/dialog_table.h"

namespace sipward::dialog {

// 64*T1 (RFC 3261 section 17.1.1.1): how long a message may still be under way or sent again.
inline constexpr std::chrono::seconds kLinger{32};
// Without a final response. More than timer C (section 16.6, above 3 minutes), which any provisional response
// but 100 sets anew.
inline constexpr std::chrono::seconds kAnswerWait{300};
// Dialogs of one INVITE, those that ended too; also early ones at a time.
inline constexpr std::size_t kForksMax = 16;
// On average, of unanswered calls: beyond it they give way as if there were too many.
inline constexpr std::size_t kInviteBytesMean = 4096;

class DialogTable::Impl {
 public:
  Impl(const TableLimits& limits, Listener& listener)
      : limits_(limits), listener_(listener), records_(limits) {}

  void see(const Sighting& sighting);
  void pass(Now now);
  void lose();
  bool adopt(Dialog dialog, Now now);
  void drop(const Dialog& dialog);
  void visit(const std::function<void(const Dialog&)>& visit) const;
  [[nodiscard]] TableCounts counts() const;

 private:
  struct Found {
    Call* call = nullptr;
    Followed* dialog = nullptr;  // null: the call has none with that tag
    Side requester = Side::caller;
  };

  // Of the hop's direction: the caller's requests, or the callee's.
  [[nodiscard]] Found locate(const Reading& reading) const;
  void see_request(const Reading& reading);
  void see_response(const Reading& reading);
  void count_stray(const Reading& reading);
  Instant go_on(Instant now);

  // dialog_invite.cc: until somebody answers.
  void see_invite(const Reading& reading);
  // False for a copy. Another branch of an open call is added to it.
  bool begins_anew(Call& call, const Reading& reading);
  void see_cancel(const Reading& reading);
  void see_provisional(Call& call, Followed* followed, const Reading& reading);
  void see_answer(Call& call, Followed* followed, const Reading& reading);
  void see_failure(Call& call, const Reading& reading);
  // A 2xx whose copy was lost shows in its ACK: the dialog, or null.
  Followed* tell_from_ack(Call& call, Followed* followed, const Reading& ack);
  void invite(Call& call, const Reading& reading);
  Followed* fork(Call& call, const Reading& reading);
  void confirm(Followed& followed, const Reading& reading);
  void refuse_room(Call& call, const Reading& reading);
  void end_attempt(Call& call, NoAnswer how, unsigned status);
  void make_room(std::size_t bytes);
  void bury(Call& call);
  void give_up_calls();

  // dialog_within.cc: requests within a dialog, and their responses.
  void see_within(Followed& followed, Side from, const Reading& request);
  void see_ack(Followed& followed, Side from, const Reading& ack);
  void see_bye(Followed& followed, Side from);
  void see_final(Followed& followed, Pending pending, const Reading& response);
  void accept(Followed& followed, const Pending& pending, const Reading& response);
  void accept_refresh(Followed& followed, const Pending& pending, const Reading& response);
  void refuse_bye(Followed& followed);
  void end(Followed& followed, End how);
  void give_up_waiting();

  TableLimits limits_;
  Listener& listener_;
  Records records_;
  Now now_{};
  std::uint32_t losses_ = 0;
  std::uint64_t early_evicted_ = 0;
  std::uint64_t confirmed_refused_ = 0;
  std::uint64_t strays_ = 0;
};

// The pending request that `response` answers; null if there is none.
[[nodiscard]] Pending* find_pending(Followed& followed, Side from, const Reading& response);

[[nodiscard]] constexpr Refresher as_refresher(Side side) {
  return side == Side::caller ? Refresher::caller : Refresher::callee;
}

}  // namespace sipward::dialog
