// Requests within a dialog: CSeq, targets, ways and addresses.
#include "dialog/dialog_records.h"
#include "hop.h"
#include "support/catch.h"

using namespace sipward;
using namespace sipward::dialog;

TEST_CASE("scenario 6: PRACK and UPDATE in an early dialog count for the CSeq of their side") {
  Hop hop;
  Conversation call(hop);
  call.invite();
  call.rings("b1", 183);
  call.exchange(kCaller, "PRACK", 2);
  call.exchange(kCaller, "UPDATE", 3);
  call.exchange(kCallee, "UPDATE", 500);
  call.answers();
  call.acks();
  CHECK(hop.dialog().party(kCaller).cseq == 3);
  CHECK(hop.dialog().party(kCallee).cseq == 500);
}

TEST_CASE("scenario 7: a callee's CSeq begins where it likes") {
  Hop hop;
  Conversation call(hop);
  call.is_set_up();
  call.exchange(kCallee, "INFO", 90287934);
  CHECK(hop.dialog().party(kCallee).cseq == 90287934);
  CHECK(hop.dialog().party(kCaller).cseq == 1);
}

TEST_CASE("every method but ACK and CANCEL counts for the highest CSeq, also when it is refused") {
  Hop hop;
  Conversation call(hop);
  call.is_set_up();
  std::uint32_t cseq = 1;
  for (const char* const method :
       {"INVITE", "UPDATE", "INFO", "OPTIONS", "REFER", "NOTIFY", "MESSAGE", "PRACK"}) {
    call.exchange(kCaller, method, ++cseq, 500);
    CHECK(hop.dialog().party(kCaller).cseq == cseq);
  }
  call.request(kCaller, "ACK", 50, "b1");
  call.request(kCaller, "CANCEL", 50, "b1");
  CHECK(hop.dialog().party(kCaller).cseq == cseq);
  call.exchange(kCaller, "INFO", 3);
  CHECK(hop.dialog().party(kCaller).cseq == cseq);
}

TEST_CASE("a CSeq of 2^31 is none") {
  Hop hop;
  Conversation call(hop);
  call.is_set_up();
  call.exchange(kCaller, "INFO", 0x7fffffff);
  CHECK(hop.dialog().party(kCaller).cseq == 0x7fffffff);
  call.exchange(kCallee, "INFO", 0x80000000);
  CHECK(hop.dialog().party(kCallee).cseq == 0);
}

TEST_CASE("numbers are new once, also when another overtook them") {
  SeenNumbers numbers;
  std::uint32_t highest = 0;
  CHECK(numbers.take(highest, 0));
  CHECK_FALSE(numbers.take(highest, 0));
  CHECK(numbers.take(highest, 40));
  CHECK(highest == 40);
  CHECK(numbers.take(highest, 39));
  CHECK_FALSE(numbers.take(highest, 39));
  CHECK(numbers.take(highest, 9));
  CHECK_FALSE(numbers.take(highest, 8));  // 32 below: too old to tell
  CHECK(highest == 40);
  numbers.take_all();
  CHECK_FALSE(numbers.take(highest, 38));
  CHECK(numbers.take(highest, 41));
}

TEST_CASE("scenario 20: a re-INVITE and its 2xx set the targets of both sides") {
  Hop hop;
  Conversation call(hop);
  call.is_set_up();
  const Lines request{"Contact: <sip:new-a@10.1.1.1>"};
  const Lines response{"Contact: <sip:new-b@10.2.2.2>"};
  SECTION("accepted") {
    call.request(kCaller, "INVITE", 2, "b1", request);
    CHECK(hop.dialog().party(kCaller).target == "sip:alice@10.0.0.9:5062");
    call.response(kCaller, 200, "INVITE", 2, "b1", response);
    CHECK(hop.dialog().party(kCaller).target == "sip:new-a@10.1.1.1");
    CHECK(hop.dialog().party(kCallee).target == "sip:new-b@10.2.2.2");
    CHECK(hop.dialog().party(kCaller).request_uri.empty());  // it went to the old one
  }
  SECTION("by the callee") {
    call.exchange(kCallee, "INVITE", 2, 200, response, request);
    CHECK(hop.dialog().party(kCaller).target == "sip:new-a@10.1.1.1");
    CHECK(hop.dialog().party(kCallee).target == "sip:new-b@10.2.2.2");
  }
  SECTION("refused") {
    const unsigned status = GENERATE(488U, 491U, 500U);
    call.exchange(kCaller, "INVITE", 2, status, request, response);
    call.response(kCaller, 200, "INVITE", 2, "b1", response);
    CHECK(hop.dialog().party(kCaller).target == "sip:alice@10.0.0.9:5062");
    CHECK(hop.dialog().party(kCallee).target == "sip:b1@callee.example");
  }
  CHECK(hop.log.take() == Lines{"answered b1"});
}

