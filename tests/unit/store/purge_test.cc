// What is deleted in time.
#include "records.h"

namespace sipward::store {

TEST_CASE("purge deletes what is older than its retention", "[store]") {
  const TemporaryFolder folder;
  const auto store = open_store(folder);
  REQUIRE(store->put(std::vector{packet("192.0.2.1", "e")}));
  REQUIRE(
      store->put(AuditRecord{.time = kNow, .type = "general", .user = "root", .event = "e", .detail = ""}));
  REQUIRE(store->put({}, {ended(ban("192.0.2.1"), kNow)}));
  const Store::Retention retention{
      .evidence = std::chrono::days(1), .ban_history = std::chrono::days(2), .audit = std::chrono::days(3)};
  CHECK(store->purge(retention, kNow + 24h) == 0U);
  CHECK(store->purge(retention, kNow + 24h + 1ms) == 1U);
  CHECK(store->evidence(address("192.0.2.1"), 1)->empty());
  CHECK(store->purge(retention, kNow + 48h) == 0U);
  CHECK(store->purge(retention, kNow + 48h + 1ms) == 1U);
  CHECK(store->ban_history(address("192.0.2.1"), 1)->empty());
  CHECK(store->purge(retention, kNow + 72h) == 0U);
  CHECK(store->purge(retention, kNow + 72h + 1ms) == 1U);
  CHECK(store->audit(1)->empty());
}

TEST_CASE("purge keeps to its batch", "[store]") {
  const TemporaryFolder folder;
  const auto store = open_store(folder);
  std::vector<EvidenceRecord> batch;
  for (const char* source : {"192.0.2.1", "192.0.2.2", "192.0.2.3", "192.0.2.4", "192.0.2.5"})
    batch.push_back(packet(source, "x"));
  REQUIRE(store->put(batch));

  SECTION("by age, over several kinds of rows") {
    REQUIRE(
        store->put(AuditRecord{.time = kNow, .type = "general", .user = "root", .event = "e", .detail = ""}));
    const WallTime later = kNow + std::chrono::days(91);
    CHECK(store->purge({}, later, 4) == 4U);
    CHECK(store->purge({}, later, 4) == 2U);
    CHECK(store->purge({}, later, 4) == 0U);
  }
  SECTION("bans that have ended, above the row limit") {
    Store::Retention retention;
    retention.ban_history_rows_max = 1;
    const auto net = *Prefix::parse("192.0.2.9");
    for (int i = 0; i < 2; ++i)
      REQUIRE(store->put({}, {EndedBan{{net, "x", "", "auto:x", false, kNow, kNow}, kNow, "expired"}}));
    CHECK(store->ban_history(net.base(), 10)->size() == 2);
    CHECK(store->purge(retention, kNow) == 1U);
    CHECK(store->ban_history(net.base(), 10)->size() == 1);
    CHECK(store->purge(retention, kNow) == 0U);
  }
  SECTION("above the row limit, oldest first") {
    Store::Retention retention;
    retention.evidence_rows_max = 2;
    CHECK(store->purge(retention, kNow, 2) == 2U);
    CHECK(store->purge(retention, kNow, 2) == 1U);
    CHECK(store->purge(retention, kNow, 2) == 0U);
    CHECK(store->evidence(address("192.0.2.3"), 1)->empty());
    CHECK(store->evidence(address("192.0.2.4"), 1)->size() == 1);
    CHECK(store->evidence(address("192.0.2.5"), 1)->size() == 1);
  }
}

TEST_CASE("a ban that expired while no daemon ran goes to the history", "[store]") {
  const TemporaryFolder folder;
  const auto store = open_store(folder);
  REQUIRE(store->put({ban("192.0.2.1"), ban("192.0.2.2"), ban("192.0.2.3", kNow, std::nullopt)}, {}));
  CHECK(store->purge({}, kNow + 2h) == 0U);
  CHECK(store->purge({}, kNow + 2h + 1ms, 1) == 1U);
  CHECK(store->purge({}, kNow + 2h + 1ms) == 1U);
  CHECK(store->bans(kNow)->size() == 1);
  for (const char* of : {"192.0.2.1", "192.0.2.2"}) {
    const auto history = store->ban_history(address(of), 10).value();
    REQUIRE(history.size() == 1);
    CHECK(history[0].how == "expired");
    CHECK(history[0].ended == kNow + 1h);
  }
}

TEST_CASE("purge deletes whitelist entries that have ended, and no others", "[store]") {
  const TemporaryFolder folder;
  const auto store = open_store(folder);
  const auto entry = [](const char* of, std::optional<WallTime> expires) {
    return WhitelistEntry{net(of), "trusted", "", kNow, expires, "cli:root"};
  };
  REQUIRE(store->put(entry("192.0.2.1", kNow + 1h)));
  REQUIRE(store->put(entry("192.0.2.2", kNow + 2h)));
  REQUIRE(store->put(entry("192.0.2.3", std::nullopt)));
  CHECK(store->purge({}, kNow + 1h - 1ms) == 0U);
  CHECK(store->purge({}, kNow + 1h) == 1U);
  CHECK(store->purge({}, kNow + 1h) == 0U);
  const auto left = store->whitelist().value();
  REQUIRE(left.size() == 2);
  CHECK(left[0].net == net("192.0.2.2"));
  CHECK(left[1].net == net("192.0.2.3"));
}

}  // namespace sipward::store
