// INVITEs until somebody answers, or nobody does.
#include "hop.h"
#include "support/catch.h"

using namespace sipward;
using namespace sipward::dialog;

TEST_CASE("an INVITE that is answered is a dialog with what both sides said") {
  Hop hop;
  Conversation call(hop);
  call.invite(1, {"Record-Route: <sip:p2.example;lr>, <sip:p1.example;lr>"});
  hop.wait(seconds(1));
  call.rings();
  hop.wait(seconds(4));
  call.answers(
      "b1", 1,
      {"Record-Route: <sip:p3.example;lr>", "Record-Route: <sip:p2.example;lr>,<sip:p1.example;lr>"});
  hop.wait(milliseconds(20));
  call.acks();
  CHECK(hop.log.take() == Lines{"answered b1"});

  const Dialog dialog = hop.dialog();
  CHECK(dialog.call_id == "call-1");
  CHECK(dialog.request_uri == "sip:00441@switch.example");
  CHECK(dialog.progress.rang == dialog.progress.invited + seconds(1));
  CHECK(dialog.progress.answered == dialog.progress.invited + seconds(5));
  CHECK(dialog.progress.acknowledged == *dialog.progress.answered + milliseconds(20));
  CHECK(dialog.answered_at == Instant(std::chrono::hours(1)) + seconds(5));

  const Party& caller = dialog.party(Side::caller);
  CHECK(caller.seen == endpoint("192.0.2.1"));
  CHECK(caller.reached_port == 5060);
  CHECK(caller.address == "\"Alice\" <sip:alice@a.example>");
  CHECK(caller.tag == "a1");
  CHECK(caller.cseq == 1);
  CHECK(caller.target == "sip:alice@10.0.0.9:5062");
  CHECK(caller.record_route == Lines{"<sip:p2.example;lr>", "<sip:p1.example;lr>"});
  CHECK(caller.agent == "phone");
  CHECK(caller.request_uri == "sip:b1@callee.example");

  const Party& callee = dialog.party(Side::callee);
  CHECK(callee.seen == endpoint("198.51.100.1"));
  CHECK(callee.reached_port == 5060);
  CHECK(callee.address == "<sip:00441@b.example>");
  CHECK(callee.tag == "b1");
  CHECK(callee.cseq == 0);
  CHECK(callee.target == "sip:b1@callee.example");
  CHECK(callee.record_route == Lines{"<sip:p3.example;lr>", "<sip:p2.example;lr>", "<sip:p1.example;lr>"});
  CHECK(callee.agent == "switch");
  CHECK(callee.request_uri.empty());
}

TEST_CASE("copies of INVITE, 2xx and ACK change nothing") {
  Hop hop;
  Conversation call(hop);
  call.is_set_up();
  const Instant answered = hop.dialog().answered_at;
  hop.wait(seconds(3));
  const unsigned changes = hop.log.changes;
  call.invite();
  call.rings();
  call.answers("b1", 1, {"Session-Expires: 90"});
  call.acks();
  CHECK(hop.log.take() == Lines{"answered b1"});
  CHECK(hop.log.changes == changes);
  CHECK(hop.dialogs().size() == 1);
  CHECK(hop.dialog().answered_at == answered);
  CHECK_FALSE(hop.dialog().timer.runs());
}

TEST_CASE("scenario 5: an INVITE that is challenged and sent again is one attempt with the higher CSeq") {
  const unsigned status = GENERATE(401U, 407U, 422U, 302U, 420U);
  Hop hop;
  Conversation call(hop);
  call.invite(1);
  call.fails(status);
  hop.wait(seconds(31));
  CHECK(hop.log.take().empty());
  CHECK(hop.table.counts().early == 1);
  call.invite(2);
  call.fails(status, 1);  // a copy for the first one
  call.answers("b1", 2);
  call.acks("b1", 2);
  CHECK(hop.log.take() == Lines{"answered b1"});
  CHECK(hop.dialog().party(kCaller).cseq == 2);
  CHECK(*hop.dialog().progress.answered - hop.dialog().progress.invited == seconds(31));
  hop.wait(seconds(40));
  CHECK(hop.log.take().empty());
}

TEST_CASE("scenario 5: a challenge that nobody takes up is a refusal after 32 s") {
  Hop hop;
  Conversation call(hop);
  call.invite();
  call.fails(407);
  hop.wait(seconds(20));
  call.fails(407);
  hop.wait(seconds(12) - milliseconds(1));
  CHECK(hop.log.take().empty());
  hop.wait(milliseconds(1));
  CHECK(hop.log.take() == Lines{"attempt refused 407"});
  CHECK(hop.table.counts().early == 0);
}

TEST_CASE("scenario 29: an INVITE with a larger Session-Expires after 422 is one attempt") {
  Hop hop;
  Conversation call(hop);
  call.invite(1, {"Session-Expires: 90", "Supported: timer"});
  call.response(kCaller, 422, "INVITE", 1, "failed", {"Min-SE: 1800"});
  call.request(kCaller, "ACK", 1, "failed");
  call.invite(2, {"Session-Expires: 1800", "Min-SE: 1800", "Supported: timer"});
  call.answers("b1", 2, {"Session-Expires: 1800;refresher=uac"});
  CHECK(hop.log.take() == Lines{"answered b1"});
  CHECK(hop.dialog().timer.interval_s == 1800);
}

