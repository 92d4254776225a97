#include "store/database.h"

#include <sqlite3.h>

#include "base/one_line.h"

namespace sipward::store {
namespace {

// Until wait_at_most() says otherwise: at a start nobody waits but the start itself.
constexpr std::chrono::milliseconds kStartPatience{5000};

ErrorKind kind_of(int code) {
  switch (code & 0xff) {
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
      return ErrorKind::busy;
    case SQLITE_CORRUPT:
    case SQLITE_NOTADB:
      return ErrorKind::invalid;
    case SQLITE_READONLY:
    case SQLITE_PERM:
      return ErrorKind::denied;
    default:
      return ErrorKind::failed;
  }
}

// SQLite's "disk I/O error" and "unable to open database file" hide what the system said.
tl::unexpected<Error> fail_sqlite(sqlite3* db) {
  const int code = sqlite3_extended_errcode(db);
  const int primary = code & 0xff;
  const int system = primary == SQLITE_IOERR || primary == SQLITE_CANTOPEN ? sqlite3_system_errno(db) : 0;
  if (kind_of(code) == ErrorKind::busy)
    return fail(ErrorKind::busy, "another program holds it locked ({})", one_line(sqlite3_errmsg(db)));
  if (system == 0) return fail(kind_of(code), "{}", one_line(sqlite3_errmsg(db)));
  return fail_errno(system, one_line(sqlite3_errmsg(db)));
}

// A null pointer would be bound as NULL.
const char* data_of(std::string_view bytes) {
  return bytes.data() ? bytes.data() : "";
}

}  // namespace

std::int64_t Row::integer(int column) const {
  return sqlite3_column_int64(statement_, column);
}

std::optional<std::int64_t> Row::maybe_integer(int column) const {
  if (sqlite3_column_type(statement_, column) == SQLITE_NULL) return std::nullopt;
  return integer(column);
}

std::string Row::bytes(int column) const {
  const void* data = sqlite3_column_blob(statement_, column);
  const auto size = static_cast<std::size_t>(sqlite3_column_bytes(statement_, column));
  return data ? std::string(static_cast<const char*>(data), size) : std::string();
}

void Statement::Finalize::operator()(sqlite3_stmt* statement) const noexcept {
  sqlite3_finalize(statement);
}

void Statement::bind(int index, std::int64_t value) {
  bound(sqlite3_bind_int64(statement_.get(), index, value));
}

void Statement::bind(int index, std::optional<std::int64_t> value) {
  if (value) return bind(index, *value);
  bound(sqlite3_bind_null(statement_.get(), index));
}

void Statement::bind(int index, std::string_view text) {
  bound(sqlite3_bind_text64(statement_.get(), index, data_of(text), text.size(), nullptr, SQLITE_UTF8));
}

void Statement::bind(int index, Blob blob) {
  bound(sqlite3_bind_blob64(statement_.get(), index, data_of(blob.bytes), blob.bytes.size(), nullptr));
}

void Statement::bound(int code) {
  if (bind_error_ == SQLITE_OK) bind_error_ = code;
}

Result<bool> Statement::step() {
  if (bind_error_ != SQLITE_OK) return fail("{}", sqlite3_errstr(bind_error_));
  const int code = sqlite3_step(statement_.get());
  if (code == SQLITE_ROW) return true;
  if (code == SQLITE_DONE) return false;
  return fail_sqlite(sqlite3_db_handle(statement_.get()));
}

void Statement::reset() noexcept {
  sqlite3_reset(statement_.get());
  sqlite3_clear_bindings(statement_.get());
  bind_error_ = SQLITE_OK;
}

void Database::Close::operator()(sqlite3* db) const noexcept {
  sqlite3_close_v2(db);
}

Result<Database> Database::open(const std::filesystem::path& path) {
  sqlite3* raw = nullptr;
  const int code = sqlite3_open_v2(
      path.c_str(), &raw, SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_EXRESCODE, nullptr);
  Database database(raw);
  if (!raw) return fail("out of memory");
  if (code != SQLITE_OK) return fail_sqlite(raw);
  if (sqlite3_db_readonly(raw, "main") == 1) return fail(ErrorKind::denied, "no permission to write");
  database.wait_at_most(kStartPatience);
  sqlite3_db_config(raw, SQLITE_DBCONFIG_DEFENSIVE, 1, nullptr);
  sqlite3_db_config(raw, SQLITE_DBCONFIG_TRUSTED_SCHEMA, 0, nullptr);
  return database;
}

void Database::wait_at_most(std::chrono::milliseconds patience) {
  sqlite3_busy_timeout(db_.get(), static_cast<int>(patience.count()));
}

Result<void> Database::execute(const std::string& sql) {
  if (sqlite3_exec(db_.get(), sql.c_str(), nullptr, nullptr, nullptr) != SQLITE_OK)
    return fail_sqlite(db_.get());
  return {};
}

Result<Statement> Database::prepare(std::string_view sql) {
  sqlite3_stmt* raw = nullptr;
  const int code = sqlite3_prepare_v3(db_.get(), sql.data(), static_cast<int>(sql.size()),
                                      SQLITE_PREPARE_PERSISTENT, &raw, nullptr);
  Statement statement(raw);
  if (code != SQLITE_OK) return fail_sqlite(db_.get());
  return statement;
}

Result<std::string> Database::ask(std::string_view sql) {
  std::optional<std::string> answer;
  const auto keep_first = [&](const Row& row) {
    if (!answer) answer = row.bytes(0);
  };
  const Result<void> asked =
      prepare(sql).and_then([&](Statement statement) { return statement.each(keep_first); });
  if (!asked) return tl::unexpected(asked.error());
  return answer.value_or("");
}

std::size_t Database::changes() const {
  return static_cast<std::size_t>(sqlite3_changes64(db_.get()));
}

void Database::roll_back() noexcept {
  // Some failures (disk full, I/O) have rolled back already: then there is no transaction left.
  if (sqlite3_get_autocommit(db_.get()) == 0) sqlite3_exec(db_.get(), "ROLLBACK", nullptr, nullptr, nullptr);
}

}  // namespace sipward::store
