#include "stream/connection_table.h"

#include "support/catch.h"

using namespace sipward;
using namespace sipward::stream;

namespace {

constexpr Instant kNow{std::chrono::hours(1)};

Flow flow(const std::string& client, std::uint16_t port) {
  return {*Address::parse(client), *Address::parse("192.0.2.1"), port, 5060};
}

// Half a message, so that forgetting the connection does harm.
void begin_message(ConnectionTable& table, Connection& connection, std::size_t size, Instant now = kNow) {
  REQUIRE(connection.bytes.place(connection.bytes.next(), std::string(size, 'x'), now) ==
          Placement::in_order);
  (void)table.account(connection, now);
}

// A whole message, of which only the history is left.
void pass_message(ConnectionTable& table, Connection& connection, std::size_t size) {
  begin_message(table, connection, size);
  connection.bytes.consume(size);
  (void)table.account(connection, kNow);
}

}  // namespace

TEST_CASE("a connection is found by both addresses and both ports") {
  ConnectionTable table({});
  Connection& one = *table.open(flow("198.51.100.1", 1000), 7, false, kNow);
  CHECK(table.find(flow("198.51.100.1", 1000), kNow) == &one);
  CHECK(table.find(flow("198.51.100.1", 1001), kNow) == nullptr);
  CHECK(table.find(flow("198.51.100.2", 1000), kNow) == nullptr);
  Flow other = flow("198.51.100.1", 1000);
  other.server_port = 5070;
  CHECK(table.find(other, kNow) == nullptr);
  table.close(one);
  CHECK(table.find(flow("198.51.100.1", 1000), kNow) == nullptr);
  CHECK(table.size() == 0);
}

TEST_CASE("forged handshakes drive out each other alone") {
  ConnectionTable table({.connections = 4});
  table.prove(*table.open(flow("198.51.100.1", 1), 0, true, kNow));
  table.prove(*table.open(flow("198.51.100.2", 1), 0, true, kNow));
  for (std::uint16_t i = 0; i < 100; ++i) (void)*table.open(flow("203.0.113.9", i), 0, false, kNow);
  CHECK(table.size() == 4);
  CHECK(table.evictions() == 98);
  CHECK(table.find(flow("198.51.100.1", 1), kNow) != nullptr);
  CHECK(table.find(flow("198.51.100.2", 1), kNow) != nullptr);
  CHECK(table.find(flow("203.0.113.9", 97), kNow) == nullptr);
  CHECK(table.find(flow("203.0.113.9", 98), kNow) != nullptr);
}

TEST_CASE("of proven connections the one silent longest gives way") {
  ConnectionTable table({.connections = 2});
  table.prove(*table.open(flow("198.51.100.1", 1), 0, true, kNow));
  table.prove(*table.open(flow("198.51.100.2", 1), 0, true, kNow));
  (void)table.find(flow("198.51.100.1", 1), kNow + std::chrono::seconds(1));
  CHECK(table.open(flow("198.51.100.3", 1), 0, false, kNow) == nullptr);
  CHECK(table.evictions() == 0);
  CHECK(table.was_evicted(flow("198.51.100.3", 1)));
  CHECK(table.open(flow("198.51.100.3", 1), 0, true, kNow + std::chrono::seconds(2)) != nullptr);
  CHECK_FALSE(table.was_evicted(flow("198.51.100.3", 1)));
  CHECK(table.was_evicted(flow("198.51.100.2", 1)));
  CHECK(table.find(flow("198.51.100.2", 1), kNow) == nullptr);
  CHECK(table.find(flow("198.51.100.1", 1), kNow) != nullptr);
}

TEST_CASE("a source has its share of connections") {
  ConnectionTable table({.connections_per_source = 3});
  (void)*table.open(flow("198.51.100.2", 1), 0, false, kNow);
  for (std::uint16_t i = 0; i < 4; ++i) table.prove(*table.open(flow("198.51.100.1", i), 0, true, kNow));
  CHECK(table.size() == 4);
  CHECK(table.evictions() == 1);
  CHECK(table.find(flow("198.51.100.1", 0), kNow) == nullptr);
  CHECK(table.find(flow("198.51.100.1", 3), kNow) != nullptr);
  CHECK(table.find(flow("198.51.100.2", 1), kNow) != nullptr);
}

