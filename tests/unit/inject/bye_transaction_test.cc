// When a BYE goes out: RFC 3261 section 17.1.2.2 to the millisecond, on both sides of each limit.
#include "inject/bye_transaction.h"

#include <vector>

#include "support/catch.h"

namespace sipward::inject {
namespace {

using dialog::Transport;
using std::chrono::milliseconds;
using Times = std::vector<std::int64_t>;

Instant at(std::int64_t ms) {
  return Instant(std::chrono::hours(1) + milliseconds(ms));
}
std::int64_t ms_of(Instant instant) {
  return std::chrono::duration_cast<milliseconds>(instant - at(0)).count();
}

ByeTransaction over_udp(std::uint32_t highest_cseq = 1) {
  return {Transport::udp, highest_cseq, at(0)};
}

// Asks whenever it wants to be asked, up to and with `until_ms`: when it sent.
Times run(ByeTransaction& bye, std::int64_t until_ms) {
  Times sent;
  while (bye.next() && *bye.next() <= at(until_ms)) {
    const Instant now = *bye.next();
    CHECK(bye.due(now - milliseconds(1)) == ByeStep::wait);
    const ByeStep step = bye.due(now);
    REQUIRE(step != ByeStep::wait);
    if (step != ByeStep::over) sent.push_back(ms_of(now));
  }
  return sent;
}

TEST_CASE("13: a BYE that nobody answers is sent 11 times within 32 s, and given up") {
  ByeTransaction bye = over_udp();
  CHECK(run(bye, 31'999) == Times{0, 500, 1500, 3500, 7500, 11500, 15500, 19500, 23500, 27500, 31500});
  CHECK(bye.outcome() == ByeOutcome::pending);
  CHECK(bye.next() == at(32'000));
  CHECK(bye.due(at(32'000)) == ByeStep::over);
  CHECK(bye.outcome() == ByeOutcome::silent);
  CHECK_FALSE(bye.next().has_value());
  CHECK(bye.due(at(40'000)) == ByeStep::over);
  CHECK(bye.sends() == 11);
  CHECK(bye.status() == 0);
}

TEST_CASE("only the first is a new request") {
  ByeTransaction bye = over_udp();
  CHECK(bye.due(at(-1)) == ByeStep::wait);
  CHECK(bye.due(at(0)) == ByeStep::send_first);
  CHECK(bye.due(at(0)) == ByeStep::wait);
  CHECK(bye.due(at(500)) == ByeStep::send_again);
}

TEST_CASE("14: a provisional response makes it one every 4 s, until Timer F all the same") {
  ByeTransaction bye = over_udp();
  CHECK(run(bye, 500) == Times{0, 500});
  bye.answered(100, at(600));
  CHECK(run(bye, 31'999) == Times{1500, 5500, 9500, 13500, 17500, 21500, 25500, 29500});
  CHECK(bye.outcome() == ByeOutcome::pending);
  CHECK(run(bye, 32'000).empty());
  CHECK(bye.outcome() == ByeOutcome::silent);
}

TEST_CASE("14: a final response behind a provisional one ends it") {
  ByeTransaction bye = over_udp();
  CHECK(run(bye, 0) == Times{0});
  bye.answered(199, at(20));
  CHECK(bye.outcome() == ByeOutcome::pending);
  bye.answered(200, at(30));
  CHECK(bye.outcome() == ByeOutcome::released);
  CHECK(run(bye, 60'000).empty());
}

TEST_CASE("11, 12: what each final response means") {
  struct Row {
    unsigned status;
    ByeOutcome outcome;
  };
  for (const Row& row :
       {Row{200, ByeOutcome::released}, Row{202, ByeOutcome::released}, Row{299, ByeOutcome::released},
        Row{300, ByeOutcome::refused}, Row{400, ByeOutcome::refused}, Row{401, ByeOutcome::challenged},
        Row{403, ByeOutcome::refused}, Row{407, ByeOutcome::challenged}, Row{408, ByeOutcome::released},
        Row{480, ByeOutcome::refused}, Row{481, ByeOutcome::released}, Row{482, ByeOutcome::refused},
        Row{491, ByeOutcome::refused}, Row{499, ByeOutcome::refused}, Row{501, ByeOutcome::refused},
        Row{503, ByeOutcome::refused}, Row{699, ByeOutcome::refused}}) {
    CAPTURE(row.status);
    ByeTransaction bye = over_udp();
    CHECK(run(bye, 1500) == Times{0, 500, 1500});
    bye.answered(row.status, at(1600));
    CHECK(bye.outcome() == row.outcome);
    CHECK(bye.status() == row.status);
    CHECK_FALSE(bye.next().has_value());
    CHECK(bye.due(at(3500)) == ByeStep::over);
    CHECK(bye.sends() == 3);
  }
}

TEST_CASE("10: 500 begins the next rung at once, with the timers anew, three in all") {
  ByeTransaction bye = over_udp();
  CHECK(run(bye, 3500) == Times{0, 500, 1500, 3500});
  bye.answered(100, at(3510));
  for (const unsigned rung : {1U, 2U}) {
    const std::int64_t since = rung * 10'000;
    bye.answered(500, at(since));
    CHECK(bye.outcome() == ByeOutcome::pending);
    CHECK(bye.rung() == rung);
    CHECK(bye.next() == at(since));
    CHECK(bye.due(at(since)) == ByeStep::send_first);
    CHECK(run(bye, since + 7499) == Times{since + 500, since + 1500, since + 3500});
  }
  bye.answered(500, at(28'000));
  CHECK(bye.outcome() == ByeOutcome::refused);
  CHECK(bye.rung() == 2);
  CHECK(bye.status() == 500);
  CHECK(bye.sends() == 12);
}

TEST_CASE("10: Timer F counts from the first transmission of the rung") {
  ByeTransaction bye = over_udp();
  CHECK(run(bye, 0) == Times{0});
  bye.answered(500, at(31'000));
  CHECK(run(bye, 62'999).size() == 11);
  CHECK(bye.outcome() == ByeOutcome::pending);
  CHECK(run(bye, 63'000).empty());
  CHECK(bye.outcome() == ByeOutcome::silent);
}

TEST_CASE("10: a ladder that has no CSeq left ends before its third rung") {
  ByeTransaction two = over_udp(0x7fffffff - 0x10000);
  CHECK(run(two, 0) == Times{0});
  two.answered(500, at(10));
  CHECK(two.outcome() == ByeOutcome::pending);
  CHECK(run(two, 10) == Times{10});
  two.answered(500, at(20));
  CHECK(two.outcome() == ByeOutcome::refused);
  ByeTransaction one = over_udp(0x7fffffff - 0xffff);
  CHECK(run(one, 0) == Times{0});
  one.answered(500, at(10));
  CHECK(one.outcome() == ByeOutcome::refused);
}

TEST_CASE("a second 500 before the next rung was sent answers nothing") {
  ByeTransaction bye = over_udp();
  CHECK(run(bye, 0) == Times{0});
  bye.answered(500, at(10));
  bye.answered(500, at(11));
  CHECK(bye.rung() == 1);
  CHECK(run(bye, 20) == Times{10});
}

TEST_CASE("over TCP it is sent once, and Timer F holds") {
  ByeTransaction bye(Transport::tcp, 1, at(0));
  CHECK(run(bye, 31'999) == Times{0});
  CHECK(bye.next() == at(32'000));
  CHECK(run(bye, 32'000).empty());
  CHECK(bye.outcome() == ByeOutcome::silent);
  ByeTransaction again(Transport::tcp, 1, at(0));
  CHECK(run(again, 0) == Times{0});
  again.answered(500, at(100));
  CHECK(run(again, 30'000) == Times{100});
}

TEST_CASE("responses before it was sent, after it is over, and no statuses change nothing") {
  ByeTransaction bye = over_udp();
  bye.answered(200, at(0));
  CHECK(bye.outcome() == ByeOutcome::pending);
  CHECK(run(bye, 0) == Times{0});
  for (const unsigned status : {0U, 99U, 700U}) bye.answered(status, at(1));
  CHECK(bye.outcome() == ByeOutcome::pending);
  CHECK(run(bye, 1500) == Times{500, 1500});
  bye.answered(200, at(1600));
  bye.answered(403, at(1601));
  CHECK(bye.outcome() == ByeOutcome::released);
  CHECK(bye.status() == 200);
}

TEST_CASE("who comes late sends once, and goes on from there") {
  ByeTransaction bye = over_udp();
  CHECK(bye.due(at(300)) == ByeStep::send_first);
  CHECK(bye.next() == at(800));
  CHECK(bye.due(at(9000)) == ByeStep::send_again);
  CHECK(bye.due(at(9000)) == ByeStep::wait);
  CHECK(bye.next() == at(10'000));
  CHECK(bye.due(at(10'003)) == ByeStep::send_again);
  CHECK(bye.next() == at(12'000));
  CHECK(bye.due(at(32'299)) == ByeStep::send_again);
  CHECK(bye.due(at(32'300)) == ByeStep::over);
}

}  // namespace
}  // namespace sipward::inject
