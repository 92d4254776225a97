#include <fmt/format.h>

#include "givens.h"
#include "limit/source_table.h"
#include "support/catch.h"

namespace sipward::limit {
namespace {

constexpr std::size_t kSmall = 256 * 1024;

// New sources, one after the other, that were never seen before and are never seen again.
class Flood {
 public:
  explicit Flood(Family family) : family_(family) {}
  Address next() {
    ++number_;
    return family_ == Family::ipv4 ? any_ipv4(number_ * 2'654'435'761U) : ipv6(number_ * 2'654'435'761U);
  }

 private:
  Family family_;
  std::uint32_t number_ = 0;
};

// Enough to turn a table over, every group of it.
std::size_t whole(const SourceTable& table) {
  return 30 * table.capacity();
}

Address offender(Family family) {
  return parse(family == Family::ipv4 ? "192.0.2.1" : "2001:db8:ffff::1");
}

TEST_CASE("five million sources take no more memory than was allowed, and every eviction is counted") {
  constexpr std::size_t kBytes = 2 * 1024 * 1024;
  SourceTable table(kBytes);
  const std::size_t bytes = table.bytes();
  Flood ipv4_flood(Family::ipv4);
  Flood ipv6_flood(Family::ipv6);
  constexpr std::size_t kEach = 2'500'000;
  for (std::size_t i = 0; i < kEach; ++i) {
    const Instant now = at(microseconds(i * 2));
    (void)table.touch(ipv4_flood.next(), now);
    (void)table.touch(ipv6_flood.next(), now);
  }
  CHECK(table.bytes() == bytes);
  CHECK(bytes <= kBytes);
  const auto held = table.top(2 * kEach);
  CHECK(held.size() == table.capacity());
  CHECK(table.evictions() == 2 * kEach - held.size());
}

TEST_CASE("a flood of new sources neither lifts a ban nor forgets an active offender") {
  const Family family = GENERATE(Family::ipv4, Family::ipv6);
  SourceTable table(kSmall);
  Dossier& dossier = table.dossier(table.touch(offender(family), at({})), at({}));
  SECTION("a ban that runs") {
    dossier.ban(seconds(3600), true, at({}));
  }
  SECTION("a streak of excess") {
    dossier.excess.note(at({}));
  }
  SECTION("offences") {
    dossier.credentials.add(1, seconds(600), at({}));
  }
  Flood flood(family);
  for (std::size_t i = 0; i < whole(table); ++i) (void)table.touch(flood.next(), at(milliseconds(1)));
  CHECK(table.evictions() > table.capacity());
  const auto report = table.report(offender(family));
  REQUIRE(report);
  REQUIRE(report->dossier);
  CHECK(report->dossier->worth(at(milliseconds(1))) != Worth::nothing);
}

TEST_CASE("a ban that is over is worth nothing, and keeps no place") {
  const Family family = GENERATE(Family::ipv4, Family::ipv6);
  SourceTable table(kSmall);
  table.dossier(table.touch(offender(family), at({})), at({})).ban(seconds(1), true, at({}));
  Flood flood(family);
  for (std::size_t i = 0; i < whole(table); ++i) (void)table.touch(flood.next(), at(seconds(1) - kTick));
  CHECK(table.find(offender(family)));
  for (std::size_t i = 0; i < whole(table); ++i) (void)table.touch(flood.next(), at(seconds(1)));
  CHECK_FALSE(table.find(offender(family)));
}

TEST_CASE("a flood resets no rate of a source that is refused, nor of its prefix") {
  const Family family = GENERATE(Family::ipv4, Family::ipv6);
  SourceTable table(kSmall);
  Allowance allowance;
  allowance.address.requests = Rate(1, seconds(60), 5);
  const bool by_prefix = GENERATE(false, true);
  if (by_prefix) std::swap(allowance.address, allowance.prefix);
  Flood flood(family);
  unsigned passed = 0;
  for (int round = 0; round < 20; ++round) {
    const Instant now = at(milliseconds(100 * round));
    Source& source = table.touch(offender(family), now);
    const bool refused =
        charge(table, offender(family), source, Group::other, allowance, now) != Excess::none;
    passed += !refused;
    if (!refused) continue;
    table.dossier(source, now).excess.note(now);
    for (std::size_t i = 0; i < whole(table) / 4; ++i) {
      const Address stranger = flood.next();
      Source& other = table.touch(stranger, now);
      CHECK(charge(table, stranger, other, Group::other, allowance, now) == Excess::none);
    }
  }
  CHECK(passed == 5);
  CHECK((by_prefix ? table.prefix_evictions() : table.evictions()) > 0);
}

TEST_CASE("a flood of one family evicts nothing of the other") {
  SourceTable table(kSmall);
  const Family family = GENERATE(Family::ipv4, Family::ipv6);
  const Family other = family == Family::ipv4 ? Family::ipv6 : Family::ipv4;
  (void)table.touch(offender(other), at({}));
  table.note_offence(offender(other), seconds(60), at({}));
  Allowance allowance;
  allowance.prefix.requests = Rate(10, seconds(1), 20);
  Flood flood(family);
  for (std::size_t i = 0; i < whole(table); ++i) {
    const Address stranger = flood.next();
    (void)charge(table, stranger, table.touch(stranger, at({})), Group::other, allowance, at({}));
  }
  CHECK(table.find(offender(other)));
  CHECK(table.note_offence(offender(other), seconds(60), at({})).narrow.offences == 2);
}

TEST_CASE("a source that keeps sending stays when strangers come and go") {
  SourceTable table(kSmall);
  const Family family = GENERATE(Family::ipv4, Family::ipv6);
  const Source* place = &table.touch(offender(family), at({}));
  const std::size_t per_round = table.capacity(family) / 8;  // one for each group of eight
  Flood flood(family);
  for (int round = 1; round <= 100; ++round) {
    const Instant now = at(milliseconds(125) * round);
    REQUIRE(&table.touch(offender(family), now) == place);
    for (std::size_t i = 0; i < per_round; ++i) (void)table.touch(flood.next(), now);
    REQUIRE(table.find(offender(family)));
  }
}

TEST_CASE("when dossiers run out those used longest ago give way, and no running ban does") {
  SourceTable table(4 * kSmall);
  const auto dossiers = static_cast<unsigned>(table.dossiers_max());
  const unsigned banned = dossiers / 2;
  for (unsigned i = 0; i < banned; ++i)
    table.dossier(table.touch(ipv4(i), at({})), at({})).ban(seconds(3600), true, at({}));
  for (unsigned i = banned; i < 4 * dossiers; ++i)
    (void)table.dossier(table.touch(ipv4(i), at(milliseconds(i))), at(milliseconds(i)));
  CHECK(table.dossier_evictions() == 3 * dossiers);
  for (unsigned i = 0; i < banned; ++i) REQUIRE(table.report(ipv4(i))->dossier->is_banned(at(seconds(60))));
  CHECK(table.report(ipv4(4 * dossiers - 1))->dossier);
  CHECK_FALSE(table.report(ipv4(banned))->dossier);
}

TEST_CASE("when every dossier is held the one used longest ago among some of them gives way") {
  SourceTable table(kSmall);
  const auto dossiers = static_cast<unsigned>(table.dossiers_max());
  for (unsigned i = 0; i < dossiers + 1; ++i)
    table.dossier(table.touch(ipv4(i), at({})), at(milliseconds(i))).banned_until = at(seconds(3600));
  CHECK(table.dossier_evictions() == 1);
  CHECK_FALSE(table.report(ipv4(0))->dossier);
  CHECK(table.report(ipv4(dossiers))->dossier);
}

TEST_CASE("a source that is evicted takes its dossier along, and its place in the pool is free") {
  SourceTable table(kSmall);
  Flood flood(Family::ipv6);
  for (std::size_t i = 0; i < 20 * table.capacity(); ++i) {
    const Address stranger = flood.next();
    Source& source = table.touch(stranger, at({}));
    REQUIRE(table.find_dossier(source) == nullptr);
    if (i % 32 == 0) (void)table.dossier(source, at({}));
  }
  CHECK(20 * table.capacity() / 32 > table.dossiers_max());
  CHECK(table.dossier_evictions() == 0);
  CHECK(table.top(table.capacity()).size() == table.capacity(Family::ipv6));
}

TEST_CASE("a flood does not reset the rate of a /48 whose networks take turns") {
  SourceTable table(kSmall);
  Allowance allowance;
  allowance.prefix.requests = Rate(1, seconds(600), 5);
  Flood flood(Family::ipv6);
  unsigned passed = 0;
  for (int round = 0; round < 200; ++round) {
    const Address member = parse(fmt::format("2001:db8:ffff:{:x}::1", round));
    const Instant now = at(milliseconds(round));
    const Excess excess = charge(table, member, table.touch(member, now), Group::other, allowance, now);
    passed += excess == Excess::none;
    if (excess == Excess::none) continue;
    for (std::size_t i = 0; i < table.capacity(Family::ipv6); ++i) {
      const Address stranger = flood.next();
      (void)charge(table, stranger, table.touch(stranger, now), Group::other, allowance, now);
    }
  }
  CHECK(passed == 20);
}

// Charges so many prefixes that none which is worth nothing keeps its place.
void turn_over_prefixes(SourceTable& table, Flood& flood, Instant now) {
  Allowance allowance;
  allowance.prefix.requests = Rate(10, seconds(1), 20);
  for (std::size_t i = 0; i < 8 * table.prefixes_max(); ++i) {
    const Address stranger = flood.next();
    (void)charge(table, stranger, table.touch(stranger, now), Group::other, allowance, now);
  }
}

TEST_CASE("a flood of prefixes does not forget another one's offences of the last hour") {
  const Family family = GENERATE(Family::ipv4, Family::ipv6);
  SourceTable table(kSmall);
  Flood flood(family);
  table.note_offence(offender(family), hours(2), at({}));
  turn_over_prefixes(table, flood, at(hours(1)));
  CHECK(table.note_offence(offender(family), hours(2), at(hours(1))).narrow.offences == 2);
  turn_over_prefixes(table, flood, at(hours(2) + kTick));
  CHECK(table.note_offence(offender(family), hours(2), at(hours(2) + kTick)).narrow.offences == 1);
}

TEST_CASE("a prefix that gave way takes its record along, and none of those that come after lose theirs") {
  SourceTable table(kSmall);
  Flood flood(Family::ipv6);
  for (int round = 0; round < 150; ++round) {
    const Instant now = at(hours(2 * round));
    turn_over_prefixes(table, flood, now);
    table.note_offence(offender(Family::ipv6), seconds(60), now);
    for (int i = 0; i < 2; ++i) table.note_offence(flood.next(), seconds(60), now);
    REQUIRE(table.note_offence(offender(Family::ipv6), seconds(60), now).narrow.offences == 2);
  }
}

TEST_CASE("records of offending prefixes give way to new ones when they run out") {
  SourceTable table(kSmall);
  for (unsigned i = 0; i < 20'000; ++i) {
    const auto first = table.note_offence(ipv4(i << 8U), seconds(60), at(milliseconds(i)));
    REQUIRE(first.narrow.offences == 1);
    REQUIRE(table.note_offence(ipv4(i << 8U), seconds(60), at(milliseconds(i))).narrow.offences == 2);
  }
  CHECK(table.prefix_evictions() > 0);
}

}  // namespace
}  // namespace sipward::limit
