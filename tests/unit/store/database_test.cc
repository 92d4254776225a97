#include "store/database.h"

#include <vector>

#include "support/catch.h"
#include "support/temporary_folder.h"

namespace sipward::store {
namespace {

using test::TemporaryFolder;

Database new_database(const TemporaryFolder& folder) {
  test::write(folder / "test.db", "");
  auto database = Database::open(folder / "test.db");
  REQUIRE(database);
  REQUIRE(database->execute("CREATE TABLE t (n INTEGER PRIMARY KEY, text TEXT, bytes BLOB) STRICT"));
  return std::move(*database);
}

std::string count(Database& database) {
  return database.ask("SELECT count(*) FROM t").value();
}

}  // namespace

TEST_CASE("a value comes back as it was bound", "[store]") {
  const TemporaryFolder folder;
  Database database = new_database(folder);
  auto insert = database.prepare("INSERT INTO t VALUES (?1, ?2, ?3)");
  REQUIRE(insert);
  std::string every_byte;
  for (int byte = 0; byte < 256; ++byte) every_byte += static_cast<char>(byte);
  REQUIRE(insert->run(std::int64_t{-1}, std::string_view(), Blob{every_byte}));
  REQUIRE(insert->run(std::int64_t{7}, every_byte, Blob{}));

  auto select = database.prepare("SELECT n, text, bytes, NULL FROM t ORDER BY n");
  REQUIRE(select);
  std::vector<std::int64_t> numbers;
  std::vector<std::string> texts;
  REQUIRE(select->each([&](const Row& row) {
    numbers.push_back(row.integer(0));
    texts.push_back(row.bytes(1));
    texts.push_back(row.bytes(2));
    CHECK(row.maybe_integer(0) == row.integer(0));
    CHECK(row.maybe_integer(3) == std::nullopt);
    CHECK(row.bytes(3).empty());
  }));
  CHECK(numbers == std::vector<std::int64_t>{-1, 7});
  CHECK(texts == std::vector<std::string>{"", every_byte, every_byte, ""});
  // An empty text or blob is not NULL.
  CHECK(database.ask("SELECT count(*) FROM t WHERE text IS NULL OR bytes IS NULL") == "0");
}

TEST_CASE("a statement can run again after a failure", "[store]") {
  const TemporaryFolder folder;
  Database database = new_database(folder);
  auto insert = database.prepare("INSERT INTO t VALUES (?1, '', x'')");
  REQUIRE(insert);
  REQUIRE(insert->run(std::int64_t{1}));
  const auto twice = insert->run(std::int64_t{1});
  REQUIRE_FALSE(twice);
  CHECK_THAT(twice.error().text, ContainsSubstring("UNIQUE"));
  CHECK(insert->run(std::int64_t{2}));
  const auto too_many = insert->run(std::int64_t{3}, std::int64_t{4});
  REQUIRE_FALSE(too_many);
  CHECK_THAT(too_many.error().text, ContainsSubstring("out of range"));
  CHECK(insert->run(std::int64_t{3}));
  CHECK(count(database) == "3");
}

TEST_CASE("a transaction is whole or not at all", "[store]") {
  const TemporaryFolder folder;
  Database database = new_database(folder);
  auto insert = database.prepare("INSERT INTO t VALUES (?1, '', x'')");
  REQUIRE(insert);

  SECTION("done") {
    REQUIRE(database.in_transaction([&] { return insert->run(std::int64_t{1}); }));
    CHECK(count(database) == "1");
  }
  SECTION("the body fails") {
    const auto done = database.in_transaction([&]() -> Result<void> {
      REQUIRE(insert->run(std::int64_t{1}));
      return fail("no");
    });
    REQUIRE_FALSE(done);
    CHECK(done.error().text == "no");
    CHECK(count(database) == "0");
  }
  SECTION("the body throws") {
    const auto throwing = [&]() -> Result<void> {
      REQUIRE(insert->run(std::int64_t{1}));
      throw 1;
    };
    CHECK_THROWS(static_cast<void>(database.in_transaction(throwing)));
    CHECK(count(database) == "0");
  }
  // Whatever happened, the next one works.
  CHECK(database.in_transaction([&] { return insert->run(std::int64_t{9}); }));
}

TEST_CASE("a full database says so and keeps what it had", "[store]") {
  const TemporaryFolder folder;
  Database database = new_database(folder);
  auto insert = database.prepare("INSERT INTO t VALUES (?1, '', ?2)");
  REQUIRE(insert);
  REQUIRE(insert->run(std::int64_t{0}, Blob{"kept"}));
  REQUIRE(database.ask("PRAGMA max_page_count = 8") == "8");
  const std::string page(4096, 'x');
  const auto put = database.in_transaction([&]() -> Result<void> {
    Result<void> done;
    for (std::int64_t n = 1; done && n < 100; ++n) done = insert->run(n, Blob{page});
    return done;
  });
  REQUIRE_FALSE(put);
  CHECK_THAT(put.error().text, ContainsSubstring("full"));
  CHECK(count(database) == "1");
  CHECK(database.ask("SELECT bytes FROM t") == "kept");
  REQUIRE(database.ask("PRAGMA max_page_count = 1000") == "1000");
  CHECK(insert->run(std::int64_t{1}, Blob{page}));
}

TEST_CASE("a missing file and wrong SQL are told", "[store]") {
  const TemporaryFolder folder;
  const auto missing = Database::open(folder / "none.db");
  REQUIRE_FALSE(missing);
  CHECK(missing.error().kind == ErrorKind::not_found);
  CHECK_THAT(missing.error().text, ContainsSubstring("No such file"));
  Database database = new_database(folder);
  const auto wrong = database.prepare("SELECT x FROM nowhere");
  REQUIRE_FALSE(wrong);
  CHECK_THAT(wrong.error().text, ContainsSubstring("nowhere"));
}

}  // namespace sipward::store
