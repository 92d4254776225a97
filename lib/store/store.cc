#include "store/store.h"

#include <algorithm>
#include <array>
#include <limits>
#include <system_error>
#include <utility>

#include "base/one_line.h"
#include "store/database.h"
#include "store/database_file.h"
#include "store/queries.h"
#include "store/rows.h"

namespace sipward::store {
namespace {

namespace fs = std::filesystem;
using std::chrono::milliseconds;

// A ban that expired this long ago without the daemon reporting its end (it was not running) is moved by
// purge().
constexpr std::chrono::hours kOrphanAge{1};

// SQLite counts rows in signed 64 bits.
std::int64_t row_limit(std::size_t limit) {
  return static_cast<std::int64_t>(std::min<std::size_t>(limit, std::numeric_limits<std::int64_t>::max()));
}

using Statements = std::array<Statement, kQueries>;

Result<Statements> prepare_all(Database& database) {
  Statements statements;
  for (std::size_t i = 0; i < kQueries; ++i) {
    auto statement = database.prepare(kSql[i]);
    if (!statement) return unusable({ErrorKind::invalid, statement.error().text});
    statements[i] = std::move(*statement);
  }
  return statements;
}

// ["192.0.2.1","192.0.2.0/31", … ,"0.0.0.0/0"]: every net that covers the address.
std::string covering_nets(const Address& address) {
  std::string json = "[";
  for (unsigned length = address.bits() + 1; length-- > 0;)
    json += fmt::format("\"{}\"{}", Prefix(address, length).to_string(), length > 0 ? "," : "]");
  return json;
}

template <class T>
Result<std::vector<T>> unless_failed(const Result<void>& read, Result<std::vector<T>> rows) {
  if (!read) return tl::unexpected(read.error());
  return rows;
}

}  // namespace

class Store::Impl {
 public:
  Impl(fs::path path, Database database, Statements statements)
      : path_(std::move(path)), database_(std::move(database)), statements_(std::move(statements)) {}

  Statement& operator[](Query query) { return statements_[static_cast<std::size_t>(query)]; }
  Database& database() { return database_; }

  // Puts what was attempted, and with which file, before SQLite's reason.
  template <class T>
  [[nodiscard]] Result<T> told(Result<T> result, std::string_view attempted) const {
    if (!result)
      result.error().text = fmt::format("cannot {} {}: {}", attempted, path_.string(), result.error().text);
    return result;
  }

  Result<void> put_ban(const BanRecord& ban) {
    return (*this)[Query::put_ban].run(ban.net.to_string(), ban.reason, ban.rule, ban.origin,
                                       std::int64_t{ban.verified}, to_ms(ban.created), to_ms(ban.expires));
  }

  Result<void> end_ban(const EndedBan& ended) {
    const BanRecord& ban = ended.ban;
    const std::string net = ban.net.to_string();
    if (auto gone = (*this)[Query::end_ban].run(net, to_ms(ban.created)); !gone) return gone;
    return (*this)[Query::put_history].run(net, ban.reason, ban.rule, ban.origin, std::int64_t{ban.verified},
                                           to_ms(ban.created), to_ms(ban.expires), to_ms(ended.ended),
                                           ended.how);
  }

  Result<void> put_evidence(const EvidenceRecord& record) {
    const std::string source = record.source.to_string();
    const auto value = std::string_view(record.value).substr(0, kExcerptMax);
    const auto clamped = [&](std::uint32_t at) {
      return std::min<std::int64_t>(at, static_cast<std::int64_t>(value.size()));
    };
    auto put = (*this)[Query::put_evidence].run(
        to_ms(record.time), source, std::int64_t{record.source_port}, record.destination, record.transport,
        record.reason, record.rule, record.action, std::int64_t{record.verified},
        Blob{std::string_view(record.excerpt).substr(0, kExcerptMax)}, Blob{value},
        clamped(record.match_begin), clamped(record.match_end), std::int64_t{record.observed}, record.detail);
    if (!put) return put;
    return (*this)[Query::trim_evidence].run(source, row_limit(kEvidencePerSource));
  }

  // One kind of old rows; takes what it deleted off `rows_left`.
  Result<void> purge(Query query, std::int64_t bound, std::int64_t& rows_left) {
    auto done = (*this)[query].run(bound, rows_left);
    if (done) rows_left -= static_cast<std::int64_t>(database_.changes());
    return done;
  }

  Result<void> purge_orphaned_bans(WallTime now, std::int64_t& rows_left) {
    const std::int64_t before = to_ms(now - kOrphanAge);
    if (auto kept = (*this)[Query::orphaned_bans_to_history].run(before, rows_left); !kept) return kept;
    return purge(Query::purge_orphaned_bans, before, rows_left);
  }

