// What our softswitch told one source alone, so that its coming back proves that the source received it.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <string_view>
#include <vector>

#include "base/address.h"
#include "base/keyed_hash.h"

namespace sipward::limit {

// Nonces, and the tags of accepted calls, by keyed hashes: one in each of kPlaces places, the newest wins.
// What was told to two sources proves nothing any more: some softswitches give everybody the same nonce
// within a second, or make a To tag of what the request says. For many threads, without a lock.
class Proofs {
 public:
  static constexpr std::size_t kPlaces = std::size_t{1} << 18U;

  // An empty one is none. `spendable`: see spend().
  void remember(const Address& source, std::string_view told, bool spendable = false);
  [[nodiscard]] bool holds(const Address& source, std::string_view told) const;
  // Whether it holds, is spendable and was not spent.
  [[nodiscard]] bool is_unspent(const Address& source, std::string_view told) const;
  // It holds on.
  void spend(const Address& source, std::string_view told);

 private:
  // Which place, and what stands in it: the upper half for what was told, the lower one for the source.
  struct Entry {
    std::size_t place;
    std::uint64_t value;
  };
  static constexpr std::uint64_t kSourceBits = 0xffffffffU;  // all zero: told to several
  static constexpr std::uint64_t kUnspent = 2;               // of these; clear: spent, or not spendable

  [[nodiscard]] Entry entry_of(const Address& source, std::string_view told) const;

  KeyedHash hash_;
  std::vector<std::atomic<std::uint64_t>> places_ = std::vector<std::atomic<std::uint64_t>>(kPlaces);
};

}  // namespace sipward::limit
