#include "limit/transactions.h"

#include <algorithm>
#include <string>
#include <vector>

#include "givens.h"
#include "support/catch.h"

namespace sipward::limit {
namespace {

using Kind = Transactions::Request::Kind;
using Seen = Transactions::Seen;
using Opened = Transactions::Opened;

const Address kPhone = parse("192.0.2.7");
const Caps kNoCaps{};

Transactions::Request request(Kind kind, std::uint32_t cseq = 1, std::string_view branch = "z9hG4bK1",
                              std::string_view call_id = "call", const Address& source = kPhone) {
  return {source, call_id, cseq, branch, kind};
}

TEST_CASE("a request that was passed on is known as a copy when it comes again") {
  Transactions transactions(16);
  const auto kind = GENERATE(Kind::invite, Kind::non_invite);
  CHECK(transactions.look(request(kind), at({})) == Seen::never);
  CHECK(transactions.open(request(kind), {}, kNoCaps, at({})) == Opened::opened);
  CHECK(transactions.look(request(kind), at(milliseconds(500))) == Seen::again);
}

TEST_CASE("what differs in source, Call-ID, CSeq number, branch or kind is no copy") {
  Transactions transactions(16);
  REQUIRE(transactions.open(request(Kind::invite), {}, kNoCaps, at({})) == Opened::opened);
  CHECK(transactions.look(request(Kind::invite, 2), at({})) == Seen::never);
  CHECK(transactions.look(request(Kind::invite, 1, "z9hG4bK2"), at({})) == Seen::never);
  CHECK(transactions.look(request(Kind::invite, 1, "z9hG4bK1", "other"), at({})) == Seen::never);
  CHECK(transactions.look(request(Kind::invite, 1, "z9hG4bK1", "call", parse("192.0.2.8")), at({})) ==
        Seen::never);
  CHECK(transactions.look(request(Kind::non_invite), at({})) == Seen::never);
  CHECK(transactions.look(request(Kind::invite), at({})) == Seen::again);
}

TEST_CASE("as many copies as timer E sends are free, and the next is charged again") {
  Transactions transactions(16);
  REQUIRE(transactions.open(request(Kind::non_invite), {}, kNoCaps, at({})) == Opened::opened);
  for (unsigned i = 0; i < Transactions::kCopiesMax; ++i)
    CHECK(transactions.look(request(Kind::non_invite), at(seconds(1))) == Seen::again);
  CHECK(transactions.look(request(Kind::non_invite), at(seconds(1))) == Seen::too_often);
}

TEST_CASE("ACK and CANCEL belong to their INVITE whatever their branch, and to nothing else") {
  Transactions transactions(16);
  REQUIRE(transactions.open(request(Kind::invite, 7), {}, kNoCaps, at({})) == Opened::opened);
  REQUIRE(transactions.open(request(Kind::non_invite, 8), {}, kNoCaps, at({})) == Opened::opened);
  CHECK(transactions.look(request(Kind::follows, 7, "z9hG4bKother"), at({})) == Seen::again);
  CHECK(transactions.look(request(Kind::follows, 8), at({})) == Seen::never);
  CHECK(transactions.look(request(Kind::follows, 9), at({})) == Seen::never);
  for (unsigned i = 1; i < Transactions::kFollowersMax; ++i)
    CHECK(transactions.look(request(Kind::follows, 7), at({})) == Seen::again);
  CHECK(transactions.look(request(Kind::follows, 7), at({})) == Seen::too_often);
  CHECK(transactions.look(request(Kind::invite, 7), at({})) == Seen::again);  // counted apart
}

TEST_CASE("a follower is never remembered itself") {
  Transactions transactions(16);
  CHECK(transactions.open(request(Kind::follows), {}, {1, 1}, at({})) == Opened::opened);
  CHECK(transactions.open_of(kPhone) == 0);
  CHECK(transactions.size() == 0);
}

TEST_CASE("an answer gives the request's facts once, and the request is open no more") {
  Transactions transactions(16);
  const Facts facts{true, true, 42, 43};
  REQUIRE(transactions.open(request(Kind::non_invite, 5), facts, kNoCaps, at({})) == Opened::opened);
  CHECK(transactions.open_of(kPhone) == 1);
  CHECK_FALSE(transactions.answered(kPhone, "call", 4, false, at({})));
  CHECK_FALSE(transactions.answered(kPhone, "other", 5, false, at({})));
  CHECK_FALSE(transactions.answered(parse("192.0.2.8"), "call", 5, false, at({})));
  const auto found = transactions.answered(kPhone, "call", 5, false, at(seconds(1)));
  REQUIRE(found);
  CHECK(found->credentials);
  CHECK(found->proven);
  CHECK(found->user == 42);
  CHECK(found->target == 43);
  CHECK(transactions.open_of(kPhone) == 0);
  CHECK_FALSE(transactions.answered(kPhone, "call", 5, false, at(seconds(1))));
}

TEST_CASE("an answered request is known as a copy for 32 seconds") {
  Transactions transactions(16);
  REQUIRE(transactions.open(request(Kind::invite), {}, kNoCaps, at({})) == Opened::opened);
  REQUIRE(transactions.answered(kPhone, "call", 1, false, at(seconds(100))));
  CHECK(transactions.look(request(Kind::invite), at(seconds(133) - kTick)) == Seen::again);
  CHECK(transactions.look(request(Kind::invite), at(seconds(133))) == Seen::never);
  CHECK(transactions.size() == 0);
}

TEST_CASE("without an answer a request is open until its timer fires: F after 32 s, C after 180 s") {
  struct Case {
    Kind kind;
    seconds life;
  };
  const auto c = GENERATE(Case{Kind::non_invite, seconds(33)}, Case{Kind::invite, seconds(181)});
  Transactions transactions(16);
  REQUIRE(transactions.open(request(c.kind), {}, {1, 0}, at({})) == Opened::opened);
  const auto next = request(c.kind, 2);
  CHECK(transactions.open(next, {}, {1, 0}, at(c.life - kTick)) == Opened::over_address);
  CHECK(transactions.open(next, {}, {1, 0}, at(c.life)) == Opened::opened);
  CHECK(transactions.open_of(kPhone) == 1);
}

TEST_CASE("an accepted INVITE leaves a dialog open until its BYE, or two hours") {
  Transactions transactions(16);
  REQUIRE(transactions.open(request(Kind::invite), {}, kNoCaps, at({})) == Opened::opened);
  REQUIRE(transactions.answered(kPhone, "call", 1, true, at(seconds(10))));
  CHECK(transactions.open_of(kPhone) == 1);
  const auto tick = [&](microseconds time) { (void)transactions.look(request(Kind::invite, 99), at(time)); };
  tick(seconds(7210));
  CHECK(transactions.open_of(kPhone) == 1);
  SECTION("a BYE of either side") {
    transactions.end_dialog(kPhone, "other", at(seconds(7210)));
    CHECK(transactions.open_of(kPhone) == 1);
    transactions.end_dialog(kPhone, "call", at(seconds(7210)));
    CHECK(transactions.open_of(kPhone) == 0);
    transactions.end_dialog(kPhone, "call", at(seconds(7210)));
    CHECK(transactions.open_of(kPhone) == 0);
  }
  SECTION("two hours") {
    tick(seconds(7211) - kTick);
    CHECK(transactions.open_of(kPhone) == 1);
    tick(seconds(7211));
    CHECK(transactions.open_of(kPhone) == 0);
  }
  CHECK(transactions.size() == 0);
}

TEST_CASE("an INVITE within a dialog is no second dialog, and lets it live on") {
  Transactions transactions(16);
  for (std::uint32_t cseq = 1; cseq <= 3; ++cseq) {
    const Instant now = at(seconds(3000 * cseq));
    REQUIRE(transactions.open(request(Kind::invite, cseq, "b"), {}, kNoCaps, now) == Opened::opened);
    CHECK(transactions.open_of(kPhone) == (cseq == 1 ? 1 : 2));
    REQUIRE(transactions.answered(kPhone, "call", cseq, true, now));
    CHECK(transactions.open_of(kPhone) == 1);
  }
  (void)transactions.look(request(Kind::invite, 99), at(seconds(9000 + 7201) - kTick));
  CHECK(transactions.open_of(kPhone) == 1);
  (void)transactions.look(request(Kind::invite, 99), at(seconds(9000 + 7201)));
  CHECK(transactions.open_of(kPhone) == 0);
}

TEST_CASE("an open dialog is no INVITE with CSeq number 0") {
  Transactions transactions(16);
  REQUIRE(transactions.open(request(Kind::invite, 0), {}, kNoCaps, at({})) == Opened::opened);
  REQUIRE(transactions.answered(kPhone, "call", 0, true, at({})));
  CHECK(transactions.look(request(Kind::follows, 0), at(seconds(33) - kTick)) == Seen::again);
  CHECK(transactions.look(request(Kind::follows, 0), at(seconds(33))) == Seen::never);
  CHECK(transactions.open_of(kPhone) == 1);
}

TEST_CASE("a refused INVITE and an accepted request of another method leave no dialog") {
  Transactions transactions(16);
  REQUIRE(transactions.open(request(Kind::invite, 1), {}, kNoCaps, at({})) == Opened::opened);
  REQUIRE(transactions.answered(kPhone, "call", 1, false, at({})));
  REQUIRE(transactions.open(request(Kind::non_invite, 2), {}, kNoCaps, at({})) == Opened::opened);
  REQUIRE(transactions.answered(kPhone, "call", 2, true, at({})));
  CHECK(transactions.open_of(kPhone) == 0);
}

TEST_CASE("of requests that differ in the branch alone, an answer is to the last one") {
  Transactions transactions(16);
  REQUIRE(transactions.open(request(Kind::non_invite, 1, "a"), {.user = 1}, kNoCaps, at({})) ==
          Opened::opened);
  REQUIRE(transactions.open(request(Kind::non_invite, 1, "b"), {.user = 2}, kNoCaps, at({})) ==
          Opened::opened);
  CHECK(transactions.answered(kPhone, "call", 1, false, at({}))->user == 2);
  CHECK(transactions.answered(kPhone, "call", 1, false, at({}))->user == 1);
  CHECK_FALSE(transactions.answered(kPhone, "call", 1, false, at({})));
}

TEST_CASE("an address and a prefix may have as many open as their caps say, and not one more") {
  Transactions transactions(64);
  const Caps caps{10, 30};
  const auto open = [&](const Address& source, std::uint32_t cseq) {
    return transactions.open(request(Kind::invite, cseq, "b", "call", source), {}, caps, at({}));
  };
  const bool is_ipv4 = GENERATE(true, false);
  const auto member = [&](unsigned host) {
    return parse(fmt::format("{}{}", is_ipv4 ? "192.0.2." : "2001:db8:0:1::", host));
  };
  for (unsigned host = 1; host <= 3; ++host) {
    for (std::uint32_t cseq = 1; cseq <= 10; ++cseq) CHECK(open(member(host), cseq) == Opened::opened);
    CHECK(open(member(host), 11) == Opened::over_address);
  }
  CHECK(open(member(4), 1) == Opened::over_prefix);
  CHECK(transactions.open_of_prefix(member(4)) == 30);
  CHECK(open(parse(is_ipv4 ? "192.0.3.4" : "2001:db8:0:2::4"), 1) == Opened::opened);
  REQUIRE(transactions.answered(member(1), "call", 3, false, at({})));
  CHECK(open(member(4), 1) == Opened::opened);
  CHECK(open(member(4), 2) == Opened::over_prefix);
}

TEST_CASE("a table that is full says so and forgets nothing") {
  Transactions transactions(3);
  for (std::uint32_t cseq = 1; cseq <= 3; ++cseq)
    CHECK(transactions.open(request(Kind::invite, cseq), {}, kNoCaps, at({})) == Opened::opened);
  CHECK(transactions.open(request(Kind::invite, 4), {}, kNoCaps, at({})) == Opened::full);
  CHECK(transactions.open_of(kPhone) == 3);
  for (std::uint32_t cseq = 1; cseq <= 3; ++cseq)
    CHECK(transactions.look(request(Kind::invite, cseq), at({})) == Seen::again);
  REQUIRE(transactions.answered(kPhone, "call", 1, true, at({})));  // no place for the dialog
  CHECK(transactions.open_of(kPhone) == 2);
  CHECK(transactions.look(request(Kind::invite, 1), at(seconds(33))) == Seen::never);
  CHECK(transactions.open(request(Kind::invite, 4), {}, kNoCaps, at(seconds(33))) == Opened::opened);
}

TEST_CASE("a clock that goes back stands still") {
  Transactions transactions(4);
  REQUIRE(transactions.open(request(Kind::non_invite), {}, kNoCaps, at(seconds(100))) == Opened::opened);
  CHECK(transactions.look(request(Kind::non_invite), at(seconds(50))) == Seen::again);
  CHECK(transactions.look(request(Kind::non_invite), at(seconds(133) - kTick)) == Seen::again);
  CHECK(transactions.look(request(Kind::non_invite), at(seconds(133))) == Seen::never);
}

TEST_CASE("after days of silence everything is forgotten at once") {
  Transactions transactions(64);
  for (std::uint32_t i = 0; i < 32; ++i) {
    const auto one = request(Kind::invite, i);
    REQUIRE(transactions.open(one, {}, kNoCaps, at(seconds(i))) == Opened::opened);
    if (i % 2 == 0) REQUIRE(transactions.answered(kPhone, "call", i, true, at(seconds(i))));
  }
  const auto rest =
      GENERATE(seconds(8191), seconds(8192), seconds(8193), seconds(100'000), seconds(10'000'000));
  CHECK(transactions.look(request(Kind::invite, 1), at(rest)) == Seen::never);
  CHECK(transactions.size() == 0);
  CHECK(transactions.open_of(kPhone) == 0);
}

// What Transactions promises, kept in the plainest way.
class Reference {
 public:
  struct One {
    std::string source;
    std::string call_id;
    std::uint32_t cseq;  // of a dialog 0
    std::int64_t ends_s;
    bool open;
  };
  void expire(std::int64_t now_s) {
    std::erase_if(all, [&](const One& one) { return one.ends_s <= now_s; });
  }
  One* find(const std::string& source, const std::string& call_id, std::uint32_t cseq) {
    for (One& one : all)
      if (one.source == source && one.call_id == call_id && one.cseq == cseq) return &one;
    return nullptr;
  }
  [[nodiscard]] unsigned open_of(const std::string& prefix) const {
    return static_cast<unsigned>(std::ranges::count_if(
        all, [&](const One& one) { return one.open && one.source.starts_with(prefix); }));
  }
  std::vector<One> all;
};

class RandomTraffic {
 public:
  explicit RandomTraffic(unsigned seed) : random_(seed) {}

  void step() {
    now_ms_ += random_.one_in(3) ? random_.below(20'000) : 10;
    reference_.expire(now_s());
    source_ = fmt::format("{}{}", random_.one_in(2) ? "192.0.2." : "2001:db8::", random_.below(3) + 1);
    call_id_ = fmt::format("call{}", random_.below(6));
    cseq_ = random_.below(4) + 1;
    const unsigned action = random_.below(8);
    if (action < 4) return open();
    if (action < 7) return answer();
    transactions_.end_dialog(parse(source_), call_id_, now());
    std::erase_if(reference_.all, [&](const auto& one) {
      return one.source == source_ && one.call_id == call_id_ && one.cseq == 0;
    });
  }
  void compare() const {
    for (const char* prefix : {"192.0.2.", "2001:db8::"}) {
      for (int host = 1; host <= 3; ++host) {
        const std::string member = fmt::format("{}{}", prefix, host);
        REQUIRE(transactions_.open_of(parse(member)) == reference_.open_of(member));
      }
      REQUIRE(transactions_.open_of_prefix(parse(fmt::format("{}9", prefix))) == reference_.open_of(prefix));
    }
    REQUIRE(transactions_.size() == reference_.all.size());
  }

 private:
  [[nodiscard]] std::int64_t now_s() const { return now_ms_ / 1000; }
  [[nodiscard]] Instant now() const { return at(milliseconds(now_ms_)); }

  void open() {
    const Address source = parse(source_);
    const Transactions::Request one = request(Kind::invite, cseq_, "b", call_id_, source);
    const bool known = reference_.find(source_, call_id_, cseq_) != nullptr;
    REQUIRE((transactions_.look(one, now()) != Seen::never) == known);
    if (known) return;
    const bool room = reference_.open_of(source_) < 5;
    REQUIRE(transactions_.open(one, {}, {5, 0}, now()) == (room ? Opened::opened : Opened::over_address));
    if (room) reference_.all.push_back({source_, call_id_, cseq_, now_s() + 181, true});
  }
  void answer() {
    const bool accepted = random_.one_in(2);
    auto* one = reference_.find(source_, call_id_, cseq_);
    const bool expected = one != nullptr && one->open;
    REQUIRE(transactions_.answered(parse(source_), call_id_, cseq_, accepted, now()).has_value() == expected);
    if (!expected) return;
    one->open = false;
    one->ends_s = now_s() + 33;
    if (!accepted) return;
    if (auto* dialog = reference_.find(source_, call_id_, 0))
      dialog->ends_s = now_s() + 7201;
    else
      reference_.all.push_back({source_, call_id_, 0, now_s() + 7201, true});
  }

  Random random_;
  std::int64_t now_ms_ = 0;
  std::string source_;
  std::string call_id_;
  std::uint32_t cseq_ = 0;
  Transactions transactions_{512};
  Reference reference_;
};

TEST_CASE("whatever the order of requests, answers, BYEs and time, the counts are exact") {
  RandomTraffic traffic(GENERATE(range(1U, 6U)));
  for (int i = 0; i < 4000; ++i) {
    traffic.step();
    traffic.compare();
  }
}

TEST_CASE("a table that many addresses fill and leave can be filled again") {
  Transactions transactions(1000);
  for (unsigned round = 0; round < 5; ++round) {
    const Instant now = at(hours(round));
    for (unsigned i = 0; i < 1000; ++i)
      REQUIRE(transactions.open(request(Kind::non_invite, 1, "b", "c", any_ipv4((i + round) << 8U)), {},
                                kNoCaps, now) == Opened::opened);
    REQUIRE(transactions.open(request(Kind::non_invite, 1, "b", "c", any_ipv4(7)), {}, kNoCaps, now) ==
            Opened::full);
    REQUIRE(transactions.size() == 1000);
  }
}

TEST_CASE("a transaction takes less than 192 bytes, with what counts for its owners") {
  CHECK(Transactions(65'536).bytes() < 65'536 * 192);
}

}  // namespace
}  // namespace sipward::limit
