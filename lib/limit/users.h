// Whose credentials the softswitch accepted or refused behind one address, so that one phone with a wrong
// password is told apart from its neighbours behind the same NAT, and from somebody who tries many users.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "base/address.h"
#include "base/clock.h"
#include "base/keyed_hash.h"

namespace sipward::limit {

// A hash of a username, keyed by whoever makes it. Two users that share one share their fate.
using UserId = std::uint32_t;

struct UserLimits {
  unsigned refusals_max = 10;  // so many of one user, and the user is not served for the window's rest
  unsigned users_max = 10;     // so many refused ones of one address, and only accepted ones are served
  std::chrono::milliseconds window{};
  std::chrono::milliseconds accepted_for{};  // how long an accepted user counts as such
};

// Fixed memory: a key's hash picks kWays places, and what matters least in them gives way. One thread at a
// time.
class Users {
 public:
  static constexpr std::size_t kWays = 8;

  // For so many users at least, 40 bytes each.
  explicit Users(std::size_t capacity);

  void accept(const Address& source, UserId user, const UserLimits& limits, Instant now);
  void refuse(const Address& source, UserId user, const UserLimits& limits, Instant now);

  // Whether requests with credentials of `user` are not to be served.
  [[nodiscard]] bool is_blocked(const Address& source, UserId user, const UserLimits& limits,
                                Instant now) const;
  // Refused users of `source` within the window.
  [[nodiscard]] unsigned refused_users(const Address& source, const UserLimits& limits, Instant now) const;

 private:
  // Of a user behind an address: its refusals. Of the address itself: its refused users.
  struct Entry {
    std::uint64_t key = 0;  // 0: free
    unsigned refusals = 0;
    Instant window_start;
    Instant accepted_until;
    Instant last_seen;
  };

  [[nodiscard]] std::uint64_t key_of(const Address& source, UserId user) const;
  [[nodiscard]] std::uint64_t key_of(const Address& source) const;
  [[nodiscard]] std::size_t group_of(std::uint64_t key) const;
  [[nodiscard]] const Entry* find(std::uint64_t key) const;
  [[nodiscard]] Entry& touch(std::uint64_t key, const UserLimits& limits, Instant now);
  // Within the window; one that is over counts nothing.
  [[nodiscard]] static unsigned refusals_of(const Entry* entry, const UserLimits& limits, Instant now);
  // One more; how many the window holds with it.
  unsigned count(std::uint64_t key, const UserLimits& limits, Instant now);

  KeyedHash hash_;
  std::vector<Entry> entries_;
};

}  // namespace sipward::limit
