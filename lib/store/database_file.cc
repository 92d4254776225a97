#include "store/database_file.h"

#include <fcntl.h>
#include <sys/stat.h>

#include <algorithm>
#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <system_error>
#include <vector>

#include "base/handle.h"
#include "base/one_line.h"
#include "store/queries.h"

namespace sipward::store {
namespace {

namespace fs = std::filesystem;

constexpr mode_t kFileMode = 0640;

// True if the file is new.
Result<bool> create_file(const fs::path& path) {
  std::error_code error;
  const fs::path folder = path.parent_path();
  if (!fs::is_directory(folder, error))
    return fail(ErrorKind::not_found, "the folder {} does not exist", folder.string());
  const Fd fd(::open(path.c_str(), O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, kFileMode));
  if (!fd.valid()) return errno == EEXIST ? Result<bool>(false) : fail_errno(errno, "it cannot be created");
  if (::fchmod(fd.get(), kFileMode) != 0) return fail_errno(errno, "its mode cannot be set");
  return true;
}

Result<void> check_identity(std::int64_t application_id, std::int64_t schema_version) {
  if (application_id != kApplicationId)
    return fail(ErrorKind::invalid, "it is another program's SQLite database");
  if (schema_version < 1)
    return fail(ErrorKind::invalid, "its schema has no version that could be: {}", schema_version);
  if (schema_version > kSchemaVersion)
    return fail(
        ErrorKind::invalid,
        "its schema has version {}, this program knows versions up to {}: it was written by a newer Sipward",
        schema_version, kSchemaVersion);
  return {};
}

std::uint32_t big_endian(std::string_view bytes) {
  std::uint32_t value = 0;
  for (const char byte : bytes.substr(0, 4)) value = value << 8U | static_cast<unsigned char>(byte);
  return value;
}

// Looks at an existing file's header (https://www.sqlite.org/fileformat2.html, 1.3) before SQLite does:
// merely opening another program's database through SQLite may replay its log.
Result<void> check_header(const fs::path& path) {
  const Fd fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (!fd.valid()) return fail_errno(errno, "it cannot be read");
  std::array<char, 100> bytes{};
  const ssize_t size = ::pread(fd.get(), bytes.data(), bytes.size(), 0);
  if (size < 0) return fail_errno(errno, "it cannot be read");
  const std::string_view header(bytes.data(), static_cast<std::size_t>(size));
  if (header.empty()) return {};
  if (header.size() < bytes.size() || !header.starts_with(std::string_view("SQLite format 3\0", 16)))
    return fail(ErrorKind::invalid, "file is not a database");
  return check_identity(big_endian(header.substr(68)), big_endian(header.substr(60)));
}

Result<std::int64_t> pragma_number(Database& database, std::string_view pragma) {
  return database.ask(fmt::format("PRAGMA {}", pragma)).map([](const std::string& text) {
    return static_cast<std::int64_t>(std::stoll(text));
  });
}

struct SchemaEntry {
  std::string type;
  std::string name;
  std::string sql;
};

// The tables and indexes that a file of that version has, in SQLite's words.
Result<std::vector<SchemaEntry>> schema_of(std::int64_t version) {
  auto database = Database::open(":memory:");
  if (!database) return tl::unexpected(database.error());
  for (std::size_t step = 0; step < static_cast<std::size_t>(version); ++step)
    if (auto taken = database->execute(std::string(kSchemaSteps[step])); !taken)
      return tl::unexpected(taken.error());
  auto statement = database->prepare("SELECT type, name, sql FROM sqlite_schema WHERE sql IS NOT NULL");
  if (!statement) return tl::unexpected(statement.error());
  std::vector<SchemaEntry> all;
  const auto read = statement->each([&](const Row& row) {
    all.push_back({row.bytes(0), row.bytes(1), row.bytes(2)});
  });
  if (!read) return tl::unexpected(read.error());
  return all;
}

// Somebody may have changed the schema by hand. Indexes and tables of their own do no harm; a view or a
// trigger could make any of our statements run for ever.
Result<void> check_schema(Database& database, std::int64_t version) {
  const auto expected = schema_of(version);
  if (!expected) return tl::unexpected(expected.error());
  const auto strange = database.ask("SELECT name FROM sqlite_schema WHERE type IN ('view', 'trigger')");
  if (!strange) return tl::unexpected(strange.error());
  if (!strange->empty())
    return fail(ErrorKind::invalid, "it has a view or trigger that is none of Sipward's: {}",
                one_line(*strange));
  auto statement = database.prepare("SELECT sql FROM sqlite_schema WHERE type = ?1 AND name = ?2");
  if (!statement) return tl::unexpected(statement.error());
  for (const SchemaEntry& entry : *expected) {
    std::optional<std::string> sql;
    const auto read = statement->each([&](const Row& row) { sql = row.bytes(0); },
                                      std::string_view(entry.type), std::string_view(entry.name));
    if (!read) return read;
    if (!sql) return fail(ErrorKind::invalid, "no such {}: {}", entry.type, entry.name);
    if (*sql != entry.sql) return fail(ErrorKind::invalid, "its {} {} was changed", entry.type, entry.name);
  }
  return {};
}

// All at once, and for a new file before the log is switched on, so that its header always tells whose it is.
Result<void> take_schema_steps(Database& database, std::int64_t version) {
  return database.in_transaction([&]() -> Result<void> {
    for (auto step = static_cast<std::size_t>(version); step < kSchemaSteps.size(); ++step)
      if (auto taken = database.execute(std::string(kSchemaSteps[step])); !taken) return taken;
    return database.execute(
        fmt::format("PRAGMA application_id = {}; PRAGMA user_version = {};", kApplicationId, kSchemaVersion));
  });
}

// An older version's file becomes this version's, once it has proved whole.
Result<void> check_content(Database& database) {
  const auto application_id = pragma_number(database, "application_id");
  if (!application_id) return tl::unexpected(application_id.error());
  const auto version = pragma_number(database, "user_version");
  if (!version) return tl::unexpected(version.error());
  if (auto known = check_identity(*application_id, *version); !known) return known;
  auto verdict = database.ask("PRAGMA quick_check(1)");
  if (!verdict) return tl::unexpected(verdict.error());
  std::ranges::replace(*verdict, '\n', ' ');  // an error is one line
  if (*verdict != "ok") return fail(ErrorKind::invalid, "it is damaged: {}", *verdict);
  if (auto ours = check_schema(database, *version); !ours) return ours;
  return *version < kSchemaVersion ? take_schema_steps(database, *version) : Result<void>{};
}

Result<void> check_or_create(Database& database) {
  const auto tables = database.ask("SELECT count(*) FROM sqlite_schema");
  if (!tables) return tl::unexpected(tables.error());
  return *tables == "0" ? take_schema_steps(database, 0) : check_content(database);
}

// NORMAL loses nothing when the process dies; after a power cut the last transactions may be missing, not
// torn.
Result<void> use_write_ahead_log(Database& database) {
  const auto mode = database.ask("PRAGMA journal_mode = WAL");
  if (!mode) return tl::unexpected(mode.error());
  if (*mode != "wal") return fail("this file system cannot hold a write-ahead log (journal_mode {})", *mode);
  return database.execute(
      "PRAGMA synchronous = NORMAL; PRAGMA journal_size_limit = 67108864; PRAGMA temp_store = MEMORY");
}

}  // namespace

tl::unexpected<Error> unusable(const Error& why) {
  if (why.kind != ErrorKind::invalid) return tl::unexpected(why);
  return fail(why.kind, "{}; move the file away to start with an empty one, or restore a backup", why.text);
}

Result<Database> open_database(const fs::path& path) {
  const auto created = create_file(path);
  if (!created) return tl::unexpected(created.error());
  // With a journal beside it the file may be half written: SQLite repairs it, then check_content judges.
  std::error_code error;
  if (!*created && !fs::exists(fs::path(path) += "-journal", error))
    if (const auto ours = check_header(path); !ours) return unusable(ours.error());
  auto database = Database::open(path);
  if (!database) return database;
  if (const auto fit = check_or_create(*database); !fit) return unusable(fit.error());
  if (const auto log = use_write_ahead_log(*database); !log) return tl::unexpected(log.error());
  return database;
}

}  // namespace sipward::store
