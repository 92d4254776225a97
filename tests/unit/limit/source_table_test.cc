#include "limit/source_table.h"

#include <algorithm>
#include <set>

#include "support/catch.h"

namespace sipward::limit {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

// Some time after the clock's zero, which stands for "never".
Instant at(std::int64_t ms) {
  return Instant(std::chrono::hours(1) + milliseconds(ms));
}

Address v4(unsigned number) {
  const std::array<std::byte, 4> bytes{std::byte{10}, static_cast<std::byte>(number >> 16U & 0xffU),
                                       static_cast<std::byte>(number >> 8U & 0xffU),
                                       static_cast<std::byte>(number & 0xffU)};
  return Address::v4(bytes);
}

Address parse(std::string_view text) {
  return Address::parse(text).value();
}
Prefix net(std::string_view text) {
  return Prefix::parse(text).value();
}

// A table of one group: every source competes with every other.
struct OneGroup {
  SourceTable table{SourceTable::kWays};
  void fill() {
    for (unsigned i = 0; i < SourceTable::kWays; ++i) (void)table.touch(v4(i), at(i));
  }
};

TEST_CASE("capacity is rounded up to a power of two, at least one group") {
  struct Case {
    std::size_t asked;
    std::size_t got;
  };
  const auto c = GENERATE(Case{0, 8}, Case{1, 8}, Case{8, 8}, Case{9, 16}, Case{16, 16}, Case{17, 32},
                          Case{1000, 1024}, Case{65536, 65536});
  CHECK(SourceTable(c.asked).capacity() == c.got);
}

TEST_CASE("a new source starts with nothing") {
  SourceTable table(64);
  CHECK(table.find(v4(1)) == nullptr);
  const Source& source = table.touch(v4(1), at(5));
  CHECK(source.address == v4(1));
  CHECK(source.used);
  CHECK(source.read == 0);
  CHECK(source.dropped == 0);
  CHECK(source.refused == 0);
  CHECK(source.banned_until == Instant{});
  CHECK(source.first_seen == at(5));
  CHECK(source.last_seen == at(5));
  CHECK(source.window_start == at(5));
}

TEST_CASE("a known source keeps its place and its counts") {
  SourceTable table(64);
  table.touch(v4(1), at(5)).read = 7;
  Source& again = table.touch(v4(1), at(9));
  CHECK(again.read == 7);
  CHECK(again.first_seen == at(5));
  CHECK(again.last_seen == at(9));
  CHECK(table.find(v4(1)) == &again);
  CHECK(table.evictions() == 0);
}

TEST_CASE("IPv4 and IPv6 sources with the same bytes are two") {
  OneGroup group;
  group.table.touch(parse("192.0.2.1"), at(1)).read = 4;
  group.table.touch(parse("c000:201::"), at(1)).read = 6;
  group.table.touch(parse("::ffff:192.0.2.1"), at(1)).read = 8;
  CHECK(group.table.find(parse("192.0.2.1"))->read == 4);
  CHECK(group.table.find(parse("c000:201::"))->read == 6);
  CHECK(group.table.find(parse("::ffff:192.0.2.1"))->read == 8);
  CHECK(group.table.top(10).size() == 3);
}

TEST_CASE("a group of eight takes eight sources, the ninth evicts the one seen longest ago") {
  OneGroup group;
  group.fill();
  CHECK(group.table.evictions() == 0);
  (void)group.table.touch(v4(0), at(100));  // now 1 is the oldest
  (void)group.table.touch(v4(50), at(101));
  CHECK(group.table.evictions() == 1);
  CHECK(group.table.find(v4(1)) == nullptr);
  CHECK(group.table.find(v4(0)) != nullptr);
  CHECK(group.table.find(v4(50)) != nullptr);
}

TEST_CASE("an evicted source comes back without what was known of it") {
  OneGroup group;
  group.table.touch(v4(0), at(0)).read = 9;
  for (unsigned i = 1; i <= SourceTable::kWays; ++i) (void)group.table.touch(v4(i), at(i));
  CHECK(group.table.touch(v4(0), at(100)).read == 0);
  CHECK(group.table.evictions() == 2);
}

TEST_CASE("a running ban keeps its place longest") {
  OneGroup group;
  group.fill();
  group.table.touch(v4(0), at(0)).banned_until = at(1000);
  for (unsigned i = 100; i < 200; ++i) (void)group.table.touch(v4(i), at(i));
  CHECK(group.table.find(v4(0)) != nullptr);
  CHECK(group.table.evictions() == 100);
}

TEST_CASE("a ban that is over keeps nothing: at its last millisecond it does, at its end it does not") {
  OneGroup group;
  group.fill();
  group.table.touch(v4(0), at(0)).banned_until = at(1000);
  (void)group.table.touch(v4(100), at(999));
  CHECK(group.table.find(v4(0)) != nullptr);
  CHECK(group.table.find(v4(1)) == nullptr);
  (void)group.table.touch(v4(101), at(1000));
  CHECK(group.table.find(v4(0)) == nullptr);
}

TEST_CASE("when all are banned the one seen longest ago goes") {
  OneGroup group;
  for (unsigned i = 0; i < SourceTable::kWays; ++i)
    group.table.touch(v4(i), at(100 - i)).banned_until = at(10'000);
  (void)group.table.touch(v4(100), at(200));
  CHECK(group.table.find(v4(7)) == nullptr);
  CHECK(group.table.find(v4(0)) != nullptr);
}

TEST_CASE("a flood of sources does not enlarge the table, and every eviction is counted") {
  SourceTable table(256);
  constexpr unsigned kSources = 20'000;
  for (unsigned i = 0; i < kSources; ++i) (void)table.touch(v4(i), at(i));
  CHECK(table.capacity() == 256);
  const auto held = table.top(kSources);
  CHECK(held.size() == 256);
  CHECK(table.evictions() == kSources - held.size());
}

TEST_CASE("sources spread over the groups") {
  SourceTable table(1024);
  for (unsigned i = 0; i < 512; ++i) (void)table.touch(v4(i), at(i));
  CHECK(table.evictions() < 40);  // half full: a group of 8 rarely gets 9
}

TEST_CASE("distinct refused requests are counted within the window") {
  SourceTable table(8);
  Source& source = table.touch(v4(1), at(0));
  CHECK(table.count_refused(source, "a", seconds(60), at(0)) == 1);
  CHECK(table.count_refused(source, "b", seconds(60), at(1)) == 2);
  CHECK(table.count_refused(source, "c", seconds(60), at(59'999)) == 3);
  CHECK(source.refused == 3);
  CHECK(table.count_refused(source, "d", seconds(60), at(60'000)) == 1);
  CHECK(table.count_refused(source, "e", seconds(60), at(119'999)) == 2);
  CHECK(table.count_refused(source, "f", seconds(60), at(120'000)) == 1);
}

TEST_CASE("a window begins with a source's first packet, not with its first refused request") {
  SourceTable table(8);
  Source& source = table.touch(v4(1), at(0));
  CHECK(table.count_refused(source, "a", seconds(1), at(999)) == 1);
  CHECK(table.count_refused(source, "b", seconds(1), at(1000)) == 1);
}

TEST_CASE("a retransmission counts once") {
  SourceTable table(8);
  Source& source = table.touch(v4(1), at(0));
  for (int i = 0; i < 7; ++i) CHECK(table.count_refused(source, "a", seconds(60), at(i)) == 1);
  CHECK(table.count_refused(source, "b", seconds(60), at(8)) == 2);
  CHECK(table.count_refused(source, "b", seconds(60), at(9)) == 2);
}

TEST_CASE("requests without a transaction are no retransmissions") {
  SourceTable table(8);
  Source& source = table.touch(v4(1), at(0));
  for (unsigned i = 1; i <= 3; ++i) CHECK(table.count_refused(source, "", seconds(60), at(0)) == i);
}

TEST_CASE("the first request after a window counts although the last one was the same") {
  SourceTable table(8);
  Source& source = table.touch(v4(1), at(0));
  CHECK(table.count_refused(source, "a", seconds(60), at(0)) == 1);
  CHECK(table.count_refused(source, "a", seconds(60), at(60'000)) == 1);
  CHECK(table.count_refused(source, "a", seconds(60), at(60'001)) == 1);
}

TEST_CASE("sources are counted apart") {
  SourceTable table(64);
  Source& one = table.touch(v4(1), at(0));
  CHECK(table.count_refused(one, "a", seconds(60), at(0)) == 1);
  Source& other = table.touch(v4(2), at(0));
  CHECK(table.count_refused(other, "a", seconds(60), at(0)) == 1);
}

TEST_CASE("top gives the sources with the most packets, most first") {
  SourceTable table(64);
  for (unsigned i = 0; i < 5; ++i) table.touch(v4(i), at(0)).read = i * 10;
  const auto reads = [](const std::vector<Source>& sources) {
    std::vector<std::uint64_t> numbers;
    std::ranges::transform(sources, std::back_inserter(numbers), &Source::read);
    return numbers;
  };
  CHECK(reads(table.top(3)) == std::vector<std::uint64_t>{40, 30, 20});
  CHECK(reads(table.top(5)).size() == 5);
  CHECK(reads(table.top(6)).size() == 5);
  CHECK(table.top(0).empty());
  CHECK(SourceTable(8).top(3).empty());
}

TEST_CASE("bans are lifted inside a net alone") {
  SourceTable table(64);
  const auto ban = [&](std::string_view text) { table.touch(parse(text), at(0)).banned_until = at(1000); };
  for (const char* text : {"192.0.2.0", "192.0.2.255", "192.0.1.255", "192.0.3.0", "c000:200::"}) ban(text);
  (void)table.touch(parse("192.0.2.9"), at(0));  // not banned
  CHECK(table.lift_bans(net("192.0.2.0/24")) == 2);
  CHECK(table.find(parse("192.0.2.0"))->banned_until == Instant{});
  CHECK(table.find(parse("192.0.2.255"))->banned_until == Instant{});
  CHECK(table.find(parse("192.0.1.255"))->banned_until == at(1000));
  CHECK(table.find(parse("192.0.3.0"))->banned_until == at(1000));
  CHECK(table.find(parse("c000:200::"))->banned_until == at(1000));
  CHECK(table.lift_bans(net("192.0.2.0/24")) == 0);
  CHECK(table.lift_bans(net("192.0.3.0")) == 1);
  CHECK(table.lift_bans(net("0.0.0.0/0")) == 1);
  CHECK(table.lift_bans(net("::/0")) == 1);
}

}  // namespace
}  // namespace sipward::limit
