// RFC 4028 as one hop shows it.
#include "hop.h"
#include "support/catch.h"

using namespace sipward;
using namespace sipward::dialog;

namespace {

SessionTimer timer_of(const Hop& hop) {
  return hop.dialog().timer;
}

}  // namespace

TEST_CASE("scenario 26: a timer runs by the 2xx, and each refresh moves its end") {
  Hop hop;
  Conversation call(hop);
  call.invite(1, {"Supported: timer"});
  call.answers("b1", 1, {"Session-Expires: 90;refresher=uas"});
  call.acks();
  CHECK(timer_of(hop).interval_s == 90);
  CHECK(timer_of(hop).refresher == Refresher::callee);
  CHECK(timer_of(hop).expires == hop.now.steady + seconds(90));
  CHECK(timer_of(hop).refreshes == 0);
  for (unsigned i = 1; i <= 5; ++i) {
    hop.wait(seconds(45));
    call.exchange(kCallee, i % 2 == 0 ? "INVITE" : "UPDATE", i, 200, {},
                  {"Session-Expires: 90;refresher=uac"});
    CHECK(timer_of(hop).expires == hop.now.steady + seconds(90));
    CHECK(timer_of(hop).refresher == Refresher::callee);
    CHECK(timer_of(hop).refreshes == i);
  }
  CHECK(hop.log.take() ==
        Lines{"answered b1", "refreshed b1", "refreshed b1", "refreshed b1", "refreshed b1", "refreshed b1"});
}

TEST_CASE("what the request offers, or other 2xx say, is no timer") {
  Hop hop;
  Conversation call(hop);
  call.invite(1, {"Session-Expires: 600;refresher=uac", "Supported: timer"});
  call.rings();
  call.response(kCaller, 200, "CANCEL", 1, "b1", {"Session-Expires: 90"});
  call.answers();
  call.acks();
  call.exchange(kCaller, "INFO", 2, 200, {}, {"Session-Expires: 90"});
  CHECK_FALSE(timer_of(hop).runs());
  CHECK(timer_of(hop).caller_supports);
  CHECK(timer_of(hop).caller_offered);
  CHECK_FALSE(timer_of(hop).callee_supports);
}

TEST_CASE("scenario 27: uac and uas are the sides of that transaction, and an unsaid refresher is uac") {
  const Side requester = GENERATE(kCaller, kCallee);
  const auto [parameter, by_requester] =
      GENERATE(table<std::string, bool>({{";refresher=uac", true}, {";refresher=uas", false}, {"", true}}));
  Hop hop;
  Conversation call(hop);
  call.is_set_up();
  call.exchange(requester, "INVITE", 2, 200, {}, {"Session-Expires: 1800" + parameter});
  const bool is_caller = (requester == kCaller) == by_requester;
  CHECK(timer_of(hop).refresher == (is_caller ? Refresher::caller : Refresher::callee));
}

TEST_CASE(
    "scenario 28: a 2xx to a refresh without Session-Expires stops the timer, and the next begins one") {
  const Lines none = GENERATE(Lines{}, Lines{"Session-Expires: 0"});
  Hop hop;
  Conversation call(hop);
  call.invite();
  call.answers("b1", 1, {"Session-Expires: 90"});
  call.acks();
  (void)hop.log.take();
  call.exchange(kCaller, "UPDATE", 2, 200, {}, none);
  CHECK_FALSE(timer_of(hop).runs());
  CHECK(hop.log.take() == Lines{"refreshed b1"});
  call.exchange(kCaller, "UPDATE", 3, 200, {}, none);
  CHECK(hop.log.take().empty());
  call.exchange(kCaller, "UPDATE", 4, 200, {}, {"x: 120"});
  CHECK(timer_of(hop).interval_s == 120);
  CHECK(hop.log.take() == Lines{"refreshed b1"});
}

