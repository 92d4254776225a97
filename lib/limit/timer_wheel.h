// Tells which entries of a fixed array are due, without looking at the others.
#pragma once

#include <cstdint>
#include <span>

#include "base/clock.h"
#include "limit/arena.h"

namespace sipward::limit {

// A slot for each second of the next kSlots - 1. An entry that is armed lives `life_s` whole seconds and the
// rest of the second that it was armed in. Time that goes back stands still.
class TimerWheel {
 public:
  using Index = std::uint32_t;
  static constexpr std::uint32_t kSlots = 8192;
  static constexpr std::uint32_t kLifeMax_s = kSlots - 2;

  TimerWheel(Arena& arena, std::size_t capacity)
      : slots_(arena.cut<Index>(kSlots)), links_(arena.cut<Links>(capacity)) {}
  [[nodiscard]] static constexpr std::size_t bytes_for(std::size_t capacity) {
    return Arena::bytes_for<Index>(kSlots) + Arena::bytes_for<Links>(capacity);
  }

  // Goes on to `now`; expired(index) is called for each entry that is due and armed no more. It may arm it,
  // or others, again. At most kSlots slots are looked at, however long it was.
  void advance(Instant now, auto expired) {
    const std::uint32_t target_s = seconds_of(now);
    if (target_s <= now_s_) return;
    const std::uint32_t steps = target_s - now_s_ < kSlots ? target_s - now_s_ : kSlots;
    for (now_s_ = target_s - steps; now_s_ != target_s;) {
      ++now_s_;
      while (const Index link = slots_[now_s_ % kSlots]) {
        disarm(link - 1);
        expired(link - 1);
      }
    }
  }
  // `life_s` from now, kLifeMax_s at most. The entry must not be armed.
  void arm(Index index, std::uint32_t life_s);
  void disarm(Index index);

  // Seconds of the clock; never less than before.
  [[nodiscard]] std::uint32_t now_s() const { return now_s_; }

 private:
  struct Links {
    Index next;      // plus one
    Index previous;  // plus one; 0: the slot itself
    std::uint32_t slot;
  };
  [[nodiscard]] static std::uint32_t seconds_of(Instant now);

  std::span<Index> slots_;  // first entry, plus one
  std::span<Links> links_;
  std::uint32_t now_s_ = 0;
};

}  // namespace sipward::limit
