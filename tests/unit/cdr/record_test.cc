#include "cdr/record.h"

#include "unit/dialog/calls.h"

namespace sipward::cdr {
namespace {

using dialog::Dialog;
using dialog::LimitSource;
using dialog::Side;
using std::chrono::milliseconds;
using std::chrono::seconds;
using test::agree;
using test::call;
using test::in;
using test::kAnswered;
using test::kNow;

Now after(milliseconds time) {
  return {kAnswered + time, in(time)};
}

CallRecord ended(const Dialog& dialog, milliseconds time) {
  return record_of(dialog, natural_end(dialog, dialog::End::bye, {}, after(time)));
}

TEST_CASE("an answered call, as it was seen") {
  Dialog dialog = call("\"Alice, A.\" <sip:+4989@pbx.example;user=phone>", "sip:4930-123@192.0.2.1;lr");
  dialog.transport = dialog::Transport::tcp;
  dialog.timer.caller_supports = true;
  dialog.uncertain = true;
  const CallRecord record = ended(dialog, seconds(60));
  CHECK(record.call_id == "a84b4c76e66710@pc33.example");
  CHECK(record.transport == dialog::Transport::tcp);
  CHECK(record.caller.seen == Endpoint{test::address("198.51.100.7"), 5062});
  CHECK(record.callee.seen == Endpoint{test::address("192.0.2.1"), 5060});
  CHECK(record.caller.number == "+4989");
  CHECK(record.callee.number == "4930123");
  CHECK(record.caller.uri == "sip:+4989@pbx.example;user=phone");
  CHECK(record.callee.uri == "sip:4930123456@192.0.2.1");
  CHECK(record.request_uri == "sip:4930-123@192.0.2.1;lr");
  CHECK(record.caller.tag == "1928301774");
  CHECK(record.callee.tag == "a6c85cf");
  CHECK(record.caller.agent == "Phone 1.0");
  CHECK(record.callee.agent == "Switch 2.0");
  CHECK(record.caller.supports_timer);
  CHECK_FALSE(record.callee.supports_timer);
  CHECK(record.uncertain);
  CHECK(record.status == 200);
}

TEST_CASE("its times and durations") {
  const CallRecord record = ended(call(), milliseconds(90'500));
  CHECK(record.invited == in(-seconds(7)));
  CHECK(record.rang == in(-seconds(5)));
  CHECK(record.answered == kNow);
  CHECK(record.acknowledged == in(milliseconds(40)));
  CHECK(record.ended == in(milliseconds(90'500)));
  CHECK(record.pdd == seconds(2));
  CHECK(record.setup == seconds(7));
  CHECK(record.duration == milliseconds(97'500));
}

TEST_CASE("a begun second is billed as a whole one") {
  CHECK(ended(call(), milliseconds(0)).billable == seconds(0));
  CHECK(ended(call(), milliseconds(1)).billable == seconds(1));
  CHECK(ended(call(), milliseconds(1000)).billable == seconds(1));
  CHECK(ended(call(), milliseconds(1001)).billable == seconds(2));
}

TEST_CASE("a calendar that steps during a call changes no duration") {
  const Dialog dialog = call();
  const Now later{kAnswered + seconds(60), in(seconds(60) - std::chrono::hours(1))};
  const CallRecord record = record_of(dialog, natural_end(dialog, dialog::End::bye, {}, later));
  CHECK(record.billable == seconds(60));
  CHECK(record.duration == seconds(67));
  CHECK(record.ended == later.wall);
}

TEST_CASE("durations are never negative") {
  Dialog dialog = call();
  dialog.progress.invited = in(seconds(100));
  const CallRecord record = ended(dialog, -seconds(1));
  CHECK(record.pdd == milliseconds(0));
  CHECK(record.setup == milliseconds(0));
  CHECK(record.duration == milliseconds(0));
  CHECK(record.billable == seconds(0));
}

TEST_CASE("what did not happen has no time") {
  Dialog dialog = call();
  dialog.progress.rang.reset();
  dialog.progress.acknowledged.reset();
  const CallRecord record = ended(dialog, seconds(1));
  CHECK_FALSE(record.rang.has_value());
  CHECK_FALSE(record.pdd.has_value());
  CHECK_FALSE(record.acknowledged.has_value());
  CHECK_FALSE(record.timer.has_value());
}

TEST_CASE("who sent BYE ended the call") {
  Dialog dialog = call();
  SECTION("the caller") {
    dialog.bye_seen = {true, false};
    CHECK(ended(dialog, seconds(1)).ended_by == EndedBy::caller);
  }
  SECTION("the callee") {
    dialog.bye_seen = {false, true};
    CHECK(ended(dialog, seconds(1)).ended_by == EndedBy::callee);
  }
  SECTION("both: nobody knows") {
    dialog.bye_seen = {true, true};
    CHECK(ended(dialog, seconds(1)).ended_by == EndedBy::unknown);
  }
  CHECK(ended(dialog, seconds(1)).cause == EndCause::normal);
}

TEST_CASE("ends without BYE") {
  const Dialog dialog = call();
  const auto cause = [&](dialog::End how) {
    const CallEnd end = natural_end(dialog, how, {}, after(seconds(1)));
    CHECK(end.by == EndedBy::unknown);
    return record_of(dialog, end).cause;
  };
  CHECK(cause(dialog::End::gone) == EndCause::gone);
  CHECK(cause(dialog::End::dropped) == EndCause::lost);
}

TEST_CASE("a call that its limit ended tells which, and what became of both BYEs") {
  const Dialog dialog = call();
  CallEnd end;
  end.at = after(seconds(3600));
  end.cause = cause_of(LimitSource::max_duration);
  end.by = EndedBy::sipward;
  end.limit = {LimitSource::max_duration, kAnswered + seconds(3600), seconds(3600), "trunk"};
  end.bye_to_caller = {ByeResult::Outcome::answered, 481};
  end.bye_to_callee = {ByeResult::Outcome::no_answer, 0};
  const CallRecord record = record_of(dialog, end);
  CHECK(record.cause == EndCause::limit_max_duration);
  CHECK(record.ended_by == EndedBy::sipward);
  CHECK(record.limit_source == LimitSource::max_duration);
  CHECK(record.limit == seconds(3600));
  CHECK(record.limit_rule == "trunk");
  CHECK(record.caller.bye == end.bye_to_caller);
  CHECK(record.callee.bye == end.bye_to_callee);
  CHECK(record.billable == seconds(3600));
}

TEST_CASE("a call that ended by itself keeps the limit that would have ended it") {
  const Dialog dialog = call();
  const dialog::Deadline deadline = deadline_of(limit_of(dialog, {}), dialog, kAnswered);
  const CallRecord record =
      record_of(dialog, natural_end(dialog, dialog::End::bye, deadline, after(seconds(1))));
  CHECK(record.limit_source == LimitSource::no_timer);
  CHECK(record.limit == seconds(7200));
  CHECK(record.limit_rule.empty());
  CHECK(record.caller.bye == ByeResult{});
}

TEST_CASE("a session timer that ran at the end") {
  Dialog dialog = call();
  agree(dialog, 90, kAnswered);
  dialog.timer.refresher = dialog::Refresher::callee;
  dialog.timer.refreshes = 3;
  const CallRecord record = ended(dialog, seconds(180));
  REQUIRE(record.timer.has_value());
  CHECK(record.timer->interval == seconds(90));
  CHECK(record.timer->refresher == dialog::Refresher::callee);
  CHECK(record.timer->refreshes == 3);
}

TEST_CASE("a call that nobody answered") {
  Dialog dialog = call();
  dialog.progress.answered.reset();
  dialog.progress.acknowledged.reset();
  struct Case {
    dialog::NoAnswer how;
    unsigned status;
    EndCause cause;
    EndedBy by;
  };
  const auto c = GENERATE(Case{dialog::NoAnswer::refused, 486, EndCause::refused, EndedBy::callee},
                          Case{dialog::NoAnswer::cancelled, 487, EndCause::cancelled, EndedBy::caller},
                          Case{dialog::NoAnswer::timed_out, 0, EndCause::timed_out, EndedBy::unknown},
                          Case{dialog::NoAnswer::forgotten, 0, EndCause::forgotten, EndedBy::unknown});
  const CallRecord record = record_of(dialog::Attempt{dialog, c.how, c.status}, after(seconds(3)));
  CHECK(record.cause == c.cause);
  CHECK(record.ended_by == c.by);
  CHECK(record.status == c.status);
  CHECK(record.pdd == seconds(2));
  CHECK_FALSE(record.answered.has_value());
  CHECK_FALSE(record.setup.has_value());
  CHECK(record.duration == seconds(10));
  CHECK(record.billable == seconds(0));
  CHECK(record.limit_source == LimitSource::none);
  CHECK_FALSE(record.limit.has_value());
}

}  // namespace
}  // namespace sipward::cdr
