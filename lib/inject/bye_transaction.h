// When a BYE is sent, sent again and given up: the non-INVITE client transaction (RFC 3261 section 17.1.2.2).
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>

#include "base/clock.h"
#include "dialog/dialog.h"

namespace sipward::inject {

enum class ByeOutcome : std::uint8_t {
  pending,
  released,    // 2xx; or 481, 408: the receiver knows no such call any more (section 15.1.1)
  challenged,  // 401, 407: it wants credentials, which we do not have
  refused,     // any other final response; also 500, when no higher CSeq is left
  silent,      // no final response within Timer F
};

enum class ByeStep : std::uint8_t {
  wait,        // until next()
  send_first,  // a new request: with rung(), and a branch of its own
  send_again,  // the same bytes
  over,        // see outcome()
};

// One BYE to one receiver. A 500 means that its CSeq was too low (section 12.2.2): a new transaction with the
// next rung of bye_cseq() begins at once. Pure; one thread.
class ByeTransaction {
 public:
  static constexpr std::chrono::milliseconds kT1{500};
  static constexpr std::chrono::milliseconds kT2{4000};
  static constexpr std::chrono::milliseconds kTimerF = 64 * kT1;

  // First due at `start`; time counts from when it is really sent. `highest_cseq` of its sender, as
  // bye_cseq() takes it.
  ByeTransaction(dialog::Transport transport, std::uint32_t highest_cseq, Instant start)
      : transport_(transport), highest_cseq_(highest_cseq), next_(start) {}

  // When due() has something to say; nothing when it is over.
  [[nodiscard]] std::optional<Instant> next() const;
  // What to do now. Retransmissions that were due while nobody asked are one. `now` must not step back.
  [[nodiscard]] ByeStep due(Instant now);
  // A response to the request with the branch of this rung; those to other branches must not come here. What
  // is no status of a response, or comes when it is over, changes nothing.
  void answered(unsigned status, Instant now);

  [[nodiscard]] ByeOutcome outcome() const { return outcome_; }
  [[nodiscard]] unsigned rung() const { return rung_; }
  [[nodiscard]] unsigned sends() const { return sends_; }    // over all rungs
  [[nodiscard]] unsigned status() const { return status_; }  // the last final response; 0: none

 private:
  [[nodiscard]] ByeStep send(Instant now);
  [[nodiscard]] std::chrono::milliseconds take_interval();
  void climb(Instant now);

  dialog::Transport transport_;
  std::uint32_t highest_cseq_;
  Instant next_;                              // a transmission
  std::optional<Instant> gives_up_;           // Timer F; nothing before the first transmission of this rung
  std::chrono::milliseconds interval_ = kT1;  // Timer E
  bool proceeding_ = false;                   // a provisional response came
  ByeOutcome outcome_ = ByeOutcome::pending;
  unsigned rung_ = 0;
  unsigned sends_ = 0;
  unsigned status_ = 0;
};

}  // namespace sipward::inject
