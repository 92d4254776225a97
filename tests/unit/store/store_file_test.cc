// What can happen to the file: killed, damaged, foreign, newer, changed by hand.
#include <sqlite3.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdlib>

#include "base/handle.h"
#include "store/queries.h"
#include "stores.h"

namespace sipward::store {
namespace {

std::string run_sql(const fs::path& path, const std::string& sql) {
  sqlite3* raw = nullptr;
  REQUIRE(sqlite3_open(path.c_str(), &raw) == SQLITE_OK);
  const std::unique_ptr<sqlite3, CloseWith<sqlite3_close>> db(raw);
  std::string answer;
  const auto collect = [](void* to, int, char** values, char**) {
    *static_cast<std::string*>(to) += values[0] ? values[0] : "NULL";
    return 0;
  };
  REQUIRE(sqlite3_exec(raw, sql.c_str(), collect, &answer, nullptr) == SQLITE_OK);
  return answer;
}

// A file as the first version made it.
fs::path made_first_version(const TemporaryFolder& folder) {
  const fs::path path = folder / "sipward.db";
  run_sql(path,
          std::string(kFirstSchema) +
              fmt::format("PRAGMA application_id = {}; PRAGMA user_version = 1;"
                          "INSERT INTO ban VALUES ('10.0.0.1', 'signature', 'r', 'auto:r', 0, {}, NULL);"
                          "INSERT INTO mode VALUES (1, 'observe', NULL, 'enforce');",
                          kApplicationId, kNow.time_since_epoch().count()));
  return path;
}

}  // namespace

TEST_CASE("a new store is a private, marked database with a write-ahead log", "[store]") {
  const TemporaryFolder folder;
  const mode_t before = umask(0);
  const fs::path path = made_store(folder, 1);
  umask(before);
  CHECK(fs::status(path).permissions() == fs::perms(0640));
  CHECK(run_sql(path, "PRAGMA application_id") == std::to_string(0x53495057));
  CHECK(run_sql(path, "PRAGMA user_version") == std::to_string(kSchemaVersion));
  CHECK(run_sql(path, "PRAGMA journal_mode") == "wal");
  CHECK(run_sql(path,
                "SELECT count(*) FROM pragma_table_list WHERE schema = 'main' AND strict = 0 "
                "AND name NOT LIKE 'sqlite_%'") == "0");
}

TEST_CASE("what a killed process had put is there", "[store]") {
  const TemporaryFolder folder;
  const fs::path path = folder / "sipward.db";
  int ends[2];
  REQUIRE(pipe(ends) == 0);
  const pid_t child = fork();
  REQUIRE(child >= 0);
  if (child == 0) {
    const auto store = Store::open(path);
    for (std::uint32_t n = 0; store && (*store)->put({numbered_ban(n)}, {}); ++n)
      if (::write(ends[1], &n, sizeof n) != sizeof n) break;
    _exit(1);
  }
  Fd reports(ends[0]);
  ::close(ends[1]);
  std::uint32_t n = 0;
  std::uint32_t reported = 0;
  while (::read(reports.get(), &n, sizeof n) == sizeof n) {
    ++reported;
    if (n == 300) REQUIRE(kill(child, SIGKILL) == 0);
  }
  int status = 0;
  REQUIRE(waitpid(child, &status, 0) == child);
  REQUIRE(WIFSIGNALED(status));
  REQUIRE(reported > 300);

  const auto store = Store::open(path);
  if (!store) FAIL(store.error().text);
  const auto bans = (*store)->bans(kNow);
  REQUIRE(bans);
  // In the order of their nets, which is the order of text: compare as a set of numbers.
  std::vector<bool> present(bans->size() + 1);
  for (const BanRecord& ban : *bans)
    for (std::uint32_t i = 0; i < bans->size(); ++i)
      if (ban.net == numbered_ban(i).net) present[i] = true;
  // The put that was under way may have been committed without being reported.
  CHECK(bans->size() >= reported);
  CHECK(bans->size() <= reported + 1);
  for (std::uint32_t i = 0; i < reported; ++i) CHECK(present[i]);
}

TEST_CASE("an empty file becomes a store", "[store]") {
  const TemporaryFolder folder;
  test::write(folder / "sipward.db", "");
  CHECK(Store::open(folder / "sipward.db"));
}

TEST_CASE("a file that is no database is refused and stays as it is", "[store]") {
  const TemporaryFolder folder;
  const fs::path path = folder / "sipward.db";
  const std::string garbage =
      GENERATE(std::string("x"), std::string(5000, 'x'), std::string("SQLite format 3"),
               std::string("SQLite format 3\0", 16) + std::string(83, '\0'));
  test::write(path, garbage);
  const Error error = refusal(path);
  CHECK(error.kind == ErrorKind::invalid);
  CHECK_THAT(error.text,
             ContainsSubstring("file is not a database") && ContainsSubstring("move the file away"));
  CHECK(test::content(path) == garbage);
}

TEST_CASE("a damaged store is refused and stays as it is", "[store]") {
  const TemporaryFolder folder;
  const fs::path path = made_store(folder, 20000);
  std::string bytes = test::content(path);
  SECTION("truncated") {
    bytes.resize(bytes.size() / 2);
  }
  SECTION("truncated to its header") {
    bytes.resize(100);
  }
  SECTION("overwritten in the middle") {
    bytes.replace(bytes.size() / 2, 20000, 20000, '\xa5');
  }
  test::write(path, bytes);
  const Error error = refusal(path);
  CHECK(error.kind == ErrorKind::invalid);
  CHECK_THAT(error.text, ContainsSubstring("move the file away"));
  CHECK(test::content(path) == bytes);
}

TEST_CASE("another program's database is refused untouched", "[store]") {
  const TemporaryFolder folder;
  const fs::path path = folder / "other.db";
  const std::string setup = GENERATE("CREATE TABLE t (n)", "CREATE TABLE t (n); PRAGMA application_id = 7",
                                     "PRAGMA journal_mode = WAL; CREATE TABLE t (n)");
  run_sql(path, setup);
  const std::string bytes = test::content(path);
  const Error error = refusal(path);
  CHECK(error.kind == ErrorKind::invalid);
  CHECK_THAT(error.text, ContainsSubstring("another program's"));
  CHECK(test::content(path) == bytes);
  CHECK(std::distance(fs::directory_iterator(folder.path()), {}) == 1);
}

TEST_CASE("a store of a newer version is refused untouched", "[store]") {
  const TemporaryFolder folder;
  const fs::path path = made_store(folder, 1);
  const std::string newer = std::to_string(kSchemaVersion + 1);
  run_sql(path, "PRAGMA user_version = " + newer);
  const std::string bytes = test::content(path);
  CHECK_THAT(refusal(path).text, ContainsSubstring("version " + newer) && ContainsSubstring("newer Sipward"));
  CHECK(test::content(path) == bytes);
}

TEST_CASE("a store of the first version is brought up to this one and keeps what it holds", "[store]") {
  const TemporaryFolder folder;
  const fs::path path = made_first_version(folder);
  for (int open = 0; open < 2; ++open) {  // the second time it is of this version already
    const auto store = Store::open(path);
    REQUIRE(store);
    CHECK((*store)->bans(kNow).value().size() == 1);
    CHECK((*store)->mode().value()->mode == "observe");
    REQUIRE((*store)->put(RuleOverride{"sipcli", "disabled", "our own", kNow, "cli:root"}));
    CHECK((*store)->rule_overrides().value().size() == 1);
  }
  CHECK(run_sql(path, "PRAGMA user_version") == std::to_string(kSchemaVersion));
}

TEST_CASE("a damaged store of the first version is refused and not brought up", "[store]") {
  const TemporaryFolder folder;
  const fs::path path = made_first_version(folder);
  run_sql(path, "CREATE TABLE rule_override (n)");  // a step of the schema that cannot be taken
  CHECK_THAT(refusal(path).text, ContainsSubstring("rule_override"));
  CHECK(run_sql(path, "PRAGMA user_version") == "1");
}

TEST_CASE("a store without one of its tables is refused", "[store]") {
  const TemporaryFolder folder;
  const fs::path path = made_store(folder, 1);
  run_sql(path, "DROP TABLE mode");
  CHECK_THAT(refusal(path).text, ContainsSubstring("no such table: mode"));
}

TEST_CASE("a store whose schema somebody changed is refused untouched", "[store]") {
  struct Case {
    const char* sql;
    const char* told;
  };
  const auto [sql, told] =
      GENERATE(Case{"DROP TABLE ban; CREATE VIEW ban AS WITH RECURSIVE n (net) AS (SELECT 1 UNION ALL SELECT "
                    "1 FROM n) SELECT * FROM n",
                    "view"},
               Case{"CREATE TRIGGER t AFTER INSERT ON ban BEGIN DELETE FROM whitelist; END", "trigger"},
               Case{"ALTER TABLE mode ADD COLUMN more TEXT", "table mode was changed"},
               Case{"DROP INDEX audit_by_time", "no such index: audit_by_time"});
  const TemporaryFolder folder;
  const fs::path path = made_store(folder, 1);
  run_sql(path, std::string("PRAGMA journal_mode = DELETE;") + sql);
  const std::string bytes = test::content(path);
  const Error error = refusal(path);
  CHECK(error.kind == ErrorKind::invalid);
  CHECK_THAT(error.text, ContainsSubstring(told) && ContainsSubstring("move the file away"));
  CHECK(test::content(path) == bytes);
}

TEST_CASE("a store with tables and indexes of somebody else beside ours is opened", "[store]") {
  const TemporaryFolder folder;
  const fs::path path = made_store(folder, 1);
  run_sql(path, "CREATE TABLE notes (n); CREATE INDEX ban_by_reason ON ban (reason); ANALYZE");
  CHECK(Store::open(path).has_value());
}

TEST_CASE("a store with a schema version below the first is refused untouched", "[store]") {
  const TemporaryFolder folder;
  const fs::path path = made_store(folder, 1);
  const std::string version = GENERATE("0", "-5");
  run_sql(path, "PRAGMA journal_mode = DELETE; PRAGMA user_version = " + version);
  test::write(path.string() + "-journal", "");  // SQLite looks at the file before its header is judged
  const std::string bytes = test::content(path);
  CHECK_THAT(refusal(path).text, ContainsSubstring("no version that could be: " + version));
  CHECK(test::content(path) == bytes);
}

TEST_CASE("a row that was edited into nonsense is told", "[store]") {
  const TemporaryFolder folder;
  const fs::path path = made_store(folder, 2);
  run_sql(path, "UPDATE ban SET net = 'here' WHERE net = '10.0.0.1'");
  const auto store = Store::open(path);
  REQUIRE(store);
  const auto bans = (*store)->bans(kNow);
  REQUIRE_FALSE(bans);
  CHECK_THAT(bans.error().text, ContainsSubstring("'here'") && ContainsSubstring(path.string()));
  run_sql(path, "UPDATE ban SET net = 'a' || char(10) || char(27) || '[2J' WHERE net = 'here'");
  CHECK_THAT((*store)->bans(kNow).error().text, ContainsSubstring("'a\\n\\x1b[2J'"));
}

TEST_CASE("a missing folder is named", "[store]") {
  const TemporaryFolder folder;
  const Error error = refusal(folder / "none" / "sipward.db");
  CHECK(error.kind == ErrorKind::not_found);
  CHECK_THAT(error.text, ContainsSubstring("the folder " + (folder / "none").string() + " does not exist"));
}

}  // namespace sipward::store
