#include "limit/flows.h"

#include <fmt/format.h>

#include <map>

#include "givens.h"
#include "support/catch.h"

namespace sipward::limit {
namespace {

using Held = Flows::Held;

const Address kPhone = parse("192.0.2.7");

TEST_CASE("an address may use as many source ports as its cap says, and not one more") {
  Flows flows(64);
  const Address source = GENERATE(parse("192.0.2.7"), parse("2001:db8::7"));
  const Caps caps{10, 30};
  for (std::uint16_t port = 1; port <= 10; ++port)
    CHECK(flows.hold(source, port, caps, at({})) == Held::held);
  CHECK(flows.hold(source, 11, caps, at({})) == Held::over_address);
  for (std::uint16_t port = 1; port <= 10; ++port)
    CHECK(flows.hold(source, port, caps, at({})) == Held::held);
  CHECK(flows.of(source) == 10);
  CHECK(flows.hold(source, 11, {11, 30}, at({})) == Held::held);
  CHECK(flows.hold(source, 12, {0, 0}, at({})) == Held::held);  // no cap
}

TEST_CASE("the addresses of a prefix share its cap, and no other prefix does") {
  Flows flows(64);
  const Caps caps{10, 30};
  const bool is_ipv4 = GENERATE(true, false);
  const auto member = [&](unsigned host) {
    return parse(fmt::format("{}{}", is_ipv4 ? "192.0.2." : "2001:db8:0:1::", host));
  };
  for (std::uint16_t i = 0; i < 30; ++i) CHECK(flows.hold(member(i / 10), i, caps, at({})) == Held::held);
  CHECK(flows.hold(member(4), 1, caps, at({})) == Held::over_prefix);
  CHECK(flows.of_prefix(member(4)) == 30);
  CHECK(flows.of(member(4)) == 0);
  CHECK(flows.hold(parse(is_ipv4 ? "192.0.3.4" : "2001:db8:0:2::4"), 1, caps, at({})) == Held::held);
}

TEST_CASE("a flow is free again after 60 seconds of silence, and not before") {
  Flows flows(64);
  const Caps one{1, 0};
  REQUIRE(flows.hold(kPhone, 1, one, at({})) == Held::held);
  REQUIRE(flows.hold(kPhone, 1, one, at(seconds(50))) == Held::held);
  CHECK(flows.hold(kPhone, 2, one, at(seconds(111) - kTick)) == Held::over_address);
  CHECK(flows.hold(kPhone, 2, one, at(seconds(111))) == Held::held);
  CHECK(flows.hold(kPhone, 1, one, at(seconds(111))) == Held::over_address);
  CHECK(flows.size() == 1);
}

TEST_CASE("the same port of two addresses are two flows") {
  Flows flows(64);
  CHECK(flows.hold(parse("192.0.2.7"), 1, {1, 0}, at({})) == Held::held);
  CHECK(flows.hold(parse("192.0.2.8"), 1, {1, 0}, at({})) == Held::held);
  CHECK(flows.hold(parse("c000:207::"), 1, {1, 0}, at({})) == Held::held);
  CHECK(flows.size() == 3);
}

TEST_CASE("flows are full without forgetting one, and have places again when some end") {
  Flows flows(4);
  for (std::uint16_t port = 1; port <= 4; ++port)
    CHECK(flows.hold(kPhone, port, {}, at(seconds(port))) == Held::held);
  CHECK(flows.hold(kPhone, 5, {}, at(seconds(62) - kTick)) == Held::full);
  CHECK(flows.hold(kPhone, 5, {}, at(seconds(62))) == Held::held);
  CHECK(flows.hold(kPhone, 1, {}, at(seconds(62))) == Held::full);
}

TEST_CASE("whatever the order of packets and time, the flows of addresses and prefixes are counted exactly") {
  Random random(GENERATE(1U, 2U, 3U));
  Flows flows(256);
  std::map<std::pair<unsigned, std::uint16_t>, std::int64_t> reference;  // host and port: last seen
  std::int64_t now_ms = 0;
  for (int i = 0; i < 10'000; ++i) {
    now_ms += random.one_in(20) ? random.below(70'000) : random.below(500);
    std::erase_if(reference, [&](const auto& flow) { return now_ms / 1000 - flow.second > 60; });
    const unsigned host = random.below(5);
    const auto port = static_cast<std::uint16_t>(random.below(8));
    const auto of = [&](unsigned wanted) {
      return std::ranges::count_if(reference, [&](const auto& flow) { return flow.first.first == wanted; });
    };
    const bool expected = reference.contains({host, port}) || (of(host) < 4 && reference.size() < 12);
    const auto held = flows.hold(ipv4(host), port, {4, 12}, at(milliseconds(now_ms)));
    REQUIRE((held == Held::held) == expected);
    if (expected) reference[{host, port}] = now_ms / 1000;
    for (unsigned each = 0; each < 5; ++each) REQUIRE(flows.of(ipv4(each)) == of(each));
    REQUIRE(flows.of_prefix(ipv4(0)) == reference.size());
    REQUIRE(flows.size() == reference.size());
  }
}

TEST_CASE("a flow takes less than 160 bytes, with what counts for its owners") {
  CHECK(Flows(65'536).bytes() < 65'536 * 160);
}

}  // namespace
}  // namespace sipward::limit
