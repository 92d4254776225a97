// How often, and how many different things, within the last so many seconds.
#pragma once

#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>

#include "base/clock.h"
#include "limit/rate.h"

namespace sipward::limit {

// Counts what happened within a window, by quarters of it: all of the window counts, and up to a quarter
// more. So N in any window are never missed, wherever a border of the quarters falls.
class WindowCount {
 public:
  // One more, `at` at most a window before `now`.
  void add(Instant at, std::chrono::milliseconds window, Instant now);
  // After the last add. Windows of one count should be the same; with another one it starts anew.
  [[nodiscard]] unsigned count(std::chrono::milliseconds window, Instant now) const;

 private:
  static constexpr unsigned kQuarters = 5;  // four that are full, and the one that fills
  std::uint32_t newest_ = 0;                // number of a quarter
  std::uint32_t quarter_ms_ = 0;
  std::array<std::uint16_t, kQuarters> counts_{};  // by quarter number modulo kQuarters; saturating
};

// Counts distinct things, named by hashes. Up to kExact of them are told apart and leave the window exactly
// when they were last seen a window ago. With more in the window, each that is not among the last kExact
// counts again, and stays up to a quarter of the window longer: let a threshold be kExact at most where that
// matters.
template <std::size_t kExact>
class Offences {
 public:
  // `window`: a day at most. Returns how many the window holds, this one included. `proven`: nobody else can
  // have done it in the source's name.
  unsigned add(std::uint32_t what, std::chrono::milliseconds window, Instant now, bool proven = false);
  [[nodiscard]] unsigned count(std::chrono::milliseconds window, Instant now) const;
  // Of kExact of these, those that were proven: what was not gives way first.
  [[nodiscard]] unsigned proven(std::chrono::milliseconds window, Instant now) const;
  // When something was last added; zero: never.
  [[nodiscard]] Instant last() const { return last_; }

 private:
  struct One {
    std::uint32_t what : 31 = 0;
    std::uint32_t proven : 1 = 0;
    Ticks at = 0;
  };
  [[nodiscard]] bool is_within(const One& one, std::chrono::milliseconds window, Instant now) const;
  [[nodiscard]] bool is_over(std::chrono::milliseconds window, Instant now) const;
  [[nodiscard]] One* least(Ticks now);
  void forget_old(std::chrono::milliseconds window, Instant now);

  Instant last_;
  WindowCount others_;
  std::uint32_t size_ = 0;
  std::array<One, kExact> ones_{};  // the first size_, in no order
};

extern template class Offences<12>;
extern template class Offences<16>;
extern template class Offences<24>;

}  // namespace sipward::limit
