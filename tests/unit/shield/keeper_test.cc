// What becomes of changes while another program holds the database locked.
#include "keeper.h"

#include <sqlite3.h>

#include <functional>

#include "base/handle.h"
#include "mode.h"
#include "support/catch.h"
#include "support/temporary_folder.h"

namespace sipward::shield {
namespace {

using metrics::Event;

constexpr WallTime kNow{std::chrono::milliseconds(1'800'000'000'000)};

// Another program's connection to the same file.
class OtherProgram {
 public:
  explicit OtherProgram(const std::filesystem::path& path) {
    sqlite3* raw = nullptr;
    REQUIRE(sqlite3_open(path.c_str(), &raw) == SQLITE_OK);
    db_.reset(raw);
  }
  void run(const char* sql) { REQUIRE(sqlite3_exec(db_.get(), sql, nullptr, nullptr, nullptr) == SQLITE_OK); }

 private:
  std::unique_ptr<sqlite3, CloseWith<sqlite3_close>> db_;
};

store::BanRecord ban(const std::string& net) {
  return {*Prefix::parse(net), "signature", "r", "auto:r", false, kNow, std::nullopt};
}

store::AuditRecord change(std::string event) {
  return {0, kNow, "general", "root", std::move(event), ""};
}

// Only a broken keeper makes it wait for ever: then ctest's limit ends it.
void wait_until(const std::function<bool()>& is_so) {
  while (!is_so()) std::this_thread::yield();
}

struct Desk {
  Desk() { keeper.start(); }

  [[nodiscard]] std::uint64_t errors() { return counters.event(Event::store_errors).get(); }
  [[nodiscard]] std::size_t stored_bans() {
    return keeper.with_store([](store::Store& store) { return store.bans(kNow).value().size(); });
  }
  [[nodiscard]] std::vector<std::string> stored_events() {
    std::vector<std::string> events;
    for (const auto& record :
         keeper.with_store([](store::Store& store) { return store.audit(1000).value(); }))
      events.push_back(record.event);
    return events;
  }

  test::TemporaryFolder folder;
  std::filesystem::path path = folder / "sipward.db";
  metrics::Counters counters = std::move(*metrics::Counters::in_memory());
  Keeper keeper{std::move(*store::Store::open(path)), counters};
  OtherProgram other{path};
};

TEST_CASE_METHOD(Desk,
                 "changes are kept while another program holds the database, and stored in their order") {
  other.run("BEGIN IMMEDIATE");
  keeper.save({ban("192.0.2.1")}, {});
  wait_until([&] { return keeper.is_locked(); });
  CHECK(keeper.waiting() == 1);
  keeper.audit(change("first"));
  keeper.audit(change("second"));
  CHECK(stored_bans() == 0);  // reading goes on meanwhile

  other.run("COMMIT");
  wait_until([&] { return stored_events().size() == 2; });
  CHECK(stored_events() == std::vector<std::string>{"second", "first"});  // newest first
  CHECK(stored_bans() == 1);
  wait_until([&] { return keeper.waiting() == 0; });
  CHECK_FALSE(keeper.is_locked());
  CHECK(errors() == 0);
}

TEST_CASE_METHOD(Desk, "an operator's change is refused as busy while another program holds the database") {
  const store::RuleOverride wanted{"sipcli", "disabled", "", kNow, "cli:root"};
  const auto put = [&] { return keeper.with_store([&](store::Store& store) { return store.put(wanted); }); };
  other.run("BEGIN IMMEDIATE");
  keeper.save({ban("192.0.2.1")}, {});
  wait_until([&] { return keeper.is_locked(); });
  const auto refused = put();
  REQUIRE_FALSE(refused);
  CHECK(refused.error().kind == ErrorKind::busy);
  CHECK_THAT(refused.error().text, ContainsSubstring("override of rule sipcli") &&
                                       ContainsSubstring(path.string()) &&
                                       ContainsSubstring("another program holds it locked"));
  other.run("ROLLBACK");
  CHECK(put());
  wait_until([&] { return stored_bans() == 1; });
  CHECK(errors() == 0);
}

TEST_CASE_METHOD(Desk, "a mode that cannot be stored is in force, and the operator is told how long") {
  ModeSwitch mode(keeper, config::Mode::enforce, kNow);
  const Now now{Instant(std::chrono::hours(1)), kNow};
  other.run("BEGIN IMMEDIATE");
  const auto set = mode.set(config::Mode::observe, std::nullopt, now);
  REQUIRE_FALSE(set);
  CHECK(set.error().kind == ErrorKind::busy);
  CHECK_THAT(set.error().text, ContainsSubstring("mode observe is in force, but only until the next start"));
  CHECK(mode.observe());
  CHECK(ModeSwitch(keeper, config::Mode::enforce, kNow).current().mode == "enforce");
  other.run("ROLLBACK");
  REQUIRE(mode.set(config::Mode::observe, std::nullopt, now));
  CHECK(ModeSwitch(keeper, config::Mode::enforce, kNow).current().mode == "observe");
}

TEST_CASE_METHOD(Desk, "a mode for a while ends by its time, stored or not") {
  ModeSwitch mode(keeper, config::Mode::enforce, kNow);
  const auto at = [](std::chrono::milliseconds time) {
    return Now{Instant(std::chrono::hours(1) + time), kNow + time};
  };
  const std::chrono::milliseconds length(60'000);
  REQUIRE(mode.set(config::Mode::observe, length, at({})));
  mode.tend(at(length - std::chrono::milliseconds(1)));
  CHECK(mode.observe());
  CHECK(ModeSwitch(keeper, config::Mode::enforce, kNow + length - std::chrono::milliseconds(1)).observe());
  mode.tend(at(length));
  CHECK_FALSE(mode.observe());
  CHECK_FALSE(mode.current().until.has_value());
  const ModeSwitch after_restart(keeper, config::Mode::observe, kNow + length);
  CHECK(after_restart.current().mode == "enforce");
  CHECK_FALSE(after_restart.current().until.has_value());
}

TEST_CASE_METHOD(Desk, "what is locked out until the end is lost and counted, one error a change") {
  other.run("BEGIN IMMEDIATE");
  keeper.save({ban("192.0.2.1")}, {});
  wait_until([&] { return keeper.is_locked(); });
  keeper.save({ban("192.0.2.2")}, {});
  keeper.audit(change("last"));
  CHECK(errors() == 0);
  keeper.stop();
  CHECK(errors() == 3);
  CHECK(keeper.waiting() == 0);
  keeper.audit(change("too late"));
  CHECK(errors() == 4);
  other.run("ROLLBACK");
  CHECK(stored_bans() == 0);
}

TEST_CASE_METHOD(Desk, "what is queued at the end is stored") {
  for (int i = 0; i < 100; ++i) keeper.audit(change("e"));
  keeper.stop();
  CHECK(stored_events().size() == 100);
  CHECK(errors() == 0);
}

TEST_CASE_METHOD(Desk, "a change that can never be stored holds no other up") {
  other.run("CREATE TRIGGER no BEFORE INSERT ON ban BEGIN SELECT RAISE(ABORT, 'no'); END");
  keeper.save({ban("192.0.2.1")}, {});
  keeper.audit(change("behind it"));
  wait_until([&] { return stored_events().size() == 1; });
  CHECK(errors() == 1);
  CHECK_FALSE(keeper.is_locked());
}

}  // namespace
}  // namespace sipward::shield
