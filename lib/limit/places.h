// A table of fixed size that strangers fill.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>

#include "base/keyed_hash.h"
#include "limit/arena.h"
#include "limit/table_time.h"
#include "limit/worth.h"

namespace sipward::limit {

// Set-associative: a keyed hash picks a group of kWays places. A new key takes a free place of its group, or
// that of the least Worth, and of these the one seen longest ago. Keys lie apart from the states, so that a
// search reads few lines of memory. Key: std::array of bytes. State: zero bytes are one that is free.
template <class Key, class State>
class Places {
 public:
  static constexpr std::size_t kWays = 8;
  static constexpr std::size_t kGroupBytes = kWays * (sizeof(Key) + sizeof(Eighths) + sizeof(State));

  // `groups` at least 1.
  Places(Arena& arena, std::size_t groups)
      : groups_(arena.cut<Group>(groups)), states_(arena.cut<State>(groups * kWays)) {}
  [[nodiscard]] static constexpr std::size_t bytes_for(std::size_t groups) {
    return Arena::bytes_for<Group>(groups) + Arena::bytes_for<State>(groups * kWays);
  }
  // As many groups as `bytes` hold, one at least.
  [[nodiscard]] static constexpr std::size_t groups_in(std::size_t bytes) {
    constexpr std::size_t kRounding = 2 * Arena::kAlignment;
    return bytes < kGroupBytes + kRounding ? 1 : (bytes - kRounding) / kGroupBytes;
  }

  struct Visit {
    State& state;
    Eighths before;  // when it was seen before; 0: it is new, and `state` is what was in its place
  };
  // The key's place, seen now. `worth(state)` tells a Worth.
  [[nodiscard]] Visit touch(const Key& key, Eighths now, auto worth) {
    const std::size_t number = group_of(key);
    Group& group = groups_[number];
    std::size_t way = group.find(key);
    Eighths before = 0;
    if (way != kWays) {
      before = group.seen[way];
    } else {
      way = victim(number, worth);
      if (group.seen[way] != 0) ++evictions_;
      group.keys[way] = key;
    }
    group.seen[way] = now;
    return {states_[number * kWays + way], before};
  }
  [[nodiscard]] const State* find(const Key& key) const {
    const std::size_t number = group_of(key);
    const std::size_t way = groups_[number].find(key);
    return way == kWays ? nullptr : &states_[number * kWays + way];
  }

  // Of a state in this table.
  [[nodiscard]] bool holds(const State& state) const {
    return &state >= states_.data() && &state < states_.data() + states_.size();
  }
  [[nodiscard]] const Key& key_of(const State& state) const {
    return groups_[place_of(state) / kWays].keys[place_of(state) % kWays];
  }
  [[nodiscard]] Eighths seen(const State& state) const {
    return groups_[place_of(state) / kWays].seen[place_of(state) % kWays];
  }

  // Calls f(state) for each that is in use.
  void for_each(auto f) const {
    for (std::size_t place = 0; place < states_.size(); ++place)
      if (groups_[place / kWays].seen[place % kWays] != 0) f(states_[place]);
  }

  [[nodiscard]] std::size_t capacity() const { return states_.size(); }
  [[nodiscard]] std::uint64_t evictions() const { return evictions_; }

 private:
  struct Group {
    std::array<Key, kWays> keys;
    std::array<Eighths, kWays> seen;  // 0: free

    [[nodiscard]] std::size_t find(const Key& key) const {
      std::size_t way = 0;
      while (way < kWays && (keys[way] != key || seen[way] == 0)) ++way;
      return way;
    }
    // Among those that are not `passed`, as a set of bits: a free one, or the one seen longest ago.
    [[nodiscard]] std::size_t oldest(unsigned passed) const {
      std::size_t oldest = kWays;
      for (std::size_t way = 0; way < kWays; ++way)
        if ((passed >> way & 1U) == 0 && (oldest == kWays || seen[way] < seen[oldest])) oldest = way;
      return oldest;
    }
  };
  static_assert(sizeof(Group) + kWays * sizeof(State) == kGroupBytes);

  [[nodiscard]] std::size_t group_of(const Key& key) const {
    return static_cast<std::size_t>((hash_(key) >> 32U) * groups_.size() >> 32U);
  }
  [[nodiscard]] std::size_t place_of(const State& state) const {
    return static_cast<std::size_t>(&state - states_.data());
  }
  // From the oldest on, so that mostly one state is read.
  [[nodiscard]] std::size_t victim(std::size_t number, auto worth) const {
    const Group& group = groups_[number];
    std::size_t best = kWays;
    Worth least = Worth::held;
    for (unsigned passed = 0; passed != (1U << kWays) - 1;) {
      const std::size_t way = group.oldest(passed);
      passed |= 1U << way;
      const Worth found = group.seen[way] == 0 ? Worth::nothing : worth(states_[number * kWays + way]);
      if (best == kWays || found < least) {
        best = way;
        least = found;
      }
      if (least == Worth::nothing) break;
    }
    return best;
  }

  KeyedHash hash_;
  std::span<Group> groups_;
  std::span<State> states_;
  std::uint64_t evictions_ = 0;
};

}  // namespace sipward::limit
