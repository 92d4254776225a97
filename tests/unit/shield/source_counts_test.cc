// What is counted of a source: never more dropped than read.
#include "bench.h"

namespace sipward::shield {
namespace {

using namespace sipward::test;  // NOLINT: packets made by hand
using decide::Reason;
using decide::SourceClass;

const std::string kThreeScans = kScan + kScan + kScan;

TEST_CASE("a packet of several scans is dropped once, and not at all when it is observed") {
  Bench bench;
  bench.observe = true;
  CHECK(bench.train(kThreeScans).reason == Reason::observed);
  CHECK(bench.source("198.51.100.7").source.read() == 1);
  CHECK(bench.source("198.51.100.7").source.dropped() == 0);
  bench.observe = false;
  CHECK(bench.train(kThreeScans).reason == Reason::signature);
  CHECK(bench.source("198.51.100.7").source.read() == 2);
  CHECK(bench.source("198.51.100.7").source.dropped() == 1);
  CHECK(bench.source("198.51.100.7").source.last_drop_reason() ==
        static_cast<std::uint8_t>(Reason::signature));
  const auto method = metrics::method_index("INVITE");
  CHECK(bench.counters().method_dropped(method) <= bench.counters().method_read(method));
}

TEST_CASE("a peer's segment of several scans passes and is none that was dropped") {
  Bench bench(SourceClass::peer);
  CHECK(bench.process(tcp_packet(kThreeScans), at(60'000), true).reason == Reason::observed);
  CHECK(bench.source("198.51.100.7").source.read() == 1);
  CHECK(bench.source("198.51.100.7").source.dropped() == 0);
  CHECK(bench.counters().dropped() == 0);
}

}  // namespace
}  // namespace sipward::shield
