#include "records.h"

namespace sipward::store {

TEST_CASE("a ban comes back whole, until it expires", "[store]") {
  const TemporaryFolder folder;
  const auto store = open_store(folder);
  const BanRecord forever = ban("2001:db8::/32", kNow, std::nullopt);
  REQUIRE(store->put({ban("192.0.2.1"), forever}, {}));

  const auto bans = store->bans(kNow + 1h - 1ms);
  REQUIRE(bans);
  REQUIRE(bans->size() == 2);
  CHECK(bans->at(0).net == net("192.0.2.1"));
  CHECK(bans->at(0).reason == "signature");
  CHECK(bans->at(0).rule == "ua-friendly-scanner");
  CHECK(bans->at(0).origin == "auto:ua-friendly-scanner");
  CHECK(bans->at(0).verified);
  CHECK(bans->at(0).created == kNow);
  CHECK(bans->at(0).expires == kNow + 1h);
  CHECK(bans->at(1).net == net("2001:db8::/32"));
  CHECK_FALSE(bans->at(1).expires);

  const auto later = store->bans(kNow + 1h);
  REQUIRE(later);
  REQUIRE(later->size() == 1);
  CHECK(later->at(0).net == net("2001:db8::/32"));
}

TEST_CASE("a ban of the same net replaces the one before", "[store]") {
  const TemporaryFolder folder;
  const auto store = open_store(folder);
  REQUIRE(store->put({ban("192.0.2.1")}, {}));
  BanRecord extended = ban("192.0.2.1", kNow, kNow + 4h);
  extended.verified = false;
  REQUIRE(store->put({extended}, {}));
  const auto bans = store->bans(kNow);
  REQUIRE(bans);
  REQUIRE(bans->size() == 1);
  CHECK(bans->at(0).expires == kNow + 4h);
  CHECK_FALSE(bans->at(0).verified);
}

TEST_CASE("an ended ban moves to the history", "[store]") {
  const TemporaryFolder folder;
  const auto store = open_store(folder);
  REQUIRE(store->put({ban("192.0.2.1"), ban("192.0.2.2")}, {}));
  REQUIRE(store->put({}, {ended(ban("192.0.2.1"), kNow + 1min, "removed:root")}));
  REQUIRE(store->bans(kNow)->size() == 1);
  const auto history = store->ban_history(address("192.0.2.1"), 10);
  REQUIRE(history);
  REQUIRE(history->size() == 1);
  CHECK(history->at(0).ban.net == net("192.0.2.1"));
  CHECK(history->at(0).ban.rule == "ua-friendly-scanner");
  CHECK(history->at(0).ban.created == kNow);
  CHECK(history->at(0).ban.expires == kNow + 1h);
  CHECK(history->at(0).ended == kNow + 1min);
  CHECK(history->at(0).how == "removed:root");
}

TEST_CASE("an end and a beginning in one batch", "[store]") {
  const TemporaryFolder folder;
  const auto store = open_store(folder);
  SECTION("ended in the batch that began it: gone") {
    REQUIRE(store->put({ban("192.0.2.1")}, {ended(ban("192.0.2.1"), kNow + 1s)}));
    CHECK(store->bans(kNow)->empty());
  }
  SECTION("begun again in the batch that ended the one before: stays") {
    REQUIRE(store->put({ban("192.0.2.1", kNow - 1h)}, {}));
    REQUIRE(store->put({ban("192.0.2.1", kNow)}, {ended(ban("192.0.2.1", kNow - 1h), kNow - 1s)}));
    REQUIRE(store->bans(kNow)->size() == 1);
    CHECK(store->bans(kNow)->at(0).created == kNow);
  }
  CHECK(store->ban_history(address("192.0.2.1"), 10)->size() == 1);
}

TEST_CASE("offences are the proven automatic bans, and what operators lifted, in the order of their ends",
          "[store]") {
  const TemporaryFolder folder;
  const auto store = open_store(folder);
  const auto with = [](const char* of, bool verified, const char* origin, WallTime expires) {
    BanRecord record = ban(of, kNow, expires);
    record.verified = verified;
    record.origin = origin;
    return record;
  };
  REQUIRE(
      store->put({with("192.0.2.9", true, "auto:x", kNow + 9h), with("192.0.2.8", false, "auto:x", kNow + 9h),
                  with("192.0.2.7", true, "cli:root", kNow + 9h)},
                 {}));
  REQUIRE(store->put({}, {ended(with("192.0.2.3", true, "auto:x", kNow + 9h), kNow + 3h),
                          ended(with("192.0.2.2", false, "auto:x", kNow + 9h), kNow + 2h),
                          ended(with("192.0.2.1", true, "auto:x", kNow + 9h), kNow + 1h),
                          ended(with("192.0.2.4", true, "cli:root", kNow + 9h), kNow + 4h),
                          ended(with("192.0.2.5", true, "cli:root", kNow + 9h), kNow + 5h, "removed:root"),
                          ended(with("192.0.2.0/24", true, "auto:x", kNow + 9h), kNow + 6h, "flushed:a"),
                          ended(with("192.0.2.6", false, "auto:x", kNow + 9h), kNow + 7h, "whitelisted:a"),
                          ended(with("192.0.2.10", true, "auto:x", kNow + 9h), kNow + 8h, "known")}));
  const auto offences = [&](WallTime since, std::size_t limit) {
    std::vector<std::string> rows;
    const auto read = store->offences(since, limit);
    for (const Offence& offence : read.value())
      rows.push_back(offence.net.to_string() + (offence.forgiven ? " forgiven" : ""));
    return rows;
  };
  using Rows = std::vector<std::string>;
  const Rows all{"192.0.2.1",          "192.0.2.3",  "192.0.2.5 forgiven", "192.0.2.0/24 forgiven",
                 "192.0.2.6 forgiven", "192.0.2.10", "192.0.2.9"};
  CHECK(offences(kNow, 100) == all);
  CHECK(offences(kNow + 1h - 1ms, 100) == all);
  CHECK(offences(kNow + 1h, 100) == Rows(all.begin() + 1, all.end()));
  CHECK(offences(kNow, 2) == Rows(all.end() - 2, all.end()));
  const auto first = store->offences(kNow, 100)->front();
  CHECK(first.begun == kNow);
  CHECK(first.ended == kNow + 1h);
}

TEST_CASE("known sources are put, extended, forgotten, and gone at their end", "[store]") {
  const TemporaryFolder folder;
  const auto store = open_store(folder);
  const auto known = [&](WallTime now) {
    std::vector<std::string> rows;
    const auto read = store->known(now);
    for (const KnownRecord& record : read.value()) rows.push_back(record.address.to_string());
    return rows;
  };
  using Rows = std::vector<std::string>;
  const std::vector<Address> nobody;
  REQUIRE(store->put({KnownRecord{address("192.0.2.1"), kNow, kNow + 1h, "register"},
                      KnownRecord{address("2001:db8::1"), kNow, kNow + 1h, "invite"}},
                     nobody));
  CHECK(known(kNow + 1h - 1ms) == Rows{"192.0.2.1", "2001:db8::1"});
  CHECK(known(kNow + 1h).empty());
  REQUIRE(store->put({KnownRecord{address("192.0.2.1"), kNow, kNow + 2h, "invite"}}, nobody));
  CHECK(known(kNow + 1h) == Rows{"192.0.2.1"});
  const auto extended = store->known(kNow)->front();
  CHECK(extended.since == kNow);
  CHECK(extended.until == kNow + 2h);
  CHECK(extended.how == "invite");
  REQUIRE(store->put(std::vector<KnownRecord>(), {address("192.0.2.1"), address("192.0.2.2")}));
  CHECK(known(kNow) == Rows{"2001:db8::1"});
  CHECK(store->purge({}, kNow + 1h - 1ms) == 0U);
  CHECK(store->purge({}, kNow + 1h) == 1U);
  CHECK(known(kNow).empty());
}

TEST_CASE("the history of an address holds the nets that cover it, newest first", "[store]") {
  const TemporaryFolder folder;
  const auto store = open_store(folder);
  std::vector<EndedBan> ends;
  for (const char* of :
       {"192.0.2.7", "192.0.2.0/24", "192.0.3.0/24", "192.0.2.8", "0.0.0.0/0", "192.0.2.6/31"})
    ends.push_back(ended(ban(of), kNow));
  // The calendar stepped back: still the newest.
  ends.push_back(ended(ban("192.0.2.7"), kNow - 1h, "last"));
  for (const char* of : {"::/0", "2001:db8::1", "2001:db8::/32"}) ends.push_back(ended(ban(of), kNow));
  REQUIRE(store->put({}, ends));

  const auto nets = [&](const char* of, std::size_t limit) {
    std::vector<std::string> names;
    const auto history = store->ban_history(address(of), limit);
    for (const EndedBan& end : history.value()) names.push_back(end.ban.net.to_string());
    return names;
  };
  using Names = std::vector<std::string>;
  CHECK(nets("192.0.2.7", 10) ==
        Names{"192.0.2.7", "192.0.2.6/31", "0.0.0.0/0", "192.0.2.0/24", "192.0.2.7"});
  CHECK(nets("192.0.2.7", 2) == Names{"192.0.2.7", "192.0.2.6/31"});
  CHECK(nets("192.0.2.7", 0).empty());
  CHECK(nets("2001:db8::1", 10) == Names{"2001:db8::/32", "2001:db8::1", "::/0"});
  CHECK(nets("198.51.100.1", 10) == Names{"0.0.0.0/0"});
}

TEST_CASE("a whitelist entry is put, replaced and removed", "[store]") {
  const TemporaryFolder folder;
  const auto store = open_store(folder);
  WhitelistEntry entry{.net = net("198.51.100.0/24"),
                       .source_class = "peer",
                       .comment = "Käufer \"A\"\n",
                       .created = kNow,
                       .expires = kNow + 24h,
                       .origin = "cli:root"};
  REQUIRE(store->put(entry));
  auto list = store->whitelist();
  REQUIRE(list);
  REQUIRE(list->size() == 1);
  CHECK(list->at(0).net == entry.net);
  CHECK(list->at(0).source_class == "peer");
  CHECK(list->at(0).comment == "Käufer \"A\"\n");
  CHECK(list->at(0).created == kNow);
  CHECK(list->at(0).expires == kNow + 24h);
  CHECK(list->at(0).origin == "cli:root");

  entry.comment.clear();
  entry.expires.reset();
  REQUIRE(store->put(entry));
  list = store->whitelist();
  REQUIRE(list->size() == 1);
  CHECK(list->at(0).comment.empty());
  CHECK_FALSE(list->at(0).expires);

  REQUIRE(store->remove_whitelist(net("198.51.100.0/25")));
  CHECK(store->whitelist()->size() == 1);
  REQUIRE(store->remove_whitelist(entry.net));
  CHECK(store->whitelist()->empty());
}

TEST_CASE("evidence keeps the bytes as they came", "[store]") {
  const TemporaryFolder folder;
  const auto store = open_store(folder);
  EvidenceRecord record;
  record.time = kNow;
  record.source = address("2001:db8::1");
  record.source_port = 65535;
  record.destination = "192.0.2.1:5060";
  record.transport = "udp";
  record.reason = "signature";
  record.rule = "ua-sipcli";
  record.action = "ban";
  record.verified = true;
  record.excerpt = std::string("OPTIONS sip:\0\xff\xfe\r\n", 17);
  record.value = std::string("\0'sipcli\"", 9);
  record.match_begin = 2;
  record.match_end = 8;
  record.observed = true;
  record.detail = "score 40 (bans at 100): sipsak 40";
  REQUIRE(store->put(std::vector{record}));
  const auto rows = store->evidence(record.source, 10);
  REQUIRE(rows);
  REQUIRE(rows->size() == 1);
  const EvidenceRecord& row = rows->front();
  CHECK(row.time == kNow);
  CHECK(row.source == record.source);
  CHECK(row.source_port == 65535);
  CHECK(row.destination == "192.0.2.1:5060");
  CHECK(row.transport == "udp");
  CHECK(row.reason == "signature");
  CHECK(row.rule == "ua-sipcli");
  CHECK(row.action == "ban");
  CHECK(row.verified);
  CHECK(row.excerpt == record.excerpt);
  CHECK(row.value == record.value);
  CHECK(row.match_begin == 2);
  CHECK(row.match_end == 8);
  CHECK(row.observed);
  CHECK(row.detail == record.detail);
}

TEST_CASE("evidence is cut at its limit and the match with it", "[store]") {
  const TemporaryFolder folder;
  const auto store = open_store(folder);
  EvidenceRecord record = packet("192.0.2.1", std::string(kExcerptMax, 'a'));
  record.value = std::string(kExcerptMax + 1, 'b');
  record.match_begin = kExcerptMax - 1;
  record.match_end = kExcerptMax + 1;
  REQUIRE(store->put(std::vector{record}));
  const EvidenceRecord row = store->evidence(record.source, 1).value().at(0);
  CHECK(row.excerpt.size() == kExcerptMax);
  CHECK(row.value.size() == kExcerptMax);
  CHECK(row.match_begin == kExcerptMax - 1);
  CHECK(row.match_end == kExcerptMax);
}

TEST_CASE("the newest evidence of each source stays", "[store]") {
  const TemporaryFolder folder;
  const auto store = open_store(folder);
  std::vector<EvidenceRecord> batch{packet("192.0.2.9", "other")};
  for (std::size_t i = 0; i < kEvidencePerSource; ++i)
    batch.push_back(packet("192.0.2.1", std::to_string(i)));
  REQUIRE(store->put(batch));
  CHECK(store->evidence(address("192.0.2.1"), 100)->size() == kEvidencePerSource);
  CHECK(store->evidence(address("192.0.2.1"), 100)->back().excerpt == "0");

  REQUIRE(store->put(std::vector{packet("192.0.2.1", "newest")}));
  const auto rows = store->evidence(address("192.0.2.1"), 100);
  REQUIRE(rows->size() == kEvidencePerSource);
  CHECK(rows->front().excerpt == "newest");
  CHECK(rows->back().excerpt == "1");
  CHECK(store->evidence(address("192.0.2.1"), 3)->size() == 3);
  CHECK(store->evidence(address("192.0.2.9"), 100)->size() == 1);
}

TEST_CASE("audit records are numbered and a number is never used again", "[store]") {
  const TemporaryFolder folder;
  const auto store = open_store(folder);
  for (const char* event : {"bans.add", "bans.remove", "mode.set"})
    REQUIRE(store->put(
        AuditRecord{.time = kNow, .type = "general", .user = "root", .event = event, .detail = "x"}));
  const auto newest = store->audit(2);
  REQUIRE(newest);
  REQUIRE(newest->size() == 2);
  CHECK(newest->at(0).serial == 3);
  CHECK(newest->at(0).event == "mode.set");
  CHECK(newest->at(0).time == kNow);
  CHECK(newest->at(0).type == "general");
  CHECK(newest->at(0).user == "root");
  CHECK(newest->at(0).detail == "x");
  CHECK(newest->at(1).event == "bans.remove");

  REQUIRE(store->purge({}, kNow + std::chrono::days(91)) == 3U);
  REQUIRE(
      store->put(AuditRecord{.time = kNow, .type = "error", .user = "daemon", .event = "e", .detail = ""}));
  CHECK(store->audit(10)->at(0).serial == 4);
}

TEST_CASE("a rule has one override, the last", "[store]") {
  const TemporaryFolder folder;
  {
    const auto store = open_store(folder);
    CHECK(store->rule_overrides().value().empty());
    REQUIRE(store->put(RuleOverride{"sipcli", "disabled", "", kNow, "cli:root"}));
    REQUIRE(store->put(RuleOverride{"friendly-scanner", "observe", "it's \"quoted\"", kNow, "cli:alice"}));
    REQUIRE(store->put(RuleOverride{"sipcli", "enforce", "sure", kNow + 1min, "cli:bob"}));
    REQUIRE(store->put(RuleOverride{"gone", "observe", "", kNow, "cli:root"}));
    REQUIRE(store->remove_rule_override("gone"));
    CHECK(store->remove_rule_override("never was"));
  }
  const auto rows = open_store(folder)->rule_overrides().value();
  REQUIRE(rows.size() == 2);
  CHECK(rows[0].rule == "friendly-scanner");
  CHECK(rows[0].comment == "it's \"quoted\"");
  CHECK(rows[1].state == "enforce");
  CHECK(rows[1].comment == "sure");
  CHECK(rows[1].created == kNow + 1min);
  CHECK(rows[1].origin == "cli:bob");
}

TEST_CASE("the mode is one value", "[store]") {
  const TemporaryFolder folder;
  const auto store = open_store(folder);
  REQUIRE(store->mode());
  CHECK_FALSE(store->mode().value());
  REQUIRE(store->put(StoredMode{.mode = "enforce", .until = {}, .then = "enforce"}));
  REQUIRE(store->put(StoredMode{.mode = "observe", .until = kNow + 10min, .then = "enforce"}));
  const auto mode = store->mode().value();
  REQUIRE(mode);
  CHECK(mode->mode == "observe");
  CHECK(mode->until == kNow + 10min);
  CHECK(mode->then == "enforce");
}

}  // namespace sipward::store
