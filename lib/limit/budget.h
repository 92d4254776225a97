// What all unknown sources together may send to the softswitch.
#pragma once

#include <atomic>

#include "base/clock.h"
#include "limit/rate.h"

namespace sipward::limit {

// One rate for many threads, charged as Bucket does (rate.h), without a lock. Half of it is kept for sources
// that proved that they receive what is sent to them: a flood of forged addresses, who can prove nothing,
// never takes that half from a caller who is about to register.
class Budget {
 public:
  // Takes one, if there is room. An unlimited rate has.
  [[nodiscard]] bool take(const Rate& rate, bool proven, Instant now);

 private:
  // When what was charged will have drained away.
  using EmptyAt = std::atomic<Instant::rep>;
  static bool take(EmptyAt& bucket, const Rate& rate, Instant now);

  EmptyAt all_{0};
  EmptyAt unproven_{0};
};

}  // namespace sipward::limit
