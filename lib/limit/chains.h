// Finds entries of a fixed array by a hash, and knows which places of it are free.
#pragma once

#include <cstdint>
#include <span>

#include "limit/arena.h"

namespace sipward::limit {

// Numbers 0 … capacity-1 in chains by hash; those in no chain are free. The hashes must be keyed, so that
// nobody makes chains long: on average a chain holds one at most.
class Chains {
 public:
  using Index = std::uint32_t;
  static constexpr Index kNone = UINT32_MAX;

  Chains(Arena& arena, std::size_t capacity)
      : heads_(arena.cut<Index>(capacity)), next_(arena.cut<Index>(capacity)) {}
  [[nodiscard]] static constexpr std::size_t bytes_for(std::size_t capacity) {
    return 2 * Arena::bytes_for<Index>(capacity);
  }

  // The first in the chain for which `matches(index)`, newest first; kNone if there is none.
  [[nodiscard]] Index find(std::uint64_t hash, auto matches) const {
    for (Index link = heads_[chain_of(hash)]; link != 0; link = next_[link - 1])
      if (matches(link - 1)) return link - 1;
    return kNone;
  }
  // A free number, now in the chain of `hash`; kNone when all are taken.
  [[nodiscard]] Index add(std::uint64_t hash);
  // Frees it. `hash` is what it was added with.
  void remove(std::uint64_t hash, Index index);

 private:
  [[nodiscard]] std::size_t chain_of(std::uint64_t hash) const {
    return static_cast<std::size_t>((hash >> 32U) * heads_.size() >> 32U);
  }

  // Links are numbers plus one, so that zeroed memory is empty.
  std::span<Index> heads_;
  std::span<Index> next_;
  Index freed_ = 0;
  Index never_used_ = 0;  // from here on all are free
};

}  // namespace sipward::limit