TEST_CASE("copies of a 2xx and failed refreshes do not move the end of the session") {
  Hop hop;
  Conversation call(hop);
  const Lines agreed{"Session-Expires: 90;refresher=uac"};
  call.invite();
  call.answers("b1", 1, agreed);
  call.acks();
  hop.wait(seconds(10));
  call.answers("b1", 1, agreed);
  CHECK(timer_of(hop).expires == hop.now.steady + seconds(80));
  call.exchange(kCaller, "UPDATE", 2, 200, {}, agreed);
  const Instant expires = timer_of(hop).expires;
  CHECK(expires == hop.now.steady + seconds(90));
  hop.wait(seconds(10));
  call.request(kCaller, "UPDATE", 2, "b1");
  call.response(kCaller, 200, "UPDATE", 2, "b1", agreed);
  call.exchange(kCaller, "INVITE", 3, 491, {}, agreed);
  call.exchange(kCaller, "INVITE", 4, 500, {}, agreed);
  call.exchange(kCaller, "UPDATE", 5, 422, {}, agreed);
  CHECK(timer_of(hop).expires == expires);
  CHECK(timer_of(hop).refreshes == 1);
}

TEST_CASE("scenario 30: compact names, folded lines, odd blanks and letter case are read") {
  Hop hop;
  const Endpoint caller = endpoint("2001:db8::1", 5062);
  const Endpoint callee = endpoint("2001:db8::2");
  hop.see(
      "INVITE sip:00441@[2001:db8::2] SIP/2.0\r\n"
      "v: SIP/2.0/UDP [2001:db8::1]:5062;branch=z9hG4bK1\r\n"
      "f: \"Alice\r\n  B.\" <sip:alice@a.example>;x=1\r\n ;TAG = a1\r\n"
      "t: <sip:00441@b.example>\r\ni: abc\r\nCSEQ:  1\r\n INVITE\r\n"
      "m: <sip:alice@[2001:db8::1]:5062\r\n ;ob>;expires=60\r\nk: 100rel\r\nk: Timer\r\nl: 0\r\n\r\n",
      caller, callee);
  hop.see(
      "SIP/2.0 200 OK\r\n"
      "v: SIP/2.0/UDP [2001:db8::1]:5062;branch=z9hG4bK1\r\n"
      "f: \"Alice B.\" <sip:alice@a.example>;tag=a1\r\n"
      "T:<sip:00441@b.example>;Tag=b1\r\nI:abc\r\ncseq:1 INVITE\r\n"
      "M: <sip:b@[2001:db8::2]>\r\nSession-Expires\t:  90 ;\r\n refresher = UAC\r\nl:0\r\n\r\n",
      callee, caller);
  REQUIRE(hop.log.take() == Lines{"answered b1"});
  const Dialog dialog = hop.dialog();
  CHECK(dialog.call_id == "abc");
  CHECK(dialog.party(kCaller).address == "\"Alice B.\" <sip:alice@a.example>");
  CHECK(dialog.party(kCaller).target == "sip:alice@[2001:db8::1]:5062;ob");
  CHECK(dialog.party(kCallee).target == "sip:b@[2001:db8::2]");
  CHECK(dialog.timer.interval_s == 90);
  CHECK(dialog.timer.refresher == Refresher::caller);
  CHECK(dialog.timer.caller_supports);
}

TEST_CASE("who supports timers is learned from Supported, an offer, or a refresher that took it on") {
  Hop hop;
  Conversation call(hop);
  call.invite();
  call.answers("b1", 1, {"Require: timer", "Session-Expires: 90;refresher=uac"});
  call.acks();
  CHECK_FALSE(timer_of(hop).caller_supports);
  CHECK_FALSE(timer_of(hop).callee_supports);
  SECTION("Supported in the 2xx") {
    call.exchange(kCaller, "UPDATE", 2, 200, {}, {"Supported: timer"});
  }
  SECTION("refresher in the 2xx") {
    call.exchange(kCaller, "UPDATE", 2, 200, {}, {"Session-Expires: 90;refresher=uas"});
  }
  SECTION("an offer of its own") {
    call.exchange(kCallee, "UPDATE", 2, 500, {"Session-Expires: 90"});
  }
  CHECK(timer_of(hop).callee_supports);
  CHECK_FALSE(timer_of(hop).caller_supports);
}
