// Several callees of one INVITE, and several hops of one call.
#include "hop.h"
#include "support/catch.h"

using namespace sipward;
using namespace sipward::dialog;

TEST_CASE("scenario 22: two 2xx with different To tags are two dialogs, each with its own end") {
  Hop hop;
  Conversation call(hop);
  call.invite();
  call.rings("b1");
  call.rings("b2");
  CHECK(hop.table.counts().early == 1);
  call.answers("b1");
  hop.wait(seconds(2));
  call.answers("b2");
  call.acks("b1");
  call.acks("b2");
  CHECK(hop.log.take() == Lines{"answered b1", "answered b2"});
  const std::vector<Dialog> both = hop.dialogs();
  REQUIRE(both.size() == 2);
  CHECK(both[1].answered_at - both[0].answered_at == seconds(2));
  CHECK(both[0].party(Side::callee).target == "sip:b1@callee.example");
  CHECK(both[1].party(Side::callee).target == "sip:b2@callee.example");

  call.request(Side::caller, "BYE", 2, "b2");
  call.response(Side::caller, 200, "BYE", 2, "b2");
  CHECK(hop.log.take() == Lines{"caller's bye b2", "ended b2 bye"});
  CHECK(hop.dialog().party(Side::callee).tag == "b1");
  CHECK(hop.dialog().party(Side::caller).cseq == 1);
}

TEST_CASE("another branch can answer until 32 s after the first 2xx") {
  Hop hop;
  Conversation call(hop);
  call.invite();
  call.rings("b2");
  call.answers("b1");
  call.acks("b1");
  hop.wait(seconds(31));
  CHECK(hop.log.take() == Lines{"answered b1"});
  SECTION("in time") {
    call.answers("b2");
    CHECK(hop.log.take() == Lines{"answered b2"});
  }
  SECTION("too late") {
    hop.wait(seconds(1));
    call.answers("b2");
    CHECK(hop.log.take().empty());
    CHECK(hop.table.counts().strays == 1);
  }
}

TEST_CASE("a branch that hangs up leaves the others") {
  Hop hop;
  Conversation call(hop);
  call.invite();
  call.answers("b1");
  call.request(Side::caller, "BYE", 2, "b1");
  call.response(Side::caller, 200, "BYE", 2, "b1");
  call.answers("b2");
  call.answers("b1");
  CHECK(hop.log.take() == Lines{"answered b1", "caller's bye b1", "ended b1 bye", "answered b2"});
}

TEST_CASE("a proxy's branches to two phones behind one address: one may refuse, and the other answer") {
  Hop hop;
  Conversation first(hop);
  Conversation second(hop);
  second.branch_suffix = "b";
  second.callee.port = 2222;
  first.invite();
  second.invite();
  second.rings("b2");
  first.fails(486);
  hop.wait(seconds(120));
  CHECK(hop.log.take().empty());
  second.answers("b2");
  second.acks("b2");
  CHECK(hop.log.take() == Lines{"answered b2"});
  CHECK(hop.dialog().party(Side::callee).seen.port == 2222);
  CHECK(hop.dialog().party(Side::callee).reached_port == 2222);
}

TEST_CASE("a proxy's branches end the attempt when the last of them failed") {
  Hop hop;
  Conversation first(hop);
  Conversation second(hop);
  second.branch_suffix = "b";
  first.invite();
  second.invite();
  first.request(Side::caller, "CANCEL", 1, "");
  hop.wait(seconds(40));
  CHECK(hop.log.take().empty());
  second.fails(486);
  second.fails(486);
  CHECK(hop.log.take().empty());
  first.fails(487);
  CHECK(hop.log.take() == Lines{"attempt cancelled 487"});
}

TEST_CASE("a proxy that tries one after the other over the same hop") {
  const unsigned status = GENERATE(486U, 407U);
  Hop hop;
  Conversation first(hop);
  Conversation second(hop);
  second.branch_suffix = "b";
  first.invite();
  first.fails(status);
  second.invite();
  first.invite();
  CHECK(hop.table.counts().early == 1);
  hop.wait(seconds(60));
  second.answers("b2");
  const Lines told = status == 407 ? Lines{"answered b2"} : Lines{"attempt refused 486", "answered b2"};
  CHECK(hop.log.take() == told);
}

