#include "limit/budget.h"

#include <algorithm>

namespace sipward::limit {

bool Budget::take(const Rate& rate, bool proven, Instant now) {
  if (!rate.limited()) return true;
  if (!proven) {
    const Rate half(std::max(rate.count() / 2, 1U), rate.period(), std::max(rate.burst() / 2, 1U));
    if (!take(unproven_, half, now)) return false;
  }
  return take(all_, rate, now);
}

bool Budget::take(EmptyAt& bucket, const Rate& rate, Instant now) {
  const auto interval = std::chrono::duration_cast<Instant::duration>(TickDuration(rate.interval())).count();
  const Instant::rep time = now.time_since_epoch().count();
  Instant::rep empty_at = bucket.load(std::memory_order_relaxed);
  Instant::rep next = 0;
  do {
    const Instant::rep level = std::max<Instant::rep>(empty_at - time, 0);
    if (level > (rate.burst() - 1) * interval) return false;
    next = time + level + interval;
  } while (!bucket.compare_exchange_weak(empty_at, next, std::memory_order_relaxed));
  return true;
}

}  // namespace sipward::limit
