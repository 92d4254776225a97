// The state database in any state: damaged, half written, edited by hand. It is refused, or it is read.
#include <sqlite3.h>
#include <unistd.h>

#include <array>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <memory>
#include <string>

#include <fuzzer/FuzzedDataProvider.h>

#include "fuzz/properties.h"
#include "store/store.h"

using namespace sipward;
using namespace sipward::fuzz;

namespace {

namespace fs = std::filesystem;

constexpr WallTime kNow{std::chrono::milliseconds(1'800'000'000'000)};

std::string read_file(const fs::path& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

void write_file(const fs::path& path, std::string_view bytes) {
  std::ofstream(path, std::ios::binary).write(bytes.data(), static_cast<std::streamsize>(bytes.size()));
}

Address source() {
  return *Address::parse("192.0.2.1");
}

// A folder with one database, which another run does not see.
class Folder {
 public:
  Folder() : path_(fs::temp_directory_path() / ("sipward-fuzz-store-" + std::to_string(getpid()))) {
    fs::create_directories(path_);
    clear();
    fill();
    template_ = read_file(database());
    clear();
  }
  Folder(const Folder&) = delete;
  Folder& operator=(const Folder&) = delete;
  ~Folder() {
    std::error_code ignored;
    fs::remove_all(path_, ignored);
  }

  [[nodiscard]] fs::path database() const { return path_ / "sipward.db"; }
  [[nodiscard]] fs::path beside(const char* suffix) const { return database().string() + suffix; }
  // A good database with a row in each table.
  [[nodiscard]] const std::string& good() const { return template_; }
  void clear() const {
    for (const char* suffix : {"", "-wal", "-shm", "-journal"}) fs::remove(beside(suffix));
  }

 private:
  void fill() const {
    auto store = store::Store::open(database());
    must(store.has_value(), "a new database can be made:", store ? "" : store.error().text);
    const store::BanRecord ban{.net = source(),
                               .reason = "signature",
                               .rule = "r",
                               .origin = "auto:r",
                               .verified = true,
                               .created = kNow,
                               .expires = {}};
    store::EvidenceRecord evidence;
    evidence.time = kNow;
    evidence.source = source();
    evidence.excerpt = evidence.value = "friendly-scanner";
    must(
        (*store)
                ->put(store::WhitelistEntry{
                    .net = source(), .comment = "peer", .created = kNow, .expires = {}, .origin = "cli:root"})
                .has_value() &&
            (*store)->put({ban}, {}).has_value() && (*store)->put({}, {{ban, kNow, "expired"}}).has_value() &&
            (*store)->put({ban}, {}).has_value() && (*store)->put(std::vector{evidence}).has_value() &&
            (*store)
                ->put(store::AuditRecord{
                    .time = kNow, .type = "general", .user = "root", .event = "e", .detail = "d"})
                .has_value() &&
            (*store)->put(store::StoredMode{.mode = "enforce", .until = kNow}).has_value(),
        "a new database takes rows");
  }

  fs::path path_;
  std::string template_;
};

// A call may fail, with a line that says so.
template <class T>
void told(const Result<T>& result) {
  if (result) return;
  must(!result.error().text.empty(), "an error says something");
  must(result.error().text.find('\n') == std::string::npos, "an error is one line:", result.error().text);
}

void use(store::Store& store) {
  told(store.whitelist());
  told(store.bans(kNow));
  told(store.ban_history(source(), 10));
  told(store.mode());
  told(store.rule_overrides());
  if (const auto audit = store.audit(10)) must(audit->size() <= 10, "no more rows than asked for");
  const auto evidence = store.evidence(source(), 10);
  told(evidence);
  if (evidence) must(evidence->size() <= 10, "no more rows than asked for");
  told(store.purge({}, kNow));
  store::BanRecord ban;
  ban.net = source();
  ban.created = kNow;
  told(store.put({}, {{ban, kNow, "expired"}}));
  told(store.put(store::RuleOverride{"r", "disabled", "", kNow, "cli:root"}));
  told(store.remove_rule_override("r"));
  told(store.remove_whitelist(source()));
  const auto put = store.put({ban}, {});
  told(put);
  const auto bans = store.bans(kNow);
  if (put && bans)
    must(std::ranges::any_of(*bans, [&](const auto& one) { return one.net == ban.net; }),
         "what was put is there");
}

std::string patched(std::string bytes, FuzzedDataProvider& input) {
  while (input.remaining_bytes() > 3 && !bytes.empty()) {
    const auto at = input.ConsumeIntegralInRange<std::size_t>(0, bytes.size() - 1);
    const std::string patch = input.ConsumeRandomLengthString(16);
    if (patch.empty()) bytes.resize(at);
    bytes.replace(std::min(at, bytes.size()), patch.size(), patch);
  }
  return bytes;
}

// Rows that only somebody with an SQL prompt could write.
void write_rows(const fs::path& path, FuzzedDataProvider& input) {
  static constexpr std::array kInserts{
      "INSERT OR REPLACE INTO whitelist VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
      "INSERT OR REPLACE INTO ban VALUES (?1, ?2, ?3, ?2, ?4, ?5, ?4)",
      "INSERT INTO ban_history VALUES (NULL, ?1, ?2, ?3, ?2, ?4, ?5, ?4, ?5, ?6)",
      "INSERT INTO evidence VALUES (NULL, ?4, '192.0.2.1', ?5, ?1, ?2, ?3, ?6, ?1, ?4, CAST(?2 AS BLOB), "
      "CAST(?3 AS BLOB), ?4, ?5)",
      "INSERT INTO audit VALUES (?5, ?4, ?1, ?2, ?3, ?6)",
      "INSERT OR REPLACE INTO mode VALUES (1, ?1, ?4, ?2)"};
  sqlite3* db = nullptr;
  if (sqlite3_open(path.c_str(), &db) == SQLITE_OK)
    while (input.remaining_bytes() > 0) {
      sqlite3_stmt* statement = nullptr;
      sqlite3_prepare_v2(db, input.PickValueInArray(kInserts), -1, &statement, nullptr);
      for (const int column : {1, 2, 3, 6}) {
        const std::string text = input.ConsumeRandomLengthString(64);
        sqlite3_bind_text(statement, column, text.data(), static_cast<int>(text.size()), SQLITE_TRANSIENT);
      }
      for (const int column : {4, 5})
        if (input.ConsumeBool()) sqlite3_bind_int64(statement, column, input.ConsumeIntegral<std::int64_t>());
      sqlite3_step(statement);
      sqlite3_finalize(statement);
    }
  sqlite3_close(db);
}

enum class State { any_bytes, patched, rows, log, journal };

void make(const Folder& folder, State state, FuzzedDataProvider& input) {
  folder.clear();
  if (state == State::any_bytes) return write_file(folder.database(), input.ConsumeRemainingBytesAsString());
  if (state == State::patched) return write_file(folder.database(), patched(folder.good(), input));
  write_file(folder.database(), folder.good());
  if (state == State::rows) return write_rows(folder.database(), input);
  write_file(folder.beside(state == State::log ? "-wal" : "-journal"), input.ConsumeRemainingBytesAsString());
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static const Folder folder;
  FuzzedDataProvider input(data, size);
  constexpr std::array kStates{State::any_bytes, State::patched, State::rows, State::log, State::journal};
  const State state = input.PickValueInArray(kStates);
  make(folder, state, input);
  const std::string before = read_file(folder.database());
  {
    const auto store = store::Store::open(folder.database());
    told(store);
    if (store) use(**store);
    if (!store && store.error().kind == ErrorKind::invalid && state != State::journal)
      must(read_file(folder.database()) == before, "what is refused is not changed");
  }
  const auto again = store::Store::open(folder.database());
  told(again);
  return 0;
}
