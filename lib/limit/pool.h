// Records for the few entries of a table that need more room than their place has.
#pragma once

#include <cstdint>
#include <span>

#include "base/clock.h"
#include "limit/arena.h"
#include "limit/worth.h"

namespace sipward::limit {

// A record belongs to one owner, which keeps its number. When all are taken, a hand goes round over them: of
// the next kWindow the one of least Worth gives way, and of these the one used longest ago; if all of them
// are held, the hand goes on, kWindowsMax times at most. Record: has `Worth worth(Instant) const`.
template <class Record, class Owner>
class Pool {
 public:
  using Number = std::uint32_t;  // from 1 on; 0 is none

  static constexpr std::size_t kWindow = 32;
  static constexpr unsigned kWindowsMax = 8;

  Pool(Arena& arena, std::size_t capacity) : entries_(arena.cut<Entry>(capacity)) {}
  [[nodiscard]] static constexpr std::size_t bytes_for(std::size_t capacity) {
    return Arena::bytes_for<Entry>(capacity);
  }
  // As many as `bytes` hold, one at least.
  [[nodiscard]] static constexpr std::size_t count_in(std::size_t bytes) {
    return bytes < sizeof(Entry) + Arena::kAlignment ? 1 : (bytes - Arena::kAlignment) / sizeof(Entry);
  }

  // A new record. leave(owner) is called for the owner of one that gives way.
  [[nodiscard]] Number take(Owner& owner, Instant now, auto leave) {
    Number number = freed_;
    if (number != 0) {
      freed_ = entry(number).next;
    } else if (used_ < entries_.size()) {
      number = static_cast<Number>(++used_);
    } else {
      number = victim(now);
      leave(*entry(number).owner);
      ++evictions_;
    }
    entry(number) = Entry{.record = {}, .owner = &owner, .used = now};
    return number;
  }
  void release(Number number) {
    entry(number).owner = nullptr;
    entry(number).next = freed_;
    freed_ = number;
  }
  // Marks it as used.
  [[nodiscard]] Record& use(Number number, Instant now) {
    entry(number).used = now;
    return entry(number).record;
  }
  [[nodiscard]] Record& at(Number number) { return entry(number).record; }
  [[nodiscard]] const Record& at(Number number) const { return entries_[number - 1].record; }

  // Calls f(record, owner) for each that is taken.
  void for_each(auto f) {
    for (Entry& entry : entries_.first(used_))
      if (entry.owner) f(entry.record, *entry.owner);
  }

  [[nodiscard]] std::size_t capacity() const { return entries_.size(); }
  [[nodiscard]] std::uint64_t evictions() const { return evictions_; }

 private:
  struct Entry {
    Record record;
    Owner* owner;  // null: released
    Instant used;
    Number next = 0;  // of one that was released
  };

  [[nodiscard]] Entry& entry(Number number) { return entries_[number - 1]; }

  [[nodiscard]] Number victim(Instant now) {
    Number best = 0;
    Worth least = Worth::held;
    for (unsigned window = 0; window < kWindowsMax && (best == 0 || least == Worth::held); ++window) {
      for (std::size_t i = 0; i < kWindow; ++i) {
        const auto number = static_cast<Number>(hand_ + 1);
        hand_ = (hand_ + 1) % entries_.size();
        const Worth worth = entry(number).record.worth(now);
        if (best != 0 && (worth > least || (worth == least && entry(number).used >= entry(best).used)))
          continue;
        best = number;
        least = worth;
      }
    }
    return best;
  }

  std::span<Entry> entries_;
  std::size_t used_ = 0;  // from here on they were never taken
  std::size_t hand_ = 0;
  Number freed_ = 0;
  std::uint64_t evictions_ = 0;
};

}  // namespace sipward::limit
