// Rates with bursts, charged by the generic cell rate algorithm (ITU-T I.371, annex A, as virtual
// scheduling).
#pragma once

#include <algorithm>
#include <chrono>
#include <cstdint>

namespace sipward::limit {

// Time in units of 100 µs, modulo 2^32 (119 hours): only times less than half of that apart can be compared.
// Who keeps buckets settles them in time (Bucket::settle).
using Ticks = std::uint32_t;
using TickDuration = std::chrono::duration<std::int64_t, std::ratio<1, 10'000>>;
inline constexpr Ticks kTicksPerSecond = 10'000;

// `count` in each `period` in the long run, and `burst` at once. Made of nothing it is no rate: unlimited.
class Rate {
 public:
  // The longest time in which a full bucket may become empty: burst * interval.
  static constexpr Ticks kSpanMax = 24 * 3600 * kTicksPerSecond;
  static constexpr std::uint32_t kPerSecondMax = 1000;  // a tenth of the ticks: kept to a tenth at worst

  constexpr Rate() = default;
  // `count` and `burst` at least 1. What is not possible() is cut to what is.
  constexpr Rate(std::uint32_t count, std::chrono::milliseconds period, std::uint32_t burst)
      : count_(std::max(count, 1U)), period_(period), interval_(interval_of(count_, period)) {
    burst_ = std::clamp(burst, 1U, kSpanMax / interval_);
  }

  // Whether a rate can be kept as it is written: not above kPerSecondMax, its bucket empty within kSpanMax.
  [[nodiscard]] static constexpr bool possible(std::uint32_t count, std::chrono::milliseconds period,
                                               std::uint32_t burst) {
    if (count == 0 || burst == 0 || period.count() <= 0 || period > std::chrono::hours(24)) return false;
    return std::uint64_t{count} * 1000 <= static_cast<std::uint64_t>(period.count()) * kPerSecondMax &&
           burst <= kSpanMax / interval_of(count, period);
  }

  [[nodiscard]] constexpr bool limited() const { return count_ != 0; }
  [[nodiscard]] constexpr std::uint32_t count() const { return count_; }
  [[nodiscard]] constexpr std::chrono::milliseconds period() const { return period_; }
  [[nodiscard]] constexpr std::uint32_t burst() const { return burst_; }
  // Between two, in the long run; 0 when unlimited. Cut to whole ticks, so never less is allowed than was
  // set.
  [[nodiscard]] constexpr Ticks interval() const { return interval_; }
  // `factor` times as many, and as many at once.
  [[nodiscard]] constexpr Rate times(std::uint32_t factor) const {
    return limited() ? Rate(count_ * factor, period_, burst_ * factor) : Rate();
  }

  friend constexpr bool operator==(const Rate&, const Rate&) = default;

 private:
  static constexpr Ticks interval_of(std::uint32_t count, std::chrono::milliseconds period) {
    const std::int64_t ticks = TickDuration(period).count() / count;
    return static_cast<Ticks>(std::clamp<std::int64_t>(ticks, 1, kSpanMax));
  }

  std::uint32_t count_ = 0;
  std::uint32_t burst_ = 0;
  std::chrono::milliseconds period_{};
  Ticks interval_ = 0;
};

// The state of one rate for one source: when what was charged will have drained away. 4 bytes. The rate is
// not part of it: a source that changes its class, or a new configuration, goes on with what was charged
// before, cut to a full bucket of the rate it has now.
class Bucket {
 public:
  constexpr Bucket() = default;
  // Empty at `now`.
  explicit constexpr Bucket(Ticks now) : empty_at_(now) {}

  // Whether one more may pass at `now`. Always true for a rate without limit.
  [[nodiscard]] constexpr bool has_room(const Rate& rate, Ticks now) {
    if (!rate.limited()) return true;
    const Ticks full = rate.burst() * rate.interval();
    if (level(now) > full) empty_at_ = now + full;
    return level(now) <= full - rate.interval();
  }
  // Takes one more; has_room() has said that there is room.
  constexpr void charge(const Rate& rate, Ticks now) {
    if (rate.limited()) empty_at_ = now + level(now) + rate.interval();
  }
  // To be called at least every 2^31 ticks (59 hours): for as long the bucket can be asked afterwards.
  constexpr void settle(Ticks now) { empty_at_ = now + level(now); }

 private:
  [[nodiscard]] constexpr Ticks level(Ticks now) const {
    return static_cast<Ticks>(std::max(static_cast<std::int32_t>(empty_at_ - now), 0));
  }

  Ticks empty_at_ = 0;
};

static_assert(sizeof(Bucket) == 4);

}  // namespace sipward::limit
