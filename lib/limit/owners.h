// How many of something each address has, and each prefix.
#pragma once

#include <array>
#include <cstdint>
#include <span>

#include "base/address.h"
#include "base/keyed_hash.h"
#include "limit/allowance.h"
#include "limit/chains.h"

namespace sipward::limit {

// The net whose members share what a prefix may do: IPv4 /24, IPv6 /64.
[[nodiscard]] Prefix neighbourhood(const Address& address);

// Exact counts of `capacity` things at most, and so of as many addresses and prefixes: there is always a
// place for the owner of one more. An address without any is forgotten.
class Owners {
 public:
  using Index = Chains::Index;
  enum class Room : std::uint8_t { enough, address_full, prefix_full };

  Owners(Arena& arena, std::size_t capacity);
  [[nodiscard]] static std::size_t bytes_for(std::size_t capacity);

  [[nodiscard]] unsigned of_address(const Address& address) const;
  [[nodiscard]] unsigned of_prefix(const Address& member) const;
  // Whether the address and its prefix may have one more.
  [[nodiscard]] Room room(const Address& address, const Caps& caps) const;

  // One more for the address and its prefix. The number stands for the address until it has none.
  [[nodiscard]] Index add(const Address& address);
  void add(Index owner);
  void remove(Index owner);
  [[nodiscard]] Address address_of(Index owner) const { return addresses_.entries[owner].base; }

 private:
  struct Entry {
    Address base;  // of the prefix; the address itself
    std::uint32_t count;
    Index prefix;  // an address's
  };
  struct Table {
    Table(Arena& arena, std::size_t capacity)
        : entries(arena.cut<Entry>(capacity)), by_base(arena, capacity) {}
    std::span<Entry> entries;
    Chains by_base;
  };

  [[nodiscard]] std::uint64_t hash_of(const Address& base) const;
  [[nodiscard]] Index find(const Table& table, const Address& base) const;
  [[nodiscard]] unsigned count_of(const Table& table, const Address& base) const;
  // Its entry, made if there is none.
  [[nodiscard]] Index touch(Table& table, const Address& base);
  // One less; its entry is free when it has none.
  void remove(Table& table, Index index);

  KeyedHash hash_;
  Table addresses_;
  Table prefixes_;
};

}  // namespace sipward::limit
