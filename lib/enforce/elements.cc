#include "enforce/elements.h"

#include <algorithm>

namespace sipward::enforce {
namespace {

std::vector<std::byte> key_of(const Address& address) {
  return {address.bytes().begin(), address.bytes().end()};
}

bool is_over(const std::optional<WallTime>& expires, WallTime now) {
  return expires && *expires <= now;
}

std::optional<std::chrono::milliseconds> left(const std::optional<WallTime>& expires, WallTime now) {
  if (!expires) return std::nullopt;
  return *expires - now;
}

}  // namespace

Element host_element(const Address& address) {
  return {.key = key_of(address)};
}

std::vector<Element> host_elements(std::span<const TimedPrefix> entries, Family family, WallTime now) {
  return prefix_elements(entries, family, family == Family::ipv4 ? 32 : 128, now);
}

std::vector<Element> prefix_elements(std::span<const TimedPrefix> entries, Family family, unsigned length,
                                     WallTime now) {
  std::vector<Element> elements;
  for (const TimedPrefix& entry : entries) {
    const Prefix& prefix = entry.prefix;
    if (prefix.family() != family || prefix.length() != length || is_over(entry.expires, now)) continue;
    elements.push_back({.key = key_of(prefix.base()), .timeout = left(entry.expires, now)});
  }
  return elements;
}

std::vector<Element> net_elements(std::span<const TimedPrefix> entries, Family family, WallTime now) {
  std::vector<TimedPrefix> nets;
  std::ranges::copy_if(entries, std::back_inserter(nets), [&](const TimedPrefix& entry) {
    return !entry.prefix.is_host() && !is_over(entry.expires, now);
  });
  std::vector<Element> elements;
  for (const TimedRange& range : disjoint_ranges(nets, family)) {
    Element element{.key = key_of(range.first), .range = true, .timeout = left(range.expires, now)};
    Address after = range.last;
    if (after.increment()) element.key_end = key_of(after);
    elements.push_back(std::move(element));
  }
  return elements;
}

}  // namespace sipward::enforce
