#include "limit/source_table.h"

#include <algorithm>

#include "givens.h"
#include "support/catch.h"

namespace sipward::limit {
namespace {

constexpr std::size_t kSmall = 256 * 1024;

TEST_CASE("a new source starts with nothing") {
  SourceTable table(kSmall);
  const Address address = GENERATE(parse("192.0.2.1"), parse("2001:db8::1"), parse("0.0.0.0"), parse("::"));
  CHECK(table.find(address) == nullptr);
  CHECK_FALSE(table.report(address));
  const Source& source = table.touch(address, at(seconds(5)));
  CHECK(source.read() == 0);
  CHECK(source.dropped() == 0);
  CHECK(source.first_seen() == at(seconds(5)));
  CHECK(table.find_dossier(source) == nullptr);
  CHECK(table.find(address) == &source);
}

TEST_CASE("a known source keeps its place and its counts") {
  SourceTable table(kSmall);
  Source& source = table.touch(ipv4(1), at(seconds(5)));
  source.count_read();
  source.count_read();
  source.count_dropped(9);
  CHECK(&table.touch(ipv4(1), at(seconds(9))) == &source);
  const auto report = table.report(ipv4(1));
  REQUIRE(report);
  CHECK(report->address == ipv4(1));
  CHECK(report->source.read() == 2);
  CHECK(report->source.dropped() == 1);
  CHECK(report->source.last_drop_reason() == 9);
  CHECK(report->source.first_seen() == at(seconds(5)));
  CHECK(report->last_seen == at(seconds(9)));
  CHECK_FALSE(report->dossier);
  CHECK(table.evictions() == 0);
}

TEST_CASE("IPv4 and IPv6 sources with the same bytes are two") {
  SourceTable table(kSmall);
  for (const char* text : {"192.0.2.1", "c000:201::", "::ffff:192.0.2.1"}) {
    CHECK(table.find(parse(text)) == nullptr);
    table.touch(parse(text), at({})).count_read();
  }
  const auto sources = table.top(10);
  REQUIRE(sources.size() == 3);
  for (const SourceReport& source : sources) CHECK(source.source.read() == 1);
}

TEST_CASE("a dossier is made when it is asked for, and is the source's own") {
  SourceTable table(kSmall);
  Source& one = table.touch(ipv4(1), at({}));
  Source& other = table.touch(ipv4(2), at({}));
  table.dossier(one, at({})).banned_until = at(seconds(7));
  CHECK(table.find_dossier(other) == nullptr);
  table.dossier(other, at({})).banned_until = at(seconds(8));
  CHECK(table.dossier(one, at({})).banned_until == at(seconds(7)));
  CHECK(table.find_dossier(other)->banned_until == at(seconds(8)));
  CHECK(table.report(ipv4(1))->dossier->banned_until == at(seconds(7)));
}

TEST_CASE("64 MiB are enough for a million sources, and no byte more is taken") {
  constexpr std::size_t kBytes = std::size_t{64} * 1024 * 1024;
  const SourceTable table(kBytes);
  CHECK(table.capacity() >= 1'000'000);
  CHECK(table.capacity(Family::ipv4) == 7 * table.capacity(Family::ipv6));
  CHECK(table.prefixes_max() >= 80'000);
  CHECK(table.dossiers_max() >= 10'000);
  CHECK(table.bytes() <= kBytes);
  CHECK(table.bytes() > kBytes / 64 * 63);
}

TEST_CASE("whatever memory is allowed is not exceeded, down to the least that a table needs") {
  for (const std::size_t bytes : {SourceTable::kBytesMin, SourceTable::kBytesMin + 1, std::size_t{100'000},
                                  std::size_t{12'345'678}, std::size_t{1} << 28U})
    CHECK(SourceTable(bytes).bytes() <= bytes);
  CHECK(SourceTable(0).bytes() <= SourceTable::kBytesMin);
  CHECK(SourceTable(0).capacity(Family::ipv6) >= 8);
}

TEST_CASE("distinct refused requests are counted within the window") {
  const SourceTable table(kSmall);
  Dossier dossier;
  const auto count = [&](std::string_view transaction, milliseconds time) {
    return table.count_refused(dossier, transaction, seconds(60), at(time));
  };
  CHECK(count("a", milliseconds(0)) == 1);
  CHECK(count("b", milliseconds(1)) == 2);
  CHECK(count("c", milliseconds(59'999)) == 3);
  CHECK(dossier.refused == 3);
  CHECK(count("d", milliseconds(60'000)) == 1);
  CHECK(count("e", milliseconds(119'999)) == 2);
  CHECK(count("f", milliseconds(120'000)) == 1);
}

TEST_CASE("a retransmission of a refused request counts once") {
  const SourceTable table(kSmall);
  Dossier dossier;
  for (int i = 0; i < 7; ++i) CHECK(table.count_refused(dossier, "a", seconds(60), at(seconds(i))) == 1);
  CHECK(table.count_refused(dossier, "b", seconds(60), at(seconds(8))) == 2);
  CHECK(table.count_refused(dossier, "b", seconds(60), at(seconds(9))) == 2);
  CHECK(table.count_refused(dossier, "b", seconds(60), at(seconds(60))) == 1);  // a window later it does
}

TEST_CASE("refused requests without a transaction are no retransmissions") {
  const SourceTable table(kSmall);
  Dossier dossier;
  for (unsigned i = 1; i <= 3; ++i) CHECK(table.count_refused(dossier, "", seconds(60), at({})) == i);
}

TEST_CASE("top gives the sources with the most packets, most first") {
  SourceTable table(kSmall);
  for (unsigned i = 0; i < 5; ++i) {
    Source& source = table.touch(i % 2 == 0 ? ipv4(i) : ipv6(i), at({}));
    for (unsigned packet = 0; packet < (i * 3 % 5) * 10; ++packet) source.count_read();
  }
  const auto reads = [](const std::vector<SourceReport>& sources) {
    std::vector<std::uint32_t> numbers;
    for (const SourceReport& source : sources) numbers.push_back(source.source.read());
    return numbers;
  };
  CHECK(reads(table.top(3)) == std::vector<std::uint32_t>{40, 30, 20});
  CHECK(table.top(1).front().address == ipv6(3));
  CHECK(reads(table.top(6)) == std::vector<std::uint32_t>{40, 30, 20, 10, 0});
  CHECK(table.top(0).empty());
  CHECK(SourceTable(kSmall).top(3).empty());
}

TEST_CASE("bans are lifted inside a net alone") {
  SourceTable table(kSmall);
  const auto ban = [&](std::string_view text) {
    table.dossier(table.touch(parse(text), at({})), at({})).banned_until = at(seconds(1));
  };
  const auto is_banned = [&](std::string_view text) {
    return table.report(parse(text))->dossier->is_banned(at({}));
  };
  for (const char* text : {"192.0.2.0", "192.0.2.255", "192.0.1.255", "192.0.3.0", "c000:200::"}) ban(text);
  (void)table.touch(parse("192.0.2.9"), at({}));                         // not banned
  (void)table.dossier(table.touch(parse("192.0.2.8"), at({})), at({}));  // neither
  CHECK(table.lift_bans(net("192.0.2.0/24")) == 2);
  CHECK_FALSE(is_banned("192.0.2.0"));
  CHECK_FALSE(is_banned("192.0.2.255"));
  CHECK(is_banned("192.0.1.255"));
  CHECK(is_banned("192.0.3.0"));
  CHECK(is_banned("c000:200::"));
  CHECK(table.lift_bans(net("192.0.2.0/24")) == 0);
  CHECK(table.lift_bans(net("192.0.3.0")) == 1);
  CHECK(table.lift_bans(net("0.0.0.0/0")) == 1);
  CHECK(table.lift_bans(net("::/0")) == 1);
}

TEST_CASE("with its ban a source is forgiven what would ban it again at once") {
  SourceTable table(kSmall);
  Dossier& dossier = table.dossier(table.touch(ipv4(1), at({})), at({}));
  dossier.banned_until = dossier.observed_ban_until = at(seconds(60));
  dossier.excess.note(at({}));
  dossier.credentials.add(1, seconds(60), at({}));
  dossier.targets.add(1, seconds(60), at({}));
  table.count_refused(dossier, "a", seconds(60), at({}));
  table.note_offence(ipv4(1), seconds(60), at({}));
  CHECK(table.lift_bans(ipv4(1)) == 1);
  CHECK(dossier.observed_ban_until == Instant{});
  CHECK_FALSE(dossier.excess.is_alive(at({})));
  CHECK(dossier.credentials.count(seconds(60), at({})) == 0);
  CHECK(dossier.targets.count(seconds(60), at({})) == 0);
  CHECK(dossier.refused == 0);
  CHECK(table.note_offence(ipv4(1), seconds(60), at({})).narrow.offences == 1);
}

}  // namespace
}  // namespace sipward::limit
