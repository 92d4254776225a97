// How suspicious a source is: what the score rules that it hit weigh together, fading with time.
#pragma once

#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>

#include "base/clock.h"

namespace sipward::limit {

// How scores fade and where they end; from the settings.
struct ScoreLimits {
  std::chrono::milliseconds half_life{};
  double most = 0;  // a score never grows beyond it, so that a source which stopped is forgiven in known time
};

// A rule of action score that hit.
struct ScoreHit {
  std::uint32_t rule = 0;  // match::rule_key
  unsigned weight = 0;
  bool observe = false;  // counts in with_observed() alone
};

// Exponential decay: after a half-life half of the score is left. A rule counts once per half-life, so one
// oddity that a device repeats for ever scores less than twice its weight (w + w/2 + w/4 + …), and a
// retransmission (32 s at most, RFC 3261 section 17.1) nothing. Of the rules that counted the last kRules are
// remembered; one more takes the place of the one that counted longest ago. 80 bytes.
class Score {
 public:
  static constexpr std::size_t kRules = 8;

  // True if it counted.
  bool add(const ScoreHit& hit, const ScoreLimits& limits, Instant now);

  // The score at `now`: of the enforcing rules; of these and the observing ones.
  [[nodiscard]] double enforced(std::chrono::milliseconds half_life, Instant now) const;
  [[nodiscard]] double with_observed(std::chrono::milliseconds half_life, Instant now) const;
  // Whether `rule` is remembered, and so does not count again yet.
  [[nodiscard]] bool holds(std::uint32_t rule, std::chrono::milliseconds half_life, Instant now) const;
  // When a rule last counted; the clock's zero: never.
  [[nodiscard]] Instant last() const { return at_; }

 private:
  struct Counted {
    std::uint32_t rule = 0;
    std::uint32_t age_ms = kFree;  // at at_
  };
  static constexpr std::uint32_t kFree = UINT32_MAX;  // half-lives end at a day

  [[nodiscard]] double left(float score, std::chrono::milliseconds half_life, Instant now) const;
  void age(std::chrono::milliseconds half_life, Instant now);

  Instant at_;  // when the members below were right
  float enforced_ = 0;
  float with_observed_ = 0;
  std::array<Counted, kRules> counted_{};
};

}  // namespace sipward::limit
