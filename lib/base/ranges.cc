#include "base/ranges.h"

#include <algorithm>
#include <map>
#include <set>

namespace sipward {
namespace {

constexpr WallTime kForever = WallTime::max();

// Where the set of covering prefixes changes: `opens` start at `at`, `closes` end just before it.
struct Change {
  std::vector<WallTime> opens;
  std::vector<WallTime> closes;
};

void append(std::vector<TimedRange>& ranges, const Address& first, const Address& last, WallTime end) {
  const std::optional<WallTime> expires = end == kForever ? std::nullopt : std::optional(end);
  if (!ranges.empty() && ranges.back().expires == expires) {
    Address next = ranges.back().last;
    if (next.increment() && next == first) {
      ranges.back().last = last;
      return;
    }
  }
  ranges.push_back({first, last, expires});
}

}  // namespace

std::vector<TimedRange> disjoint_ranges(std::span<const TimedPrefix> prefixes, Family family) {
  // A prefix that reaches the family's last address never closes: there is no address after it.
  std::map<Address, Change> changes;
  Address top;
  for (const TimedPrefix& entry : prefixes) {
    if (entry.prefix.family() != family) continue;
    const WallTime end = entry.expires.value_or(kForever);
    top = Prefix(entry.prefix.base(), 0).last();
    changes[entry.prefix.base()].opens.push_back(end);
    Address after = entry.prefix.last();
    if (after.increment()) changes[after].closes.push_back(end);
  }

  std::vector<TimedRange> ranges;
  std::multiset<WallTime> open;
  for (auto it = changes.begin(); it != changes.end(); ++it) {
    for (const WallTime end : it->second.closes) open.erase(open.find(end));
    for (const WallTime end : it->second.opens) open.insert(end);
    if (open.empty()) continue;
    const auto next = std::next(it);
    Address last = top;
    if (next != changes.end()) last = next->first.decremented();
    append(ranges, it->first, last, *open.rbegin());
  }
  return ranges;
}

}  // namespace sipward
