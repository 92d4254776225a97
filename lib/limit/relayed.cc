#include "limit/relayed.h"

#include <span>

namespace sipward::limit {

// Never 0, which is a place that nothing has taken.
std::uint64_t Relayed::hash_of(std::string_view call_id, std::uint32_t cseq) const {
  const std::array<std::uint64_t, 2> parts{hash_(std::as_bytes(std::span(call_id))), cseq};
  return hash_(std::as_bytes(std::span(parts))) | 1U;
}

void Relayed::note(std::string_view call_id, std::uint32_t cseq) {
  const std::uint64_t hash = hash_of(call_id, cseq);
  places_[(hash >> 1U) % kPlaces].store(hash, std::memory_order_relaxed);
}

bool Relayed::holds(std::string_view call_id, std::uint32_t cseq) const {
  const std::uint64_t hash = hash_of(call_id, cseq);
  return places_[(hash >> 1U) % kPlaces].load(std::memory_order_relaxed) == hash;
}

}  // namespace sipward::limit
