// Source ports in use at once, by address and prefix.
#pragma once

#include <cstdint>
#include <span>

#include "base/address.h"
#include "base/clock.h"
#include "base/keyed_hash.h"
#include "limit/allowance.h"
#include "limit/arena.h"
#include "limit/chains.h"
#include "limit/owners.h"
#include "limit/timer_wheel.h"

namespace sipward::limit {

// A flow is an address and a port; silent for kIdle_s it is free again (and up to a second later). Fixed
// memory, taken at construction and touched as it is used. Time that goes back stands still. One thread at a
// time. No call allocates or throws.
class Flows {
 public:
  enum class Held : std::uint8_t { held, over_address, over_prefix, full };
  static constexpr std::uint32_t kIdle_s = 60;

  // At most `capacity` flows, at least 1.
  explicit Flows(std::size_t capacity);

  // To be asked for each packet. A flow that is held stays so whatever the caps; a new one that would be over
  // a cap is not held, and neither is one when all places are taken (`full`: pass the packet and count).
  [[nodiscard]] Held hold(const Address& source, std::uint16_t port, const Caps& caps, Instant now);

  // Flows held, as of the last hold().
  [[nodiscard]] unsigned of(const Address& source) const { return owners_.of_address(source); }
  [[nodiscard]] unsigned of_prefix(const Address& member) const { return owners_.of_prefix(member); }
  [[nodiscard]] std::size_t size() const { return size_; }
  [[nodiscard]] std::size_t capacity() const { return entries_.size(); }
  [[nodiscard]] std::size_t bytes() const { return arena_.size(); }

 private:
  using Index = Chains::Index;
  struct Entry {
    Index owner;
    std::uint32_t seen_s;
    std::uint16_t port;
  };
  static_assert(sizeof(Entry) == 12);

  [[nodiscard]] static std::size_t bytes_for(std::size_t capacity);
  [[nodiscard]] std::uint64_t hash_of(const Address& source, std::uint16_t port) const;
  [[nodiscard]] Index find(std::uint64_t hash, const Address& source, std::uint16_t port) const;
  void expire(Instant now);
  void forget(Index index);

  KeyedHash hash_;
  Arena arena_;
  std::span<Entry> entries_;
  Chains by_key_;
  TimerWheel wheel_;
  Owners owners_;
  std::size_t size_ = 0;
};

}  // namespace sipward::limit
