// What rules make of a message: scores, and rules that only observe.
#include "decisions.h"

namespace sipward::decide {
namespace {

using std::chrono::hours;
using std::chrono::milliseconds;
using std::chrono::seconds;

TEST_CASE("a score bans at its limit and not one before") {
  Policy policy;
  CHECK(decision({.hit = kScore, .score = 99.99}, policy).reason == Reason::request);
  const Decision at_limit = decision({.hit = kScore, .score = 100}, policy);
  CHECK(at_limit.reason == Reason::score);
  CHECK(at_limit.ban == milliseconds(seconds(60)));
  CHECK(decision({.verified = true, .hit = kScore, .score = 100}, policy).ban == policy.ban_steps.front());
  policy.score_ban_at = 7;
  CHECK(decision({.hit = kScore, .score = 6.99}, policy).reason == Reason::request);
  CHECK(decision({.hit = kScore, .score = 7}, policy).reason == Reason::score);
}

TEST_CASE("a score that reached its limit is stronger than a drop and weaker than a ban") {
  CHECK(decision({.hit = kDrop, .score = 99}).reason == Reason::signature);
  CHECK_FALSE(decision({.hit = kDrop, .score = 99}).ban.has_value());
  CHECK(decision({.hit = kDrop, .score = 100}).reason == Reason::score);
  CHECK(decision({.hit = kDrop, .score = 100}).ban.has_value());
  CHECK(decision({.hit = kBan, .score = 100}).reason == Reason::signature);
}

TEST_CASE("a score comes before the class and the method, and a ban before it") {
  Policy policy;
  policy.serve_unknown = false;
  CHECK(decision({.hit = kScore, .score = 100}, policy).reason == Reason::score);
  CHECK(decision({.text = kOptions, .hit = kScore, .refused = 99, .score = 100}).reason == Reason::score);
  CHECK(decision({.banned = true, .hit = kScore, .score = 100}).reason == Reason::banned);
}

TEST_CASE("neither a response nor a peer is judged by a score") {
  CHECK(reason({.text = kResponse, .hit = kScore, .score = 100}) == Reason::response);
  CHECK(reason({.source_class = kPeer, .hit = kScore, .score = 100}) == Reason::peer);
  const Decision peer = decision({.source_class = kPeer, .observed_hit = kScore, .score_with_observed = 100});
  CHECK_FALSE(peer.would_drop.has_value());
}

TEST_CASE("a rule that only observes passes the packet and says what it would have done") {
  const Decision ban = decision({.observed_hit = kBan});
  CHECK(ban.reason == Reason::request);
  CHECK_FALSE(ban.ban.has_value());
  CHECK(ban.would_drop == Reason::signature);
  CHECK(ban.would_ban == milliseconds(seconds(60)));
  const Decision drop = decision({.verified = true, .observed_hit = kDrop});
  CHECK(drop.reason == Reason::request);
  CHECK(drop.would_drop == Reason::signature);
  CHECK_FALSE(drop.would_ban.has_value());
  CHECK_FALSE(decision({.observed_hit = kLog}).would_drop.has_value());
  const Decision below = decision({.observed_hit = kScore, .score_with_observed = 99.99});
  CHECK_FALSE(below.would_drop.has_value());
  const Decision reached = decision({.observed_hit = kScore, .score_with_observed = 100});
  CHECK(reached.reason == Reason::request);
  CHECK(reached.would_drop == Reason::score);
  CHECK(reached.would_ban == milliseconds(seconds(60)));
}

TEST_CASE("neither kind of rule hides the other") {
  for (const auto observed : {kLog, kScore, kDrop, kBan}) {
    const Decision banned = decision({.hit = kBan, .observed_hit = observed});
    CHECK(banned.reason == Reason::signature);
    CHECK(banned.ban.has_value());
    CHECK_FALSE(banned.would_drop.has_value());
    const Decision dropped = decision({.hit = kDrop, .observed_hit = observed});
    CHECK(dropped.reason == Reason::signature);
    CHECK_FALSE(dropped.ban.has_value());
  }
  for (const auto enforced : {kLog, kScore}) {
    const Decision passed = decision({.hit = enforced, .observed_hit = kBan});
    CHECK(passed.reason == Reason::request);
    CHECK(passed.would_drop == Reason::signature);
  }
  CHECK(
      decision({.hit = kScore, .observed_hit = kScore, .score = 99, .score_with_observed = 100}).would_drop ==
      Reason::score);
  CHECK(decision({.hit = kScore, .observed_hit = kScore, .score = 100}).reason == Reason::score);
}

TEST_CASE("what is dropped anyway would not be dropped by an observing rule once more") {
  const Decision refused = decision({.text = kOptions, .observed_hit = kBan});
  CHECK(refused.reason == Reason::method);
  CHECK_FALSE(refused.would_drop.has_value());
}

}  // namespace
}  // namespace sipward::decide