TEST_CASE("a callee that answers from another port than it listens on") {
  Hop hop;
  Conversation call(hop);
  call.invite();
  call.callee.port = 7777;
  call.answers();
  CHECK(hop.dialog().party(Side::callee).seen.port == 7777);
  CHECK(hop.dialog().party(Side::callee).reached_port == 5060);
}

TEST_CASE("more branches than are followed are counted") {
  Hop hop;
  Conversation call(hop);
  call.invite();
  for (int i = 0; i < 40; ++i) call.rings("early" + std::to_string(i));
  for (int i = 0; i < 17; ++i) call.answers("b" + std::to_string(i));
  CHECK(hop.table.counts().confirmed == 16);
  CHECK(hop.table.counts().confirmed_refused == 1);
  CHECK(hop.log.take().size() == 16);
}

TEST_CASE(
    "scenario 24: the same Call-ID on two hops of a proxy is two records that do not touch each other") {
  Hop hop;
  Conversation first(hop);
  Conversation second(hop);
  second.caller = endpoint("198.51.100.1");
  second.callee = endpoint("203.0.113.7");
  SECTION("to another host") {}
  SECTION("hairpin: back to where it came from") {
    second.callee = first.caller;
  }
  first.invite();
  second.invite();
  CHECK(hop.table.counts().early == 2);
  second.answers();
  first.answers();
  first.acks();
  second.acks();
  CHECK(hop.log.take() == Lines{"answered b1", "answered b1"});

  second.exchange(Side::callee, "INFO", 70);
  for (const Dialog& dialog : hop.dialogs()) {
    const bool is_second = dialog.party(Side::caller).seen == second.caller;
    CHECK(dialog.party(Side::callee).cseq == (is_second ? 70 : 0));
  }
  first.exchange(Side::caller, "BYE", 2);
  CHECK(hop.log.take() == Lines{"caller's bye b1", "ended b1 bye"});
  REQUIRE(hop.table.counts().confirmed == 1);
  CHECK(hop.dialog().party(Side::caller).seen == second.caller);
}

TEST_CASE("scenario 46: packets of other addresses with a known Call-ID change nothing") {
  Hop hop;
  Conversation call(hop);
  call.is_set_up();
  (void)hop.log.take();
  const unsigned changes = hop.log.changes;
  Conversation forged(hop);
  SECTION("from another source") {
    forged.caller = endpoint("203.0.113.66");
  }
  SECTION("to another destination") {
    forged.callee = endpoint("203.0.113.66");
  }
  forged.exchange(Side::caller, "INVITE", 9, 200, {"Contact: <sip:evil@203.0.113.66>"},
                  {"Session-Expires: 90"});
  forged.exchange(Side::caller, "BYE", 10);
  forged.exchange(Side::callee, "BYE", 10);
  forged.answers("b1");
  CHECK(hop.log.take().empty());
  CHECK(hop.log.changes == changes);
  CHECK(hop.dialog().party(Side::caller).cseq == 1);
  CHECK(hop.table.counts().strays == 7);
}

TEST_CASE("scenario 46: a request that no 2xx accepts changes neither targets nor the way nor the address") {
  Hop hop;
  Conversation call(hop);
  call.is_set_up();
  const Dialog before = hop.dialog();
  Conversation forged(hop);
  forged.caller = endpoint("192.0.2.1", 6666);
  forged.uri_of_callee = "sip:evil@switch.example";
  forged.request(Side::caller, "INVITE", 2, "b1", {"Contact: <sip:evil@203.0.113.66>"});
  forged.request(Side::caller, "ACK", 2, "b1");
  hop.wait(minutes(10));
  const Dialog after = hop.dialog();
  CHECK(after.party(Side::caller).target == before.party(Side::caller).target);
  CHECK(after.party(Side::caller).seen == before.party(Side::caller).seen);
  CHECK(after.party(Side::caller).request_uri == before.party(Side::caller).request_uri);
}

TEST_CASE("the same Call-ID with another From tag is another call") {
  Hop hop;
  Conversation one(hop);
  Conversation two(hop);
  two.caller_tag = "a2";
  one.invite();
  two.invite();
  CHECK(hop.table.counts().early == 2);
  two.answers();
  CHECK(hop.table.counts().early == 1);
  CHECK(hop.table.counts().confirmed == 1);
}