 private:
  fs::path path_;
  Database database_;
  Statements statements_;  // after the database: finalized before it closes
};

Store::Store(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
Store::~Store() = default;

Result<std::unique_ptr<Store>> Store::open(const fs::path& path) {
  // Absolute: SQLite gives names such as ":memory:" a meaning of their own.
  std::error_code error;
  const fs::path file = fs::absolute(path, error);
  const auto failed = [&](const Error& why) {
    return fail(why.kind, "cannot open the database {}: {}", path.string(), why.text);
  };
  auto database = open_database(file);
  if (!database) return failed(database.error());
  auto statements = prepare_all(*database);
  if (!statements) return failed(statements.error());
  return std::unique_ptr<Store>(
      new Store(std::make_unique<Impl>(file, std::move(*database), std::move(*statements))));
}

void Store::wait_at_most(milliseconds patience) {
  impl_->database().wait_at_most(patience);
}

Result<std::vector<WhitelistEntry>> Store::whitelist() {
  Result<std::vector<WhitelistEntry>> rows;
  const auto read = (*impl_)[Query::whitelist].each([&](const Row& row) {
    Prefix net;
    if (!read_net(row, 0, rows, net)) return;
    rows->push_back(whitelist_entry(row));
    rows->back().net = net;
  });
  return impl_->told(unless_failed(read, std::move(rows)), "read the whitelist from");
}

Result<void> Store::put(const WhitelistEntry& entry) {
  return impl_->told(
      (*impl_)[Query::put_whitelist].run(entry.net.to_string(), entry.source_class, entry.comment,
                                         to_ms(entry.created), to_ms(entry.expires), entry.origin),
      fmt::format("store the whitelist entry {} in", entry.net.to_string()));
}

Result<void> Store::remove_whitelist(const Prefix& net) {
  return impl_->told((*impl_)[Query::remove_whitelist].run(net.to_string()),
                     fmt::format("remove the whitelist entry {} from", net.to_string()));
}

Result<std::vector<BanRecord>> Store::bans(WallTime now) {
  Result<std::vector<BanRecord>> rows;
  const auto read = (*impl_)[Query::bans].each(
      [&](const Row& row) {
        Prefix net;
        if (!read_net(row, 0, rows, net)) return;
        rows->push_back(ban_record(row));
        rows->back().net = net;
      },
      to_ms(now));
  return impl_->told(unless_failed(read, std::move(rows)), "read the bans from");
}

Result<void> Store::put(const std::vector<BanRecord>& bans, const std::vector<EndedBan>& ended) {
  const auto put_all = [&]() -> Result<void> {
    for (const BanRecord& ban : bans)
      if (auto put = impl_->put_ban(ban); !put) return put;
    for (const EndedBan& ban : ended)
      if (auto put = impl_->end_ban(ban); !put) return put;
    return {};
  };
  return impl_->told(impl_->database().in_transaction(put_all),
                     fmt::format("store {} bans and {} ended ones in", bans.size(), ended.size()));
}

Result<std::vector<EndedBan>> Store::ban_history(const Address& source, std::size_t limit) {
  Result<std::vector<EndedBan>> rows;
  const auto read = (*impl_)[Query::history].each(
      [&](const Row& row) {
        Prefix net;
        if (!read_net(row, 0, rows, net)) return;
        rows->push_back({.ban = ban_record(row), .ended = from_ms(row.integer(7)), .how = row.bytes(8)});
        rows->back().ban.net = net;
      },
      covering_nets(source), row_limit(limit));
  return impl_->told(unless_failed(read, std::move(rows)),
                     fmt::format("read the ban history of {} from", source.to_string()));
}

Result<std::vector<Offence>> Store::offences(WallTime since, std::size_t limit) {
  Result<std::vector<Offence>> rows;
  const auto read = (*impl_)[Query::offences].each(
      [&](const Row& row) {
        Prefix net;
        if (!read_net(row, 0, rows, net)) return;
        rows->push_back({net, from_ms(row.integer(1)), from_ms(row.integer(2)), row.integer(3) != 0});
      },
      to_ms(since), row_limit(limit));
  if (rows) std::ranges::reverse(*rows);
  return impl_->told(unless_failed(read, std::move(rows)), "read the earlier bans from");
}

Result<std::vector<KnownRecord>> Store::known(WallTime now) {
  Result<std::vector<KnownRecord>> rows;
  const auto read = (*impl_)[Query::known].each(
      [&](const Row& row) {
        Prefix net;
        if (!read_net(row, 0, rows, net)) return;
        rows->push_back({net.base(), from_ms(row.integer(1)), from_ms(row.integer(2)), row.bytes(3)});
      },
      to_ms(now));
  return impl_->told(unless_failed(read, std::move(rows)), "read the known sources from");
}

Result<void> Store::put(const std::vector<KnownRecord>& known, const std::vector<Address>& forgotten) {
  const auto put_all = [&]() -> Result<void> {
    for (const KnownRecord& record : known)
      if (auto put = (*impl_)[Query::put_known].run(record.address.to_string(), to_ms(record.since),
                                                    to_ms(record.until), record.how);
          !put)
        return put;
    for (const Address& address : forgotten)
      if (auto gone = (*impl_)[Query::forget_known].run(address.to_string()); !gone) return gone;
    return {};
  };
  return impl_->told(
      impl_->database().in_transaction(put_all),
      fmt::format("store {} known sources and {} forgotten ones in", known.size(), forgotten.size()));
}

Result<void> Store::put(const std::vector<EvidenceRecord>& evidence) {
  const auto put_all = [&]() -> Result<void> {
    for (const EvidenceRecord& record : evidence)
      if (auto put = impl_->put_evidence(record); !put) return put;
    return {};
  };
  return impl_->told(impl_->database().in_transaction(put_all),
                     fmt::format("store {} evidence records in", evidence.size()));
}

Result<std::vector<EvidenceRecord>> Store::evidence(const Address& source, std::size_t limit) {
  std::vector<EvidenceRecord> rows;
  const auto read =
      (*impl_)[Query::evidence].each([&](const Row& row) { rows.push_back(evidence_record(row, source)); },
                                     source.to_string(), row_limit(limit));
  return impl_->told(unless_failed<EvidenceRecord>(read, std::move(rows)),
                     fmt::format("read the evidence against {} from", source.to_string()));
}

Result<void> Store::put(const AuditRecord& record) {
  return impl_->told((*impl_)[Query::put_audit].run(to_ms(record.time), record.type, record.user,
                                                    record.event, record.detail),
                     fmt::format("store the audit record of {} in", record.event));
}

Result<std::vector<AuditRecord>> Store::audit(std::size_t limit) {
  std::vector<AuditRecord> rows;
  const auto read = (*impl_)[Query::audit].each(
      [&](const Row& row) {
        rows.push_back({.serial = row.integer(0),
                        .time = from_ms(row.integer(1)),
                        .type = row.bytes(2),
                        .user = row.bytes(3),
                        .event = row.bytes(4),
                        .detail = row.bytes(5)});
      },
      row_limit(limit));
  return impl_->told(unless_failed<AuditRecord>(read, std::move(rows)), "read the audit log from");
}

Result<std::optional<StoredMode>> Store::mode() {
  std::optional<StoredMode> mode;
  const auto read = (*impl_)[Query::mode].each([&](const Row& row) {
    mode = StoredMode{.mode = row.bytes(0), .until = from_ms(row.maybe_integer(1)), .then = row.bytes(2)};
  });
  if (!read)
    return impl_->told(Result<std::optional<StoredMode>>(tl::unexpected(read.error())), "read the mode from");
  return mode;
}

Result<void> Store::put(const StoredMode& mode) {
  return impl_->told((*impl_)[Query::put_mode].run(mode.mode, to_ms(mode.until), mode.then),
                     fmt::format("store the mode {} in", mode.mode));
}

Result<std::vector<RuleOverride>> Store::rule_overrides() {
  std::vector<RuleOverride> rows;
  const auto read = (*impl_)[Query::rule_overrides].each([&](const Row& row) {
    rows.push_back({.rule = row.bytes(0),
                    .state = row.bytes(1),
                    .comment = row.bytes(2),
                    .created = from_ms(row.integer(3)),
                    .origin = row.bytes(4)});
  });
  return impl_->told(unless_failed<RuleOverride>(read, std::move(rows)), "read the rule overrides from");
}

Result<void> Store::put(const RuleOverride& override) {
  return impl_->told((*impl_)[Query::put_rule_override].run(override.rule, override.state, override.comment,
                                                            to_ms(override.created), override.origin),
                     fmt::format("store the override of rule {} in", override.rule));
}

Result<void> Store::remove_rule_override(std::string_view rule) {
  return impl_->told((*impl_)[Query::remove_rule_override].run(rule),
                     fmt::format("remove the override of rule {} from", rule));
}

Result<std::size_t> Store::purge(const Retention& retention, WallTime now, std::size_t rows_max) {
  const std::int64_t rows = row_limit(rows_max);
  std::int64_t rows_left = rows;
  const auto purge_all = [&]() -> Result<void> {
    auto done = impl_->purge_orphaned_bans(now, rows_left);
    if (done) done = impl_->purge(Query::purge_whitelist, to_ms(now), rows_left);
    if (done) done = impl_->purge(Query::purge_known, to_ms(now), rows_left);
    if (done) done = impl_->purge(Query::purge_history, to_ms(now - retention.ban_history), rows_left);
    if (done)
      done = impl_->purge(Query::purge_history_above, row_limit(retention.ban_history_rows_max), rows_left);
    if (done) done = impl_->purge(Query::purge_audit, to_ms(now - retention.audit), rows_left);
    if (done) done = impl_->purge(Query::purge_evidence, to_ms(now - retention.evidence), rows_left);
    if (done)
      done = impl_->purge(Query::purge_evidence_above, row_limit(retention.evidence_rows_max), rows_left);
    return done;
  };
  const auto purged = impl_->told(impl_->database().in_transaction(purge_all), "delete old rows from");
  if (!purged) return tl::unexpected(purged.error());
  return static_cast<std::size_t>(rows - rows_left);
}

}  // namespace sipward::store
