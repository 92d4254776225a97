// A call between two sides, as a tracker has it at the 200 OK.
#pragma once

#include <chrono>
#include <string>

#include "dialog/dialog.h"
#include "unit/base/nets.h"

namespace sipward::test {

inline constexpr Instant kAnswered{std::chrono::hours(100)};

// Answered at kAnswered (kNow on the calendar), 7 s after its INVITE; no session timer.
inline dialog::Dialog call(const std::string& from = "<sip:1000@pbx.example>",
                           const std::string& request_uri = "sip:4930123456@192.0.2.1") {
  using std::chrono::seconds;
  dialog::Dialog made;
  made.call_id = "a84b4c76e66710@pc33.example";
  made.request_uri = request_uri;
  made.party(dialog::Side::caller).seen = {address("198.51.100.7"), 5062};
  made.party(dialog::Side::caller).address = from;
  made.party(dialog::Side::caller).tag = "1928301774";
  made.party(dialog::Side::caller).agent = "Phone 1.0";
  made.party(dialog::Side::callee).seen = {address("192.0.2.1"), 5060};
  made.party(dialog::Side::callee).address = "\"Bob\" <sip:4930123456@192.0.2.1>";
  made.party(dialog::Side::callee).tag = "a6c85cf";
  made.party(dialog::Side::callee).agent = "Switch 2.0";
  made.progress = {.invited = in(-seconds(7)),
                   .rang = in(-seconds(5)),
                   .answered = kNow,
                   .acknowledged = in(std::chrono::milliseconds(40))};
  made.answered_at = kAnswered;
  return made;
}

// A session timer as a 2xx agrees on it, or a refresh of it.
inline void agree(dialog::Dialog& call, std::uint32_t interval_s, Instant now) {
  call.timer.interval_s = interval_s;
  call.timer.expires = now + std::chrono::seconds(interval_s);
}

}  // namespace sipward::test
