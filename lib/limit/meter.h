// The buckets of one address or one prefix.
#pragma once

#include <array>

#include "limit/allowance.h"
#include "limit/rate.h"
#include "limit/table_time.h"

namespace sipward::limit {

// Keeps a bucket comparable for as long as it is in a table. To be called whenever its entry is seen, with
// when it was seen before. Nobody has to visit all buckets when the ticks come round.
inline void upkeep(Bucket& bucket, Eighths before, TableTime now) {
  constexpr Eighths kEra = 12 * 3600 * 8;
  constexpr Eighths kLong = 29 * 3600 * 8;  // more than Rate::kSpanMax; kEra + kLong is less than 2^31 ticks
  if (before / kEra == now.eighths / kEra) return;
  if (now.eighths - before < kLong)
    bucket.settle(now.ticks);
  else
    bucket = Bucket(now.ticks);
}

// One bucket for each of a Rates. 24 bytes.
class Meter {
 public:
  Meter() = default;
  explicit Meter(Ticks now) { buckets_.fill(Bucket(now)); }

  // The first rate that has no room for one more of `group`: group, requests, sustained or none.
  [[nodiscard]] Excess excess(const Rates& rates, Group group, Ticks now) {
    if (!of(group).has_room(rates.of(group), now)) return Excess::group;
    if (!buckets_[kRequests].has_room(rates.requests, now)) return Excess::requests;
    return buckets_[kSustained].has_room(rates.sustained, now) ? Excess::none : Excess::sustained;
  }
  void charge(const Rates& rates, Group group, Ticks now) {
    of(group).charge(rates.of(group), now);
    buckets_[kRequests].charge(rates.requests, now);
    buckets_[kSustained].charge(rates.sustained, now);
  }
  void keep(Eighths before, TableTime now) {
    for (Bucket& bucket : buckets_) upkeep(bucket, before, now);
  }

 private:
  static constexpr std::size_t kRequests = kGroups;
  static constexpr std::size_t kSustained = kGroups + 1;
  [[nodiscard]] Bucket& of(Group group) { return buckets_[static_cast<std::size_t>(group)]; }

  std::array<Bucket, kGroups + 2> buckets_{};
};

static_assert(sizeof(Meter) == 24);

}  // namespace sipward::limit
