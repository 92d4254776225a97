#include "limit/proofs.h"

#include <algorithm>
#include <array>
#include <bit>
#include <span>

namespace sipward::limit {

Proofs::Entry Proofs::entry_of(const Address& source, std::string_view told) const {
  const std::uint64_t what = hash_(std::as_bytes(std::span(told)));
  const auto address = source.key();
  std::array<std::byte, address.size() + sizeof what> both{};
  std::ranges::copy(std::bit_cast<std::array<std::byte, sizeof what>>(what),
                    std::ranges::copy(address, both.begin()).out);
  const std::uint64_t whose = (hash_(both) & kSourceBits) | kUnspent | 1U;
  return {what % kPlaces, (what & ~kSourceBits) | whose};
}

void Proofs::remember(const Address& source, std::string_view told, bool spendable) {
  if (told.empty()) return;
  const auto [place, value] = entry_of(source, told);
  const std::uint64_t held = places_[place].load(std::memory_order_relaxed);
  if ((held | kUnspent) == value) return;  // told again
  const bool told_to_others = (held & ~kSourceBits) == (value & ~kSourceBits) && held != 0;
  const std::uint64_t own = spendable ? value : value & ~kUnspent;
  places_[place].store(told_to_others ? value & ~kSourceBits : own, std::memory_order_relaxed);
}

bool Proofs::holds(const Address& source, std::string_view told) const {
  if (told.empty()) return false;
  const auto [place, value] = entry_of(source, told);
  return (places_[place].load(std::memory_order_relaxed) | kUnspent) == value;
}

bool Proofs::is_unspent(const Address& source, std::string_view told) const {
  if (told.empty()) return false;
  const auto [place, value] = entry_of(source, told);
  return places_[place].load(std::memory_order_relaxed) == value;
}

void Proofs::spend(const Address& source, std::string_view told) {
  auto [place, value] = entry_of(source, told);
  // Unless another took its place meanwhile.
  places_[place].compare_exchange_strong(value, value & ~kUnspent, std::memory_order_relaxed);
}

}  // namespace sipward::limit
