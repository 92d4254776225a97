#include "limit/source_table.h"

#include <algorithm>
#include <bit>
#include <tuple>
#include <utility>

namespace sipward::limit {
namespace {

// What may be overwritten first: a free place, then the one seen longest ago; a running ban keeps its place
// longest.
bool goes_before(const Source& a, const Source& b, Instant now) {
  const auto rank = [now](const Source& s) {
    return std::tuple(s.used, s.used && s.banned_until > now, s.last_seen);
  };
  return rank(a) < rank(b);
}

}  // namespace

SourceTable::SourceTable(std::size_t capacity) : places_(std::bit_ceil(std::max(capacity, kWays))) {}

std::size_t SourceTable::group_of(const Address& address) const {
  const auto key = address.key();
  return hash_(key) % (places_.size() / kWays) * kWays;
}

const Source* SourceTable::find(const Address& address) const {
  const std::size_t group = group_of(address);
  for (std::size_t i = group; i < group + kWays; ++i)
    if (places_[i].used && places_[i].address == address) return &places_[i];
  return nullptr;
}

Source& SourceTable::touch(const Address& address, Instant now) {
  const std::size_t group = group_of(address);
  Source* victim = &places_[group];
  for (std::size_t i = group; i < group + kWays; ++i) {
    Source& place = places_[i];
    if (place.used && place.address == address) {
      place.last_seen = now;
      return place;
    }
    if (goes_before(place, *victim, now)) victim = &place;
  }
  if (victim->used) ++evictions_;
  *victim = Source{};
  victim->used = true;
  victim->address = address;
  victim->first_seen = victim->last_seen = victim->window_start = now;
  return *victim;
}

std::size_t SourceTable::lift_bans(const Prefix& net) {
  std::size_t lifted = 0;
  for (Source& place : places_) {
    if (!place.used || !net.contains(place.address)) continue;
    place.score = {};
    place.observed_ban_until = Instant{};
    if (std::exchange(place.banned_until, Instant{}) != Instant{}) ++lifted;
  }
  return lifted;
}

std::uint32_t SourceTable::count_refused(Source& source, std::string_view transaction,
                                         std::chrono::milliseconds window, Instant now) {
  const std::uint64_t id = hash_(std::as_bytes(std::span(transaction)));
  if (now - source.window_start >= window) {
    source.window_start = now;
    source.refused = 0;
  }
  if (!transaction.empty() && source.refused > 0 && id == source.last_transaction) return source.refused;
  source.last_transaction = id;
  return ++source.refused;
}

std::vector<Source> SourceTable::top(std::size_t n) const {
  std::vector<Source> sources;
  std::ranges::copy_if(places_, std::back_inserter(sources), &Source::used);
  const auto more = [](const Source& a, const Source& b) { return a.read > b.read; };
  const std::size_t kept = std::min(n, sources.size());
  std::partial_sort(sources.begin(), sources.begin() + static_cast<std::ptrdiff_t>(kept), sources.end(),
                    more);
  sources.resize(kept);
  return sources;
}

}  // namespace sipward::limit
