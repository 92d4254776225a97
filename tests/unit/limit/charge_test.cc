#include <fmt/format.h>

#include "givens.h"
#include "limit/source_table.h"
#include "support/catch.h"

namespace sipward::limit {
namespace {

// What unknown sources may do by default.
constexpr Allowance usual() {
  Allowance allowance;
  allowance.address = {Rate(10, seconds(1), 20), Rate(20, seconds(60), 20), {}};
  allowance.prefix = {Rate(40, seconds(1), 80), Rate(120, seconds(60), 120), {}};
  allowance.packets = Rate(100, seconds(1), 100);
  return allowance;
}

struct Bench {
  SourceTable table{1024 * 1024};
  Allowance allowance;

  Excess charge(const Address& address, Instant now, Group group = Group::other) {
    return limit::charge(table, address, table.touch(address, now), group, allowance, now);
  }
  // How many pass until one is refused.
  unsigned charge_all(const Address& address, Instant now, Group group = Group::other) {
    unsigned passed = 0;
    while (passed < 100'000 && charge(address, now, group) == Excess::none) ++passed;
    return passed;
  }
};

Address any_family() {
  return GENERATE(parse("192.0.2.1"), parse("2001:db8::1"));
}

TEST_CASE("an address may send its burst at once, then one for each interval, not a tick earlier") {
  Bench bench;
  bench.allowance.address.requests = Rate(10, seconds(1), 20);
  const Address source = any_family();
  CHECK(bench.charge_all(source, at({})) == 20);
  CHECK(bench.charge(source, at({})) == Excess::requests);
  CHECK(bench.charge(source, at(milliseconds(100) - kTick)) == Excess::requests);
  CHECK(bench.charge(source, at(milliseconds(100))) == Excess::none);
  CHECK(bench.charge(source, at(milliseconds(100))) == Excess::requests);
}

TEST_CASE("each group of methods has its own rate, in both families") {
  const Address source = any_family();
  const Group group = GENERATE(Group::register_, Group::invite, Group::other, Group::not_sip);
  Bench bench;
  bench.allowance.address.by_group[static_cast<std::size_t>(group)] = Rate(1, seconds(1), 3);
  CHECK(bench.charge_all(source, at({}), group) == 3);
  CHECK(bench.charge(source, at(seconds(1) - kTick), group) == Excess::group);
  CHECK(bench.charge(source, at(seconds(1)), group) == Excess::none);
  for (const Group other : {Group::register_, Group::invite, Group::other, Group::not_sip})
    CHECK((bench.charge(source, at(seconds(1)), other) == Excess::none) == (other != group));
}

TEST_CASE("all groups together are limited, in the short and in the long run") {
  const Address source = any_family();
  Bench bench;
  bench.allowance = usual();
  for (unsigned i = 0; i < 20; ++i) CHECK(bench.charge(source, at({}), Group(i % kGroups)) == Excess::none);
  CHECK(bench.charge(source, at({}), Group::invite) == Excess::requests);
  CHECK(bench.charge(source, at(seconds(2)), Group::invite) == Excess::sustained);
  CHECK(bench.charge(source, at(seconds(3) - kTick), Group::register_) == Excess::sustained);
  CHECK(bench.charge(source, at(seconds(3)), Group::register_) == Excess::none);
}

TEST_CASE("what one rate refuses is charged to none") {
  Bench bench;
  bench.allowance.address.requests = Rate(1, seconds(1), 5);
  bench.allowance.address.by_group[0] = Rate(1, seconds(1), 2);
  const Address source = any_family();
  CHECK(bench.charge_all(source, at({}), Group::register_) == 2);
  for (int i = 0; i < 10; ++i) CHECK(bench.charge(source, at({}), Group::register_) == Excess::group);
  CHECK(bench.charge_all(source, at({}), Group::invite) == 3);
  CHECK(bench.charge(source, at({}), Group::register_) == Excess::group);  // the narrowest is told
}

TEST_CASE("the addresses of a prefix share its rate, and other prefixes are not charged") {
  const bool is_ipv4 = GENERATE(true, false);
  const auto member = [&](unsigned host) {
    return parse(fmt::format("{}{}", is_ipv4 ? "192.0.2." : "2001:db8:0:1::", host));
  };
  Bench bench;
  bench.allowance.prefix.requests = Rate(40, seconds(1), 80);
  for (unsigned i = 0; i < 80; ++i) CHECK(bench.charge(member(i % 16), at({})) == Excess::none);
  CHECK(bench.charge(member(99), at({})) == Excess::prefix_requests);
  CHECK(bench.charge(member(99), at(milliseconds(25) - kTick)) == Excess::prefix_requests);
  CHECK(bench.charge(member(99), at(milliseconds(25))) == Excess::none);
  CHECK(bench.charge(member(1), at(milliseconds(25))) == Excess::prefix_requests);
  const Address neighbour = parse(is_ipv4 ? "192.0.3.1" : "2001:db8:0:2::1");
  CHECK(bench.charge_all(neighbour, at(milliseconds(25))) == 80);
}

TEST_CASE("a prefix has rates of each kind") {
  Bench bench;
  const Address source = any_family();
  SECTION("of a group") {
    bench.allowance.prefix.by_group[1] = Rate(1, seconds(1), 7);
    CHECK(bench.charge_all(source, at({}), Group::invite) == 7);
    CHECK(bench.charge(source, at({}), Group::invite) == Excess::prefix_group);
    CHECK(bench.charge(source, at({}), Group::register_) == Excess::none);
  }
  SECTION("of all, in the long run") {
    bench.allowance.prefix.sustained = Rate(1, seconds(1), 7);
    CHECK(bench.charge_all(source, at({})) == 7);
    CHECK(bench.charge(source, at({})) == Excess::prefix_sustained);
  }
}

TEST_CASE("a /48 has four times the rate of a /64, whichever of its networks use it") {
  Bench bench;
  bench.allowance.prefix.requests = Rate(10, seconds(1), 20);
  const auto member = [](unsigned network) { return parse(fmt::format("2001:db8:0:{:x}::1", network)); };
  for (unsigned network = 0; network < 80; ++network)
    CHECK(bench.charge(member(network), at({})) == Excess::none);
  CHECK(bench.charge(member(80), at({})) == Excess::prefix_requests);
  CHECK(bench.charge(member(80), at(milliseconds(25) - kTick)) == Excess::prefix_requests);
  CHECK(bench.charge(member(80), at(milliseconds(25))) == Excess::none);
  CHECK(bench.charge(parse("2001:db8:1::1"), at({})) == Excess::none);
}

TEST_CASE("a /64 and a /48 that begin with the same bytes are two") {
  Bench bench;
  bench.allowance.prefix.requests = Rate(10, seconds(1), 20);
  CHECK(bench.charge_all(parse("2001:db8::1"), at({})) == 20);
  CHECK(bench.charge_all(parse("2001:db8:0:1::1"), at({})) == 20);
  CHECK(bench.charge_all(parse("2001:db8:0:2::1"), at({})) == 20);
  CHECK(bench.charge_all(parse("2001:db8:0:3::1"), at({})) == 20);
  CHECK(bench.charge_all(parse("2001:db8:0:4::1"), at({})) == 0);
}

TEST_CASE("an address that is over its rate does not eat its neighbours' share") {
  const bool is_ipv4 = GENERATE(true, false);
  const Address greedy = parse(is_ipv4 ? "192.0.2.1" : "2001:db8::1");
  const Address neighbour = parse(is_ipv4 ? "192.0.2.2" : "2001:db8::2");
  Bench bench;
  bench.allowance.address.requests = Rate(1, seconds(1), 10);
  bench.allowance.prefix.requests = Rate(1, seconds(1), 15);
  CHECK(bench.charge_all(greedy, at({})) == 10);
  for (int i = 0; i < 1000; ++i) CHECK(bench.charge(greedy, at({})) == Excess::requests);
  CHECK(bench.charge_all(neighbour, at({})) == 5);
}

TEST_CASE("an address that its prefix refuses does not eat its own share") {
  Bench bench;
  bench.allowance.address.requests = Rate(1, hours(1), 3);
  bench.allowance.prefix.requests = Rate(1, seconds(1), 1);
  const Address source = any_family();
  CHECK(bench.charge(source, at({})) == Excess::none);
  for (int i = 0; i < 10; ++i) CHECK(bench.charge(source, at({})) == Excess::prefix_requests);
  CHECK(bench.charge(source, at(seconds(1))) == Excess::none);
  CHECK(bench.charge(source, at(seconds(2))) == Excess::none);
  CHECK(bench.charge(source, at(seconds(3))) == Excess::requests);
}

TEST_CASE("a /48 without room leaves the /64 its share") {
  Bench bench;
  bench.allowance.prefix.requests = Rate(1, seconds(1), 2);
  for (unsigned network = 1; network <= 4; ++network)
    CHECK(bench.charge_all(parse(fmt::format("2001:db8:0:{:x}::1", network)), at({})) == 2);
  const Address last = parse("2001:db8:0:5::1");
  for (int i = 0; i < 10; ++i) CHECK(bench.charge(last, at({})) == Excess::prefix_requests);
  CHECK(bench.charge_all(last, at(milliseconds(500))) == 2);
}

TEST_CASE("without rates nothing is charged and no prefix is remembered") {
  Bench bench;
  const Address source = any_family();
  CHECK(bench.charge_all(source, at({})) == 100'000);
  bench.allowance = usual();
  CHECK(bench.charge_all(source, at({})) == 20);
}

TEST_CASE("a class with other rates goes on with what was charged") {
  Bench bench;
  bench.allowance.address.requests = Rate(10, seconds(1), 20);
  const Address source = any_family();
  CHECK(bench.charge_all(source, at({})) == 20);
  bench.allowance.address.requests = Rate(100, seconds(1), 500);
  CHECK(bench.charge_all(source, at({})) == 300);
}

TEST_CASE("packets of any kind have a rate of their own") {
  Bench bench;
  bench.allowance = usual();
  const Address source = any_family();
  const auto take = [&](microseconds time) {
    return bench.table.charge_packet(bench.table.touch(source, at(time)), bench.allowance, at(time));
  };
  for (int i = 0; i < 100; ++i) CHECK(take({}));
  CHECK_FALSE(take({}));
  CHECK_FALSE(take(milliseconds(10) - kTick));
  CHECK(take(milliseconds(10)));
  CHECK(bench.charge_all(source, at(milliseconds(10))) == 20);
}

TEST_CASE("a clock that goes back a little gives nobody a new burst, and refuses no new source") {
  Bench bench;
  bench.allowance = usual();
  const Address source = any_family();
  CHECK(bench.charge_all(source, at(seconds(10))) == 20);
  CHECK(bench.charge(source, at(seconds(9))) == Excess::requests);
  CHECK(bench.charge_all(parse("198.51.100.1"), at(seconds(9))) == 20);
  CHECK(bench.charge_all(parse("198.51.100.1"), at(seconds(8))) == 0);
}

TEST_CASE("a clock that goes back over a border of half a day gives nobody a new burst") {
  Bench bench;
  bench.allowance = usual();
  const Address source = any_family();
  // Ages count from an eighth of a second before the zero of the clock.
  const Instant border = at(hours(12 * GENERATE(1, 2, 100)) - hours(1) - milliseconds(125));
  CHECK(bench.charge_all(source, border) == 20);
  CHECK(bench.charge(source, border - milliseconds(1)) == Excess::requests);
  CHECK(bench.charge(source, border) == Excess::requests);
}

TEST_CASE("a source that is seen for weeks may always send its burst of packets") {
  const auto step = GENERATE(hours(1), hours(13), hours(30), hours(61));
  Bench bench;
  bench.allowance = usual();
  const Address source = any_family();
  for (int i = 0; i < 200; ++i) (void)bench.table.touch(source, at(step * i));
  const Instant now = at(step * 200);
  Source& seen = bench.table.touch(source, now);
  for (int i = 0; i < 100; ++i) CHECK(bench.table.charge_packet(seen, bench.allowance, now));
  CHECK_FALSE(bench.table.charge_packet(seen, bench.allowance, now));
}

TEST_CASE("decisions stay the same for weeks, however often a source is seen") {
  const auto step = GENERATE(hours(5), hours(13), hours(30), hours(59), hours(60), hours(119), hours(121));
  Bench bench;
  bench.allowance = usual();
  const Address source = any_family();
  bench.allowance.address.by_group[1] = Rate(1, hours(1), 10);  // rarely used
  for (int i = 1; i < 60; ++i) {
    const Instant now = at(step * i);
    REQUIRE(bench.charge_all(source, now) == 20);
    REQUIRE(bench.charge(source, now) == Excess::requests);
    if (i % 20 != 0) continue;
    REQUIRE(bench.charge_all(source, now + seconds(60), Group::invite) == 10);
    REQUIRE(bench.charge(source, now + hours(1) - seconds(1), Group::invite) == Excess::group);
    REQUIRE(bench.charge(source, now + hours(1) + seconds(60), Group::invite) == Excess::none);
  }
}

}  // namespace
}  // namespace sipward::limit
