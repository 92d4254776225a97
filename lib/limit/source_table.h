// What is remembered of each source: fixed memory, filled by strangers.
#pragma once

#include <array>
#include <chrono>
#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

#include "base/address.h"
#include "base/clock.h"
#include "base/keyed_hash.h"
#include "limit/score.h"

namespace sipward::limit {

struct Source {
  Address address;
  bool used = false;
  std::uint8_t last_drop_reason = 0;  // a decide::Reason; meaningful when dropped > 0
  std::uint32_t refused = 0;          // distinct refused requests since window_start
  std::uint64_t last_transaction =
      0;  // keyed hash of the last refused request's top Via, so a retransmission is no second one
  Instant window_start;
  Instant evidence_at;         // when evidence of it was last kept
  Instant banned_until;        // decided here; the kernel's set follows within a batch
  Instant observed_ban_until;  // what banned_until would be if nothing were only observed
  Instant first_seen;
  Instant last_seen;
  std::uint64_t read = 0;
  std::uint64_t dropped = 0;
  Score score;
};

// A set-associative table: a keyed hash picks a group of kWays places, a new source takes the free or least
// recently seen one of its group. A place whose ban is still running is given up last. Memory is taken at
// construction; IPv4 and IPv6 keys cannot meet, for the family is part of the key. One thread at a time.
class SourceTable {
 public:
  static constexpr std::size_t kWays = 8;

  // Rounded up to a power of two, at least kWays.
  explicit SourceTable(std::size_t capacity);

  // The source's place, made if it is new. Valid until the next call.
  [[nodiscard]] Source& touch(const Address& address, Instant now);
  [[nodiscard]] const Source* find(const Address& address) const;
  // Forgets that the sources inside `net` are banned, and their scores, which would ban them again at once;
  // how many were banned.
  std::size_t lift_bans(const Prefix& net);

  // Counts a refused request; returns how many distinct ones the window holds now. The same `transaction` as
  // the last time is a retransmission and does not count again (RFC 3261 section 17.1.2); an empty one is
  // never the same.
  std::uint32_t count_refused(Source& source, std::string_view transaction, std::chrono::milliseconds window,
                              Instant now);

  // The `n` sources with the most packets, most first.
  [[nodiscard]] std::vector<Source> top(std::size_t n) const;

  [[nodiscard]] std::size_t capacity() const { return places_.size(); }
  [[nodiscard]] std::uint64_t evictions() const { return evictions_; }

 private:
  [[nodiscard]] std::size_t group_of(const Address& address) const;

  KeyedHash hash_;
  std::vector<Source> places_;
  std::uint64_t evictions_ = 0;
};

}  // namespace sipward::limit
