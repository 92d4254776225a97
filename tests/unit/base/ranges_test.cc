#include "base/ranges.h"

#include <map>
#include <random>

#include "support/catch.h"

namespace sipward {
namespace {

using std::chrono::milliseconds;

WallTime at(int ms) {
  return WallTime(milliseconds(ms));
}
constexpr auto kForEver = std::nullopt;

TimedPrefix entry(std::string_view net, std::optional<WallTime> expires) {
  return {Prefix::parse(net).value(), expires};
}

TimedRange range(std::string_view first, std::string_view last, std::optional<WallTime> expires) {
  return {Address::parse(first).value(), Address::parse(last).value(), expires};
}

using Ranges = std::vector<TimedRange>;
using Entries = std::vector<TimedPrefix>;

const char* const kLastV6 = "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff";

Ranges v4(const Entries& entries) {
  return disjoint_ranges(entries, Family::ipv4);
}
Ranges v6(const Entries& entries) {
  return disjoint_ranges(entries, Family::ipv6);
}

TEST_CASE("nothing gives no range") {
  CHECK(v4({}).empty());
}

TEST_CASE("the other family is left out") {
  CHECK(v4({entry("::/0", kForEver)}).empty());
  CHECK(v6({entry("0.0.0.0/0", kForEver)}).empty());
  CHECK(v4({entry("::/0", at(9)), entry("10.0.0.0/8", at(1))}) ==
        Ranges{range("10.0.0.0", "10.255.255.255", at(1))});
}

TEST_CASE("nested nets: the latest end wins where both cover") {
  CHECK(v4({entry("10.0.0.0/8", at(1)), entry("10.1.0.0/16", at(2))}) ==
        Ranges{range("10.0.0.0", "10.0.255.255", at(1)), range("10.1.0.0", "10.1.255.255", at(2)),
               range("10.2.0.0", "10.255.255.255", at(1))});
  CHECK(v4({entry("10.0.0.0/8", at(2)), entry("10.1.0.0/16", at(1))}) ==
        Ranges{range("10.0.0.0", "10.255.255.255", at(2))});
  CHECK(v4({entry("10.0.0.0/8", at(1)), entry("10.0.0.0/9", at(2))}) ==
        Ranges{range("10.0.0.0", "10.127.255.255", at(2)), range("10.128.0.0", "10.255.255.255", at(1))});
}

TEST_CASE("for ever lasts longer than every end") {
  CHECK(v4({entry("10.0.0.0/8", kForEver), entry("10.1.0.0/16", at(2'000'000'000))}) ==
        Ranges{range("10.0.0.0", "10.255.255.255", kForEver)});
  CHECK(v4({entry("10.1.0.1", kForEver), entry("10.1.0.0/30", at(5))}) ==
        Ranges{range("10.1.0.0", "10.1.0.0", at(5)), range("10.1.0.1", "10.1.0.1", kForEver),
               range("10.1.0.2", "10.1.0.3", at(5))});
}

TEST_CASE("the same net twice is one range with the later end") {
  CHECK(v4({entry("10.0.0.0/8", at(1)), entry("10.0.0.0/8", at(3)), entry("10.0.0.0/8", at(2))}) ==
        Ranges{range("10.0.0.0", "10.255.255.255", at(3))});
}

TEST_CASE("neighbours are one range when they end together") {
  CHECK(v4({entry("10.0.1.0/24", at(1)), entry("10.0.0.0/24", at(1))}) ==
        Ranges{range("10.0.0.0", "10.0.1.255", at(1))});
  CHECK(v4({entry("10.0.1.0/24", at(1)), entry("10.0.0.0/24", at(2))}) ==
        Ranges{range("10.0.0.0", "10.0.0.255", at(2)), range("10.0.1.0", "10.0.1.255", at(1))});
  CHECK(v4({entry("10.0.0.1", kForEver), entry("10.0.0.2", kForEver)}) ==
        Ranges{range("10.0.0.1", "10.0.0.2", kForEver)});
  CHECK(v4({entry("10.0.0.1", kForEver), entry("10.0.0.3", kForEver)}).size() == 2);
}

TEST_CASE("whole families and their ends") {
  CHECK(v4({entry("0.0.0.0/0", kForEver)}) == Ranges{range("0.0.0.0", "255.255.255.255", kForEver)});
  CHECK(v4({entry("0.0.0.0/1", at(1)), entry("128.0.0.0/1", at(1))}) ==
        Ranges{range("0.0.0.0", "255.255.255.255", at(1))});
  CHECK(v4({entry("0.0.0.0/0", at(1)), entry("255.255.255.255", at(2)), entry("0.0.0.0", at(2))}) ==
        Ranges{range("0.0.0.0", "0.0.0.0", at(2)), range("0.0.0.1", "255.255.255.254", at(1)),
               range("255.255.255.255", "255.255.255.255", at(2))});
  CHECK(v6({entry("::/0", kForEver)}) == Ranges{range("::", kLastV6, kForEver)});
  CHECK(v6({entry("8000::/1", at(1)), entry(kLastV6, at(1))}) == Ranges{range("8000::", kLastV6, at(1))});
}

// Every address of 10.0.0.0/24 and of the family's last 256, with the latest end of the nets that cover it.
using Ends = std::map<Address, std::optional<WallTime>>;

std::vector<Address> region(std::string_view net) {
  const Prefix prefix = Prefix::parse(net).value();
  std::vector<Address> addresses;
  Address address = prefix.base();
  do addresses.push_back(address);
  while (address.increment() && prefix.contains(address));
  return addresses;
}

bool later(const std::optional<WallTime>& a, const std::optional<WallTime>& b) {
  return b && (!a || *a > *b);
}

Ends by_force(const std::vector<Address>& addresses, const Entries& entries) {
  Ends ends;
  for (const Address& address : addresses)
    for (const TimedPrefix& e : entries) {
      if (!e.prefix.contains(address)) continue;
      const auto [it, is_new] = ends.try_emplace(address, e.expires);
      if (!is_new && later(e.expires, it->second)) it->second = e.expires;
    }
  return ends;
}

Ends by_ranges(const std::vector<Address>& addresses, const Ranges& ranges) {
  Ends ends;
  for (const Address& address : addresses)
    for (const TimedRange& r : ranges)
      if (r.first <= address && address <= r.last) {
        INFO(address.to_string() << " is in two ranges");
        REQUIRE(ends.try_emplace(address, r.expires).second);
      }
  return ends;
}

void check_shape(const Ranges& ranges) {
  for (std::size_t i = 0; i < ranges.size(); ++i) {
    CHECK(ranges[i].first <= ranges[i].last);
    if (i == 0) continue;
    REQUIRE(ranges[i - 1].last < ranges[i].first);
    Address next = ranges[i - 1].last;
    REQUIRE(next.increment());
    const bool neighbours = next == ranges[i].first;
    CHECK_FALSE((neighbours && ranges[i - 1].expires == ranges[i].expires));
  }
}

TEST_CASE("ranges agree with brute force over random nets") {
  const std::string net = GENERATE(as<std::string>(), "10.0.0.0/24", "255.255.255.0/24", "0.0.0.0/24",
                                   "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ff00/120");
  const auto addresses = region(net);
  REQUIRE(addresses.size() == 256);
  std::mt19937 random(4711);
  for (int round = 0; round < 500; ++round) {
    Entries entries;
    const auto count = random() % 12;
    for (std::size_t i = 0; i < count; ++i) {
      const unsigned bits = addresses[0].bits();
      const auto shorter = static_cast<unsigned>(random() % (random() % 20 == 0 ? bits + 1 : 9));
      const auto expires =
          random() % 4 == 0 ? std::nullopt : std::optional(at(static_cast<int>(random() % 3)));
      entries.push_back({Prefix(addresses[random() % 256], bits - shorter), expires});
    }
    const Ranges ranges = disjoint_ranges(entries, addresses[0].family());
    CAPTURE(net, round);
    check_shape(ranges);
    REQUIRE(by_ranges(addresses, ranges) == by_force(addresses, entries));
  }
}

}  // namespace
}  // namespace sipward
