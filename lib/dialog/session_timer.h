// Session timers as an observer of one hop sees them (RFC 4028).
#pragma once

#include <cstdint>
#include <optional>

#include "base/clock.h"
#include "sip/message.h"

namespace sipward::dialog {

enum class Refresher : std::uint8_t { caller, callee };

// What the last 2xx to an INVITE or UPDATE on this hop agreed on (sections 7.2, 9 and 10).
struct SessionTimer {
  std::uint32_t interval_s = 0;  // 0: none is running
  Refresher refresher = Refresher::caller;
  Instant expires;  // the session, unless it is refreshed; meaningful while it runs
  std::uint32_t refreshes = 0;
  bool caller_supports = false;  // "timer" in Supported, or an offer of Session-Expires
  bool callee_supports = false;
  bool caller_offered = false;  // the INVITE that began the call had Session-Expires

  [[nodiscard]] bool runs() const { return interval_s != 0; }
};

// An INVITE or UPDATE of `requester`: what it shows of its support. It agrees on nothing.
void note_request(SessionTimer& timer, const sip::Message& request, Refresher requester);

// The first 2xx to an INVITE or UPDATE of `requester`, seen at `at`. It says what holds from now on; one
// without Session-Expires, or with 0 s, switches the timer off. `uac` is who sent that request, and so is a
// refresher that is not said: a protocol error, which stacks read alike. Whether a timer runs now or ran
// before.
bool agree(SessionTimer& timer, const sip::Message& success, Refresher requester, Instant at);

}  // namespace sipward::dialog
