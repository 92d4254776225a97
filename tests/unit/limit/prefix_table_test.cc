#include <fmt/format.h>

#include "givens.h"
#include "limit/source_table.h"
#include "support/catch.h"

namespace sipward::limit {
namespace {

constexpr seconds kWindow{600};

struct Bench {
  SourceTable table{1024 * 1024};
  PrefixOffences note(std::string_view address, microseconds time = {}) {
    return table.note_offence(parse(address), kWindow, at(time));
  }
};

TEST_CASE("offences in a prefix are counted, and how many addresses they are from") {
  Bench bench;
  CHECK(bench.note("192.0.2.1").narrow.offenders == 1);
  CHECK(bench.note("192.0.2.1").narrow.offences == 2);
  CHECK(bench.note("192.0.2.2").narrow.offenders == 2);
  const auto last = bench.note("192.0.2.1");
  CHECK(last.narrow.offences == 4);
  CHECK(last.narrow.offenders == 2);
  CHECK(last.wide.offences == 0);
  CHECK(last.wide.offenders == 0);
  CHECK(bench.note("192.0.3.1").narrow.offences == 1);
}

TEST_CASE("a whole prefix of offenders is counted") {
  Bench bench;
  for (unsigned host = 0; host < 256; ++host) {
    const auto offences = bench.note(fmt::format("192.0.2.{}", host));
    CHECK(offences.narrow.offences == host + 1);
    CHECK(offences.narrow.offenders == host + 1);
  }
}

TEST_CASE("in IPv6 a /64 has offending addresses, and a /48 offending networks") {
  Bench bench;
  CHECK(bench.note("2001:db8:0:1::1").wide.offenders == 1);
  const auto same_network = bench.note("2001:db8:0:1::2");
  CHECK(same_network.narrow.offenders == 2);
  CHECK(same_network.wide.offences == 2);
  CHECK(same_network.wide.offenders == 1);
  const auto other_network = bench.note("2001:db8:0:2::1");
  CHECK(other_network.narrow.offenders == 1);
  CHECK(other_network.wide.offences == 3);
  CHECK(other_network.wide.offenders == 2);
  CHECK(bench.note("2001:db8:1:1::1").wide.offences == 1);
}

TEST_CASE("offenders of a prefix leave the window when they were last noted a window ago") {
  Bench bench;
  bench.note("192.0.2.1");
  bench.note("192.0.2.2", seconds(1));
  CHECK(bench.note("192.0.2.3", seconds(600) - kTick).narrow.offenders == 3);
  CHECK(bench.note("192.0.2.3", seconds(600)).narrow.offenders == 2);
  const auto later = bench.note("192.0.2.3", seconds(2000));
  CHECK(later.narrow.offences == 1);
  CHECK(later.narrow.offenders == 1);
}

TEST_CASE("a net that is forgiven takes its prefixes along, and those it is part of") {
  Bench bench;
  for (const char* text : {"192.0.2.1", "192.0.3.1", "2001:db8:0:1::1", "2001:db8:0:2::1"}) bench.note(text);
  SECTION("one address") {
    bench.table.lift_bans(net("192.0.2.77"));
    CHECK(bench.note("192.0.2.1").narrow.offences == 1);
    CHECK(bench.note("192.0.3.1").narrow.offences == 2);
    CHECK(bench.note("2001:db8:0:1::1").narrow.offences == 2);
  }
  SECTION("a wide net") {
    bench.table.lift_bans(net("192.0.0.0/16"));
    CHECK(bench.note("192.0.2.1").narrow.offences == 1);
    CHECK(bench.note("192.0.3.1").narrow.offences == 1);
    CHECK(bench.note("2001:db8:0:1::1").narrow.offences == 2);
  }
  SECTION("an IPv6 network") {
    bench.table.lift_bans(net("2001:db8:0:1::/64"));
    CHECK(bench.note("2001:db8:0:1::1").narrow.offences == 1);
    const auto other = bench.note("2001:db8:0:2::1");
    CHECK(other.narrow.offences == 2);
    CHECK(other.wide.offences == 2);  // noted twice since the /48 was forgiven
    CHECK(bench.note("192.0.2.1").narrow.offences == 2);
  }
}

}  // namespace
}  // namespace sipward::limit