TEST_CASE("SYNs in a source's name do not drive out its proven connections") {
  ConnectionTable table({.connections_per_source = 3});
  for (std::uint16_t i = 0; i < 2; ++i) table.prove(*table.open(flow("198.51.100.1", i), 0, true, kNow));
  for (std::uint16_t i = 100; i < 200; ++i)
    CHECK(table.open(flow("198.51.100.1", i), 0, false, kNow) != nullptr);
  CHECK(table.size() == 3);
  CHECK(table.find(flow("198.51.100.1", 0), kNow) != nullptr);
  CHECK(table.find(flow("198.51.100.1", 1), kNow) != nullptr);
  CHECK_FALSE(table.was_evicted(flow("198.51.100.1", 100)));  // it was never more than a SYN
}

TEST_CASE("when more were evicted than are remembered, every unknown flow counts as one") {
  ConnectionTable table({.connections = 2});
  for (std::uint16_t i = 0; i < 4; ++i) table.prove(*table.open(flow("198.51.100.1", i), 0, true, kNow));
  CHECK(table.was_evicted(flow("198.51.100.1", 0)));
  CHECK_FALSE(table.was_evicted(flow("203.0.113.1", 1)));
  for (std::uint16_t i = 4; i < 6; ++i) table.prove(*table.open(flow("198.51.100.1", i), 0, true, kNow));
  CHECK(table.was_evicted(flow("203.0.113.1", 1)));
}

TEST_CASE("a source has its share of bytes; histories go first") {
  ConnectionTable table({.bytes_per_source = 10000});
  pass_message(table, *table.open(flow("198.51.100.1", 1), 0, false, kNow), 6000);
  Connection& second = *table.open(flow("198.51.100.1", 2), 0, false, kNow);
  begin_message(table, second, 8000);
  CHECK(table.account(second, kNow));
  CHECK(table.bytes() <= 10000);
  CHECK(table.find(flow("198.51.100.1", 1), kNow) != nullptr);
  begin_message(table, second, 8000);
  CHECK_FALSE(table.account(second, kNow));
  Connection& other = *table.open(flow("198.51.100.2", 1), 0, false, kNow);
  begin_message(table, other, 8000);
  CHECK(table.account(other, kNow));
}

TEST_CASE("memory is bounded: histories go first, then what is unfinished and silent longest") {
  ConnectionTable table({.bytes = 30000});
  pass_message(table, *table.open(flow("198.51.100.1", 1), 0, false, kNow), 9000);
  Connection& unfinished = *table.open(flow("198.51.100.2", 1), 0, false, kNow);
  begin_message(table, unfinished, 9000);
  begin_message(table, *table.open(flow("198.51.100.3", 1), 0, false, kNow), 9000);
  begin_message(table, *table.open(flow("198.51.100.4", 1), 0, false, kNow), 9000);
  CHECK(table.evictions() == 0);
  CHECK(table.size() == 4);
  begin_message(table, *table.open(flow("198.51.100.5", 1), 0, false, kNow), 9000);
  CHECK(table.evictions() == 1);
  CHECK(table.find(flow("198.51.100.2", 1), kNow) == nullptr);
  CHECK(table.find(flow("198.51.100.1", 1), kNow) != nullptr);
  CHECK(table.bytes() <= 30000);
}

TEST_CASE("a silent connection keeps no history, and no half message") {
  ConnectionTable table({});
  pass_message(table, *table.open(flow("198.51.100.1", 1), 0, false, kNow), 5000);
  begin_message(table, *table.open(flow("198.51.100.2", 1), 0, false, kNow), 5000);
  Connection& third = *table.open(flow("198.51.100.3", 1), 0, false, kNow);
  SECTION("not before a minute") {
    begin_message(table, third, 100, kNow + std::chrono::seconds(60));
    CHECK(table.bytes() >= 10000);
    CHECK(table.evictions() == 0);
  }
  SECTION("after it") {
    begin_message(table, third, 100, kNow + std::chrono::seconds(61));
    begin_message(table, third, 100, kNow + std::chrono::seconds(61));
    CHECK(table.bytes() < 1000);
    CHECK(table.evictions() == 1);
    CHECK(table.size() == 2);
  }
}
