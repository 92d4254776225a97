#include "limit/score.h"

#include <algorithm>
#include <cmath>

namespace sipward::limit {
namespace {

std::int64_t ms_between(Instant from, Instant to) {
  return std::max<std::int64_t>(std::chrono::duration_cast<std::chrono::milliseconds>(to - from).count(), 0);
}

}  // namespace

double Score::left(float score, std::chrono::milliseconds half_life, Instant now) const {
  if (score == 0) return 0;
  const double half_lives =
      static_cast<double>(ms_between(at_, now)) / static_cast<double>(half_life.count());
  return static_cast<double>(score) * std::exp2(-half_lives);
}

double Score::enforced(std::chrono::milliseconds half_life, Instant now) const {
  return left(enforced_, half_life, now);
}

double Score::with_observed(std::chrono::milliseconds half_life, Instant now) const {
  return left(with_observed_, half_life, now);
}

bool Score::holds(std::uint32_t rule, std::chrono::milliseconds half_life, Instant now) const {
  const std::int64_t elapsed_ms = ms_between(at_, now);
  return std::ranges::any_of(counted_, [&](const Counted& one) {
    return one.age_ms != kFree && one.rule == rule && one.age_ms + elapsed_ms < half_life.count();
  });
}

// Brings everything to `now` and forgets the rules that may count again.
void Score::age(std::chrono::milliseconds half_life, Instant now) {
  enforced_ = static_cast<float>(enforced(half_life, now));
  with_observed_ = static_cast<float>(with_observed(half_life, now));
  const std::int64_t elapsed_ms = ms_between(at_, now);
  for (Counted& one : counted_) {
    const std::int64_t age_ms = one.age_ms + elapsed_ms;
    one.age_ms =
        one.age_ms == kFree || age_ms >= half_life.count() ? kFree : static_cast<std::uint32_t>(age_ms);
  }
  at_ = std::max(at_, now);
}

bool Score::add(const ScoreHit& hit, const ScoreLimits& limits, Instant now) {
  if (holds(hit.rule, limits.half_life, now)) return false;
  age(limits.half_life, now);
  const auto grown = [&](float score) {
    return static_cast<float>(std::min(static_cast<double>(score) + hit.weight, limits.most));
  };
  with_observed_ = grown(with_observed_);
  if (!hit.observe) enforced_ = grown(enforced_);
  *std::ranges::max_element(counted_, {}, &Counted::age_ms) = {hit.rule, 0};  // kFree is the oldest of all
  return true;
}

}  // namespace sipward::limit
