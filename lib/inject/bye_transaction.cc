#include "inject/bye_transaction.h"

#include <algorithm>
#include <utility>

#include "inject/bye.h"

namespace sipward::inject {
namespace {

ByeOutcome outcome_of(unsigned status) {
  if (status < 300 || status == 481 || status == 408) return ByeOutcome::released;
  return status == 401 || status == 407 ? ByeOutcome::challenged : ByeOutcome::refused;
}

}  // namespace

std::optional<Instant> ByeTransaction::next() const {
  if (outcome_ != ByeOutcome::pending) return std::nullopt;
  return gives_up_ ? std::min(next_, *gives_up_) : next_;
}

ByeStep ByeTransaction::due(Instant now) {
  if (outcome_ != ByeOutcome::pending) return ByeStep::over;
  if (gives_up_ && now >= *gives_up_) {
    outcome_ = ByeOutcome::silent;
    return ByeStep::over;
  }
  return now < next_ ? ByeStep::wait : send(now);
}

ByeStep ByeTransaction::send(Instant now) {
  const bool is_first = !gives_up_;
  if (is_first) {
    gives_up_ = now + kTimerF;
    next_ = now;
  }
  ++sends_;
  if (transport_ == dialog::Transport::tcp) {
    next_ = *gives_up_;  // TCP repeats what is lost
  } else {
    // By the schedule, not by when somebody looked, unless that is past already.
    const auto interval = take_interval();
    next_ = next_ + interval > now ? next_ + interval : now + interval;
  }
  return is_first ? ByeStep::send_first : ByeStep::send_again;
}

std::chrono::milliseconds ByeTransaction::take_interval() {
  if (proceeding_) return kT2;
  return std::exchange(interval_, std::min(interval_ * 2, kT2));
}

void ByeTransaction::answered(unsigned status, Instant now) {
  if (outcome_ != ByeOutcome::pending || !gives_up_ || status < 100 || status > 699) return;
  if (status < 200) {
    proceeding_ = true;
    return;
  }
  status_ = status;
  if (status == 500 && bye_cseq(highest_cseq_, rung_ + 1)) return climb(now);
  outcome_ = outcome_of(status);
}

void ByeTransaction::climb(Instant now) {
  ++rung_;
  next_ = now;
  gives_up_.reset();
  interval_ = kT1;
  proceeding_ = false;
}

}  // namespace sipward::inject
