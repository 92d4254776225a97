// How calls end.
#include "hop.h"
#include "support/catch.h"

using namespace sipward;
using namespace sipward::dialog;

TEST_CASE("scenario 2: BYE and its 200 end the call, and nothing is told of it later") {
  const Side side = GENERATE(kCaller, kCallee);
  const unsigned status = GENERATE(200U, 481U);
  Hop hop;
  Conversation call(hop);
  call.is_set_up();
  (void)hop.log.take();
  call.request(side, "BYE", 2, "b1");
  const std::string whose = side == kCaller ? "caller's" : "callee's";
  CHECK(hop.log.take() == Lines{whose + " bye b1"});
  call.response(side, status, "BYE", 2, "b1");
  CHECK(hop.log.take() == Lines{"ended b1 bye"});
  CHECK(hop.table.counts().confirmed == 0);
  call.exchange(side, "BYE", 2);
  call.answers();
  call.acks();
  call.invite();
  hop.wait(minutes(10));
  CHECK(hop.log.take().empty());
  CHECK(hop.dialogs().empty());
}

TEST_CASE("scenario 3: BYE of both sides is told once for each, and one end") {
  Hop hop;
  Conversation call(hop);
  call.is_set_up();
  (void)hop.log.take();
  call.request(kCaller, "BYE", 2, "b1");
  call.request(kCallee, "BYE", 1, "b1");
  call.request(kCaller, "BYE", 2, "b1");
  CHECK(hop.log.take() == Lines{"caller's bye b1", "callee's bye b1"});
  CHECK(hop.dialog().bye_seen == std::array{true, true});
  call.response(kCallee, 200, "BYE", 1, "b1");
  call.response(kCaller, 200, "BYE", 2, "b1");
  CHECK(hop.log.take() == Lines{"ended b1 bye"});
}

TEST_CASE("scenario 4: a BYE that nobody answers ends the call 32 s after its first copy") {
  Hop hop;
  Conversation call(hop);
  call.is_set_up();
  (void)hop.log.take();
  call.request(kCallee, "BYE", 1, "b1");
  hop.wait(seconds(20));
  call.request(kCallee, "BYE", 1, "b1");
  SECTION("no response at all") {}
  SECTION("100") {
    call.response(kCallee, 100, "BYE", 1, "b1");
  }
  SECTION("408 of a proxy") {
    call.response(kCallee, 408, "BYE", 1, "b1");
  }
  hop.wait(seconds(12) - milliseconds(1));
  CHECK(hop.log.take() == Lines{"callee's bye b1"});
  hop.wait(milliseconds(1));
  CHECK(hop.log.take() == Lines{"ended b1 bye"});
}

TEST_CASE("scenario 4: the BYE of the other side, or another one, does not put off the end") {
  Hop hop;
  Conversation call(hop);
  call.is_set_up();
  call.request(kCaller, "BYE", 2, "b1");
  hop.wait(seconds(20));
  call.request(kCallee, "BYE", 1, "b1");
  call.request(kCaller, "BYE", 3, "b1");
  hop.wait(seconds(12));
  CHECK(hop.log.take() == Lines{"answered b1", "caller's bye b1", "callee's bye b1", "ended b1 bye"});
}

TEST_CASE("a call that ended is known for 32 s") {
  const seconds length = GENERATE(seconds(1), seconds(100));
  Hop hop;
  Conversation call(hop);
  call.is_set_up();
  hop.wait(length);
  call.exchange(kCaller, "BYE", 2);
  hop.wait(seconds(32) - milliseconds(1));
  call.invite();
  CHECK(hop.table.counts().early == 0);
  hop.wait(milliseconds(1));
  call.invite();
  CHECK(hop.table.counts().early == 1);
}

TEST_CASE("a call whose BYE is challenged or fails lives on") {
  const unsigned status = GENERATE(401U, 407U, 403U, 500U);
  Hop hop;
  Conversation call(hop);
  call.is_set_up();
  (void)hop.log.take();
  call.exchange(kCaller, "BYE", 2, status);
  hop.wait(minutes(10));
  CHECK(hop.log.take() == Lines{"caller's bye b1"});
  CHECK(hop.dialog().bye_status == std::array<std::uint16_t, 2>{static_cast<std::uint16_t>(status), 0});
  call.request(kCaller, "BYE", 3, "b1");
  CHECK(hop.log.take().empty());
  SECTION("until the next is answered") {
    call.response(kCaller, 200, "BYE", 3, "b1");
  }
  SECTION("or not") {
    hop.wait(seconds(32));
  }
  CHECK(hop.log.take() == Lines{"ended b1 bye"});
}

TEST_CASE("a challenged BYE without an ACK before it does not hide that there was none") {
  Hop hop;
  Conversation call(hop);
  call.invite();
  call.answers();
  call.exchange(kCaller, "BYE", 2, 401);
  hop.wait(seconds(32));
  CHECK(hop.log.take() == Lines{"answered b1", "caller's bye b1", "unacknowledged b1"});
}

TEST_CASE("an ACK does not keep a call whose BYE is not answered") {
  Hop hop;
  Conversation call(hop);
  call.invite();
  call.answers();
  call.request(kCaller, "BYE", 2, "b1");
  call.acks();
  hop.wait(seconds(32));
  CHECK(hop.log.take() == Lines{"answered b1", "caller's bye b1", "ended b1 bye"});
}

TEST_CASE("a BYE that overtakes the 200 of its INVITE is told after it") {
  Hop hop;
  Conversation call(hop);
  call.invite();
  call.rings();
  call.request(kCaller, "BYE", 2, "b1");
  CHECK(hop.log.take().empty());
  call.answers();
  CHECK(hop.log.take() == Lines{"answered b1", "caller's bye b1"});
  call.response(kCaller, 200, "BYE", 2, "b1");
  CHECK(hop.log.take() == Lines{"ended b1 bye"});
}

TEST_CASE("a BYE within an early dialog ends that, and 487 the attempt") {
  Hop hop;
  Conversation call(hop);
  call.invite();
  call.rings();
  call.exchange(kCaller, "BYE", 2);
  CHECK(hop.log.take().empty());
  call.fails(487);
  CHECK(hop.log.take() == Lines{"attempt cancelled 487"});
}

TEST_CASE("a dropped call is told and forgotten") {
  Hop hop;
  Conversation call(hop);
  call.is_set_up();
  (void)hop.log.take();
  const Dialog dialog = hop.dialog();
  hop.table.drop(dialog);
  hop.table.drop(dialog);
  CHECK(hop.log.take() == Lines{"ended b1 dropped"});
  CHECK(hop.table.counts().confirmed == 0);
  call.answers();
  call.exchange(kCaller, "BYE", 2);
  CHECK(hop.log.take().empty());
}
