// Messages of both directions of one or more hops -> calls that begin, are answered, refreshed and end.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>

#include "base/clock.h"
#include "base/endpoint.h"
#include "dialog/dialog.h"
#include "sip/message.h"

namespace sipward::dialog {

// A message as it was seen on a hop. Its views need not outlive the call.
struct Sighting {
  const sip::Message& message;
  Endpoint source;
  Endpoint destination;
  Transport transport = Transport::udp;
  Now at;
};

// Why a call that nobody answered is over.
enum class NoAnswer : std::uint8_t {
  refused,    // 3xx to 6xx, and no INVITE with the same Call-ID and From tag within 32 s if such a status
              // invites it
  cancelled,  // 487, or no final response within 32 s after CANCEL
  timed_out,  // no final response within 5 minutes of the INVITE or its last provisional response
  forgotten,  // there was no room; with status 200 it was answered, and is not followed
};

// An INVITE that led to no dialog.
struct Attempt {
  const Dialog& dialog;  // as far as it came
  NoAnswer how;
  unsigned status = 0;  // the final response; 0: there was none
};

enum class End : std::uint8_t {
  bye,   // a BYE was answered with 2xx or 481, or for 32 s by nobody or with 408
  gone,  // INVITE, UPDATE, INFO or PRACK within it was answered with 481 or 408 (RFC 3261 section 12.2.1.2)
  dropped,  // by whoever asked for it: DialogTable::drop()
};

// Who wants to know. Called from within see(), pass() and drop(); must not call the table.
class Listener {
 public:
  virtual ~Listener() = default;
  virtual void on_attempt_ended(const Attempt& attempt) = 0;
  virtual void on_answered(Dialog& dialog) = 0;   // the first 2xx of this dialog
  virtual void on_refreshed(Dialog& dialog) = 0;  // the session timer runs anew, or stopped
  // What a BYE would need, or what is shown: CSeq, targets, way, addresses, ACK, the answer to a BYE. Once at
  // most for a message, before on_refreshed and on_bye.
  virtual void on_changed(Dialog& dialog) = 0;
  virtual void on_bye(Dialog& dialog, Side from) = 0;  // the first one of that side
  virtual void on_unacknowledged(Dialog& dialog) = 0;  // no ACK for 32 s after the 2xx
  virtual void on_ended(Dialog& dialog, End how) = 0;  // forgotten after this
};

struct TableLimits {
  // Calls that nobody answered yet, at least 1. One more, or 4 KiB of INVITE on average, and one gives way:
  // of those that were refused and may be sent again, that had no response, that were cancelled, that ring,
  // in this order, the oldest. As many that ended are known for 32 s more.
  std::size_t early_max = 50'000;
  std::size_t confirmed_max = 200'000;  // answered calls; one more is not followed, and counted
};

struct TableCounts {
  std::uint64_t early = 0;      // calls without an answer, now
  std::uint64_t confirmed = 0;  // dialogs, now
  std::uint64_t early_evicted = 0;
  std::uint64_t confirmed_refused = 0;
  std::uint64_t strays = 0;  // requests and responses of calls that are not followed
};

// One thread. Does not throw on traffic; memory is bounded by the limits and by what one message may hold.
//
// A call is known by its Call-ID, the caller's tag and the two addresses of the hop, in the direction of its
// INVITE: on each hop of a proxy it is another one, and packets of other addresses change nothing. What a
// request would put in force, it does when a 2xx to it was seen.
class DialogTable {
 public:
  DialogTable(const TableLimits& limits, Listener& listener);
  ~DialogTable();
  DialogTable(const DialogTable&) = delete;
  DialogTable& operator=(const DialogTable&) = delete;

  // In the order in which they were on the wire; a time before that of an earlier call counts as that.
  void see(const Sighting& sighting);
  // Time goes on: attempts that nobody answers, ACKs and answers to BYE that do not come. Call it often: it
  // costs what is due, whatever is followed.
  void pass(Now now);
  // Copies were lost: what is followed may have ended unseen. An answer within a dialog shows that it has
  // not.
  void lose();

  // A confirmed dialog that was stored: it is followed from now on. False when it is there already, or there
  // is no room. Nobody is told. Waiting for its ACK, or the answer to its BYE, begins anew.
  bool adopt(Dialog dialog, Now now);
  // Ends a confirmed dialog that for_each or the listener showed; nothing when it is not followed any more.
  void drop(const Dialog& dialog);
  // Each call without an answer (as its INVITE told it: no tag of the callee), then each confirmed dialog.
  // The visitor must not call the table.
  void for_each(const std::function<void(const Dialog&)>& visit) const;

  [[nodiscard]] TableCounts counts() const;

 private:
  class Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace sipward::dialog