TEST_CASE("a final failure ends the attempt at once, and its copies begin nothing") {
  const unsigned status = GENERATE(403U, 404U, 486U, 503U, 603U);
  Hop hop;
  Conversation call(hop);
  call.invite();
  call.rings();
  call.fails(status);
  CHECK(hop.log.take() == Lines{"attempt refused " + std::to_string(status)});
  REQUIRE(hop.log.attempts.size() == 1);
  CHECK(hop.log.attempts[0].progress.rang);
  CHECK_FALSE(hop.log.attempts[0].progress.answered);
  call.request(kCaller, "ACK", 1, "failed");
  call.fails(status);
  call.invite();
  hop.wait(seconds(400));
  CHECK(hop.log.take().empty());
  CHECK(hop.table.counts().early == 0);
  CHECK(hop.table.counts().strays == 0);
}

TEST_CASE("an INVITE with a higher CSeq after a final failure is a new attempt") {
  Hop hop;
  Conversation call(hop);
  call.invite(1);
  call.fails(486);
  call.invite(2);
  CHECK(hop.table.counts().early == 1);
  call.answers("b1", 2);
  CHECK(hop.log.take() == Lines{"attempt refused 486", "answered b1"});
}

TEST_CASE("CANCEL with 487 is a cancelled attempt") {
  Hop hop;
  Conversation call(hop);
  call.invite();
  call.rings();
  call.request(kCaller, "CANCEL", 1, "");
  call.response(kCaller, 200, "CANCEL", 1, "failed");
  CHECK(hop.log.take().empty());
  call.fails(487);
  CHECK(hop.log.take() == Lines{"attempt cancelled 487"});
}

TEST_CASE("a cancelled INVITE without a final response is over after 32 s") {
  Hop hop;
  Conversation call(hop);
  call.invite();
  call.rings();
  call.request(kCaller, "CANCEL", 1, "");
  call.rings();
  hop.wait(seconds(32) - milliseconds(1));
  CHECK(hop.log.take().empty());
  hop.wait(milliseconds(1));
  CHECK(hop.log.take() == Lines{"attempt cancelled 0"});
}

TEST_CASE("a refusal that crosses CANCEL is a refusal, and CANCEL of another INVITE is none of this one") {
  Hop hop;
  Conversation call(hop);
  call.invite(2);
  call.request(kCaller, "CANCEL", 1, "");
  hop.wait(seconds(33));
  CHECK(hop.log.take().empty());
  call.request(kCaller, "CANCEL", 2, "");
  call.fails(486, 2);
  CHECK(hop.log.take() == Lines{"attempt refused 486"});
}

TEST_CASE(
    "scenario 23: a 200 that crosses CANCEL is a confirmed dialog, without an ACK told once after 32 s") {
  Hop hop;
  Conversation call(hop);
  call.invite();
  call.request(kCaller, "CANCEL", 1, "");
  call.answers();
  call.response(kCaller, 200, "CANCEL", 1, "b1");
  CHECK(hop.log.take() == Lines{"answered b1"});
  hop.wait(seconds(32) - milliseconds(1));
  CHECK(hop.log.take().empty());
  hop.wait(milliseconds(1));
  CHECK(hop.log.take() == Lines{"unacknowledged b1"});
  CHECK(hop.dialog().unacknowledged);
  hop.wait(minutes(60));
  CHECK(hop.log.take().empty());
  CHECK(hop.table.counts().confirmed == 1);
}

TEST_CASE("an ACK in the last moment is one") {
  Hop hop;
  Conversation call(hop);
  call.invite();
  call.answers();
  hop.wait(seconds(32) - milliseconds(1));
  call.acks();
  hop.wait(minutes(60));
  CHECK(hop.log.take() == Lines{"answered b1"});
}

TEST_CASE("an INVITE without a final response times out 5 minutes after its last provisional one") {
  Hop hop;
  Conversation call(hop);
  call.invite();
  SECTION("none came") {
    hop.wait(minutes(5) - milliseconds(1));
  }
  SECTION("it rings") {
    hop.wait(minutes(4));
    call.rings();
    hop.wait(minutes(4));
    call.rings("b1", 183);
    hop.wait(minutes(5) - milliseconds(1));
  }
  SECTION("100 comes again and again") {
    call.rings("", 100);
    hop.wait(minutes(4));
    call.rings("", 100);
    hop.wait(minutes(1) - milliseconds(1));
  }
  CHECK(hop.log.take().empty());
  hop.wait(milliseconds(1));
  CHECK(hop.log.take() == Lines{"attempt timed_out 0"});
}

TEST_CASE("a 2xx that a proxy passes on after a failure is followed") {
  Hop hop;
  Conversation call(hop);
  call.invite();
  call.fails(408);
  hop.wait(seconds(32) - milliseconds(1));
  call.answers();
  CHECK(hop.log.take() == Lines{"attempt refused 408", "answered b1"});
}

TEST_CASE("only 180 and 183 are ringing") {
  Hop hop;
  Conversation call(hop);
  call.invite();
  call.rings("b1", 181);
  call.rings("b1", 199);
  CHECK_FALSE(hop.dialog().progress.rang);
  hop.wait(seconds(2));
  call.rings("b1", 183);
  hop.wait(seconds(2));
  call.rings("b1", 180);
  CHECK(hop.dialog().progress.rang == hop.dialog().progress.invited + seconds(2));
}