TEST_CASE("scenario 21: UPDATE sets targets, in an early dialog too") {
  Hop hop;
  Conversation call(hop);
  call.invite();
  call.rings();
  call.exchange(kCaller, "UPDATE", 2, 200, {"Contact: <sip:early@10.1.1.1>"},
                {"Contact: <sip:ringing@10.2.2.2>"});
  call.response(kCaller, 200, "INVITE", 1, "b1");
  call.acks();
  CHECK(hop.dialog().party(kCaller).target == "sip:early@10.1.1.1");
  CHECK(hop.dialog().party(kCallee).target == "sip:ringing@10.2.2.2");
  call.exchange(kCallee, "UPDATE", 7, 200, {"Contact: <sip:new-b@10.2.2.2>"},
                {"Contact: <sip:new-a@10.1.1.1>"});
  CHECK(hop.dialog().party(kCaller).target == "sip:new-a@10.1.1.1");
  CHECK(hop.dialog().party(kCallee).target == "sip:new-b@10.2.2.2");
}

TEST_CASE("an INFO with a Contact moves no target") {
  Hop hop;
  Conversation call(hop);
  call.is_set_up();
  call.exchange(kCaller, "INFO", 2, 200, {"Contact: <sip:x@10.1.1.1>"}, {"Contact: <sip:y@10.1.1.1>"});
  CHECK(hop.dialog().party(kCaller).target == "sip:alice@10.0.0.9:5062");
  CHECK(hop.dialog().party(kCallee).target == "sip:b1@callee.example");
}

TEST_CASE("the way of each side is that of its last accepted request, of the caller first its ACK") {
  Hop hop;
  Conversation call(hop);
  call.invite();
  call.answers();
  CHECK(hop.dialog().party(kCaller).request_uri.empty());
  call.request(kCaller, "ACK", 1, "b1", {"Route: <sip:p1.example;lr>,<sip:p2.example;lr>"});
  CHECK(hop.dialog().party(kCaller).request_uri == "sip:00441@switch.example");
  CHECK(hop.dialog().party(kCaller).route == Lines{"<sip:p1.example;lr>", "<sip:p2.example;lr>"});

  call.uri_of_caller = "sip:alice@moved.example";
  call.exchange(kCallee, "INFO", 1, 500, {"Route: <sip:p3.example;lr>"});
  CHECK(hop.dialog().party(kCallee).request_uri.empty());
  call.exchange(kCallee, "INFO", 2, 200, {"Route: <sip:p3.example;lr>"});
  CHECK(hop.dialog().party(kCallee).request_uri == "sip:alice@moved.example");
  CHECK(hop.dialog().party(kCallee).route == Lines{"<sip:p3.example;lr>"});
}

TEST_CASE("an ACK of a refused re-INVITE is no way") {
  Hop hop;
  Conversation call(hop);
  call.is_set_up();
  call.uri_of_callee = "sip:other@switch.example";
  call.exchange(kCaller, "INVITE", 2, 488);
  call.request(kCaller, "ACK", 2, "b1");
  CHECK(hop.dialog().party(kCaller).request_uri == "sip:b1@callee.example");
  call.exchange(kCaller, "INVITE", 3, 200);
  call.request(kCaller, "ACK", 3, "b1", {"Route: <sip:p1.example;lr>"});
  CHECK(hop.dialog().party(kCaller).request_uri == "sip:other@switch.example");
  CHECK(hop.dialog().party(kCaller).route.size() == 1);
}

