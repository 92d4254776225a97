// SQLite, wrapped once: a connection, statements that are prepared once, transactions that cannot stay open.
// Inside lib/store only. One thread at a time.
#pragma once

#include <chrono>
#include <concepts>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "base/result.h"

struct sqlite3;
struct sqlite3_stmt;

namespace sipward::store {

// Bytes for a BLOB column; a std::string_view goes into a TEXT column.
struct Blob {
  std::string_view bytes;
};

// The row a statement stands on; columns count from 0.
class Row {
 public:
  explicit Row(sqlite3_stmt* statement) : statement_(statement) {}
  [[nodiscard]] std::int64_t integer(int column) const;
  [[nodiscard]] std::optional<std::int64_t> maybe_integer(int column) const;  // none for NULL
  [[nodiscard]] std::string bytes(int column) const;  // TEXT or BLOB, NUL bytes and all; "" for NULL

 private:
  sqlite3_stmt* statement_;
};

class Statement {
 public:
  Statement() = default;

  // Binds `values` to ?1, ?2, … and runs to the end, handing each row to `visit(const Row&)`. The statement
  // is always reset afterwards: a SELECT that stayed open would keep the log from being checkpointed.
  template <std::invocable<const Row&> Visit, class... Values>
  [[nodiscard]] Result<void> each(Visit&& visit, const Values&... values) {
    const ResetAtEnd reset{*this};
    int index = 0;
    (bind(++index, values), ...);
    for (;;) {
      const Result<bool> row = step();
      if (!row) return tl::unexpected(row.error());
      if (!*row) return {};
      visit(Row(statement_.get()));
    }
  }

  template <class... Values>
  [[nodiscard]] Result<void> run(const Values&... values) {
    return each([](const Row&) {}, values...);
  }

 private:
  friend class Database;
  struct Finalize {
    void operator()(sqlite3_stmt* statement) const noexcept;
  };
  struct ResetAtEnd {
    Statement& statement;
    ~ResetAtEnd() { statement.reset(); }
  };

  explicit Statement(sqlite3_stmt* statement) : statement_(statement) {}
  // The value must live until the statement is reset: nothing is copied.
  void bind(int index, std::int64_t value);
  void bind(int index, std::optional<std::int64_t> value);
  void bind(int index, std::string_view text);
  void bind(int index, Blob blob);
  void bound(int code);
  [[nodiscard]] Result<bool> step();  // true: there is a row
  void reset() noexcept;

  std::unique_ptr<sqlite3_stmt, Finalize> statement_;
  int bind_error_ = 0;
};

class Database {
 public:
  // Opens an existing file for reading and writing. Errors carry SQLite's reason and, where there is one, the
  // system's.
  [[nodiscard]] static Result<Database> open(const std::filesystem::path& path);

  // How long each further statement waits while another program holds the file locked, before it is `busy`.
  // 5 s at first.
  void wait_at_most(std::chrono::milliseconds patience);

  // One or more statements without values.
  [[nodiscard]] Result<void> execute(const std::string& sql);
  // SQLite keeps its own copy of `sql`.
  [[nodiscard]] Result<Statement> prepare(std::string_view sql);
  // The first column of the first row of `sql`: "" if there is none.
  [[nodiscard]] Result<std::string> ask(std::string_view sql);
  // Rows that the last INSERT, UPDATE or DELETE changed.
  [[nodiscard]] std::size_t changes() const;

  // Runs `body` in a write transaction. When it, or the commit, fails (or throws), everything is rolled back.
  template <std::invocable<> Body>
  [[nodiscard]] Result<void> in_transaction(Body&& body) {
    const RollBackUnlessCommitted guard{*this};
    if (auto begun = execute("BEGIN IMMEDIATE"); !begun) return begun;
    if (Result<void> done = std::forward<Body>(body)(); !done) return done;
    return execute("COMMIT");
  }

 private:
  struct Close {
    void operator()(sqlite3* db) const noexcept;
  };
  struct RollBackUnlessCommitted {
    Database& database;
    ~RollBackUnlessCommitted() { database.roll_back(); }
  };

  explicit Database(sqlite3* db) : db_(db) {}
  void roll_back() noexcept;

  std::unique_ptr<sqlite3, Close> db_;
};

}  // namespace sipward::store
