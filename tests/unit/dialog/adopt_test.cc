// Dialogs that were stored.
#include "hop.h"
#include "support/catch.h"

using namespace sipward;
using namespace sipward::dialog;

namespace {

// As another table followed it, `age` ago.
Dialog stored(seconds age = seconds(100)) {
  Hop before;
  before.now.steady -= age;
  Conversation call(before);
  call.is_set_up();
  call.exchange(Side::caller, "INFO", 20);
  call.exchange(Side::callee, "INFO", 90);
  return before.dialog();
}

}  // namespace

TEST_CASE("an adopted dialog goes on as it was") {
  Hop hop;
  const Dialog dialog = stored();
  REQUIRE(hop.table.adopt(dialog, hop.now));
  CHECK(hop.log.take().empty());
  CHECK(hop.dialog().answered_at == hop.now.steady - seconds(100));
  CHECK(hop.dialog().party(Side::caller).cseq == 20);
  Conversation call(hop);
  call.invite();
  call.answers("b1", 1, {"Session-Expires: 90"});
  call.acks();
  call.exchange(Side::caller, "INFO", 20, 481);
  hop.wait(minutes(10));
  CHECK(hop.log.take().empty());
  CHECK_FALSE(hop.dialog().timer.runs());
  call.exchange(Side::callee, "UPDATE", 91, 200, {}, {"Session-Expires: 90"});
  CHECK(hop.dialog().party(Side::callee).cseq == 91);
  call.exchange(Side::caller, "BYE", 21);
  CHECK(hop.log.take() == Lines{"refreshed b1", "caller's bye b1", "ended b1 bye"});
}

TEST_CASE("a dialog is adopted once, and while there is room") {
  Hop hop({.early_max = 1, .confirmed_max = 2});
  Dialog dialog = stored();
  CHECK(hop.table.adopt(dialog, hop.now));
  CHECK_FALSE(hop.table.adopt(dialog, hop.now));
  dialog.party(Side::callee).tag = "b2";
  CHECK(hop.table.adopt(dialog, hop.now));
  dialog.party(Side::callee).tag = "b3";
  CHECK_FALSE(hop.table.adopt(dialog, hop.now));
  CHECK(hop.table.counts().confirmed == 2);
}

TEST_CASE("an adopted dialog waits anew for what it waited for") {
  Hop hop;
  Dialog dialog = stored();
  SECTION("the answer to a BYE") {
    dialog.bye_seen[1] = true;
    REQUIRE(hop.table.adopt(dialog, hop.now));
    hop.wait(seconds(32) - milliseconds(1));
    CHECK(hop.log.take().empty());
    hop.wait(milliseconds(1));
    CHECK(hop.log.take() == Lines{"ended b1 bye"});
  }
  SECTION("not for one that was refused") {
    dialog.bye_seen[1] = true;
    dialog.bye_status[1] = 407;
    REQUIRE(hop.table.adopt(dialog, hop.now));
    hop.wait(minutes(10));
    CHECK(hop.log.take().empty());
  }
  SECTION("an ACK") {
    dialog.progress.acknowledged.reset();
    REQUIRE(hop.table.adopt(dialog, hop.now));
    hop.wait(seconds(32));
    CHECK(hop.log.take() == Lines{"unacknowledged b1"});
  }
  SECTION("not for an ACK that was told to be missing") {
    dialog.progress.acknowledged.reset();
    dialog.unacknowledged = true;
    REQUIRE(hop.table.adopt(dialog, hop.now));
    hop.wait(seconds(32));
    CHECK(hop.log.take().empty());
  }
}

TEST_CASE("an adopted dialog that is uncertain hides none from a loss") {
  Hop hop;
  Conversation call(hop, "certain");
  call.is_set_up();
  Dialog dialog = stored();
  dialog.uncertain = true;
  REQUIRE(hop.table.adopt(dialog, hop.now));
  hop.table.lose();
  for (const Dialog& each : hop.dialogs()) CHECK(each.uncertain);
}
