#include "limit/users.h"

#include <algorithm>
#include <array>
#include <bit>
#include <tuple>

namespace sipward::limit {

Users::Users(std::size_t capacity) : entries_(std::bit_ceil(std::max(capacity, kWays))) {}

std::uint64_t Users::key_of(const Address& source, UserId user) const {
  const auto address = source.key();
  const auto id = std::bit_cast<std::array<std::byte, sizeof user>>(user);
  std::array<std::byte, std::tuple_size_v<decltype(address)> + sizeof user> key{};
  std::ranges::copy(id, std::ranges::copy(address, key.begin()).out);
  return std::max<std::uint64_t>(hash_(key), 1);
}

std::uint64_t Users::key_of(const Address& source) const {
  return std::max<std::uint64_t>(hash_(source.key()), 1);
}

std::size_t Users::group_of(std::uint64_t key) const {
  return key % (entries_.size() / kWays) * kWays;
}

const Users::Entry* Users::find(std::uint64_t key) const {
  const auto first = entries_.begin() + static_cast<std::ptrdiff_t>(group_of(key));
  const auto it = std::find_if(first, first + kWays, [key](const Entry& entry) { return entry.key == key; });
  return it == first + kWays ? nullptr : &*it;
}

// Who was refused is remembered longest: forgetting it would let somebody try on.
Users::Entry& Users::touch(std::uint64_t key, const UserLimits& limits, Instant now) {
  const auto worth = [&](const Entry& entry) {
    return std::tuple(entry.key != 0, refusals_of(&entry, limits, now) > 0, entry.last_seen);
  };
  const std::size_t group = group_of(key);
  Entry* victim = &entries_[group];
  for (std::size_t i = group; i < group + kWays; ++i) {
    Entry& entry = entries_[i];
    if (entry.key == key) {
      entry.last_seen = now;
      return entry;
    }
    if (worth(entry) < worth(*victim)) victim = &entry;
  }
  *victim = {.key = key, .refusals = 0, .window_start = now, .accepted_until = {}, .last_seen = now};
  return *victim;
}

unsigned Users::refusals_of(const Entry* entry, const UserLimits& limits, Instant now) {
  return entry && now - entry->window_start < limits.window ? entry->refusals : 0;
}

unsigned Users::count(std::uint64_t key, const UserLimits& limits, Instant now) {
  Entry& entry = touch(key, limits, now);
  if (now - entry.window_start >= limits.window) {
    entry.window_start = now;
    entry.refusals = 0;
  }
  return ++entry.refusals;
}

void Users::accept(const Address& source, UserId user, const UserLimits& limits, Instant now) {
  Entry& entry = touch(key_of(source, user), limits, now);
  entry.refusals = 0;
  entry.accepted_until = now + limits.accepted_for;
}

void Users::refuse(const Address& source, UserId user, const UserLimits& limits, Instant now) {
  if (count(key_of(source, user), limits, now) == 1) count(key_of(source), limits, now);
}

bool Users::is_blocked(const Address& source, UserId user, const UserLimits& limits, Instant now) const {
  const Entry* entry = find(key_of(source, user));
  if (refusals_of(entry, limits, now) >= limits.refusals_max) return true;
  const bool accepted = entry && entry->accepted_until > now;
  return !accepted && refused_users(source, limits, now) >= limits.users_max;
}

unsigned Users::refused_users(const Address& source, const UserLimits& limits, Instant now) const {
  return refusals_of(find(key_of(source)), limits, now);
}

}  // namespace sipward::limit
