// Responses that came in from strangers. What a proxy passes on of them is not the softswitch's own word.
#pragma once

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "base/keyed_hash.h"

namespace sipward::limit {

// Remembers the last ones, by keyed hashes of Call-ID and CSeq number: one in each of kPlaces places, the
// newest wins. It needs to hold one only for as long as the softswitch takes to pass it on. For many threads,
// without a lock.
class Relayed {
 public:
  static constexpr std::size_t kPlaces = 8192;

  void note(std::string_view call_id, std::uint32_t cseq);
  [[nodiscard]] bool holds(std::string_view call_id, std::uint32_t cseq) const;

 private:
  [[nodiscard]] std::uint64_t hash_of(std::string_view call_id, std::uint32_t cseq) const;

  KeyedHash hash_;
  std::array<std::atomic<std::uint64_t>, kPlaces> places_{};
};

}  // namespace sipward::limit