TEST_CASE("scenario 18: the observed address counts, whatever Contact says") {
  Hop hop;
  Conversation call(hop);
  call.caller = endpoint("203.0.113.9", 31234);
  call.is_set_up();
  CHECK(hop.dialog().party(kCaller).seen == endpoint("203.0.113.9", 31234));
  CHECK(hop.dialog().party(kCaller).target == "sip:alice@10.0.0.9:5062");
}

TEST_CASE("scenario 19: a new source port counts once a 2xx was sent to it") {
  Hop hop;
  Conversation call(hop);
  call.caller = endpoint("203.0.113.9", 31234);
  call.is_set_up();
  const auto seen_port = [&] { return hop.dialog().party(kCaller).seen.port; };
  Conversation moved = call;
  moved.caller.port = 40000;
  SECTION("accepted") {
    moved.request(kCaller, "INVITE", 2, "b1");
    CHECK(seen_port() == 31234);
    moved.response(kCaller, 100, "INVITE", 2, "b1");
    CHECK(seen_port() == 31234);
    moved.response(kCaller, 200, "INVITE", 2, "b1");
    CHECK(seen_port() == 40000);
    CHECK(hop.dialog().party(kCaller).reached_port == 40000);
  }
  SECTION("refused") {
    moved.exchange(kCaller, "INVITE", 2, 403);
    CHECK(seen_port() == 31234);
  }
  SECTION("answered to the old port") {
    moved.request(kCaller, "INVITE", 2, "b1");
    call.response(kCaller, 200, "INVITE", 2, "b1");
    CHECK(seen_port() == 31234);
  }
  SECTION("the request's copy came from there, and so did the answer go there") {
    call.request(kCaller, "INVITE", 2, "b1");
    moved.request(kCaller, "INVITE", 2, "b1");
    moved.response(kCaller, 200, "INVITE", 2, "b1");
    CHECK(seen_port() == 40000);
  }
  SECTION("with any method") {
    moved.exchange(kCaller, "OPTIONS", 2);
    CHECK(seen_port() == 40000);
  }
}

TEST_CASE("where a side listens is kept when it sends from another port") {
  Hop hop;
  hop.transport = Transport::tcp;
  Conversation call(hop);
  call.caller.port = 33333;
  call.is_set_up();
  CHECK(hop.dialog().transport == Transport::tcp);
  Conversation back = call;  // a connection of the switch's own
  back.callee.port = 44444;
  back.caller.port = 5060;
  back.exchange(kCallee, "INFO", 1);
  CHECK(hop.dialog().party(kCallee).seen.port == 44444);
  CHECK(hop.dialog().party(kCallee).reached_port == 5060);
  CHECK(hop.dialog().party(kCaller).seen.port == 33333);
  CHECK(hop.dialog().party(kCaller).reached_port == 5060);
}

TEST_CASE("a request that is told to be unknown ends the dialog, but OPTIONS and those of subscriptions") {
  const unsigned status = GENERATE(481U, 408U);
  for (const char* const method : {"INVITE", "UPDATE", "INFO", "PRACK"}) {
    Hop hop;
    Conversation call(hop);
    call.is_set_up();
    (void)hop.log.take();
    call.exchange(kCallee, method, 5, status);
    CHECK(hop.log.take() == Lines{"ended b1 gone"});
    CHECK(hop.table.counts().confirmed == 0);
  }
  for (const char* const method : {"OPTIONS", "NOTIFY", "REFER", "MESSAGE", "SUBSCRIBE"}) {
    Hop hop;
    Conversation call(hop);
    call.is_set_up();
    (void)hop.log.take();
    call.exchange(kCallee, method, 5, status);
    CHECK(hop.log.take().empty());
    CHECK(hop.table.counts().confirmed == 1);
  }
}

TEST_CASE("a 481 to a request that nobody sent ends nothing") {
  Hop hop;
  Conversation call(hop);
  call.is_set_up();
  call.response(kCaller, 481, "INFO", 5, "b1");
  CHECK(hop.log.take() == Lines{"answered b1"});
}
