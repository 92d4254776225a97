// The schema and every statement of the store. Inside lib/store only.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>

namespace sipward::store {

inline constexpr std::int64_t kApplicationId = 0x53495057;  // "SIPW", SQLite file format 1.3.9

// Times are milliseconds since 1970 UTC. Nets and addresses are text in their one canonical form
// (Prefix::to_string), so that people can query the file. Serials grow with arrival: "newest" goes by them,
// because the calendar may step back.
inline constexpr std::string_view kFirstSchema = R"sql(
CREATE TABLE whitelist (
  net TEXT PRIMARY KEY, source_class TEXT NOT NULL, comment TEXT NOT NULL,
  created_ms INTEGER NOT NULL, expires_ms INTEGER, origin TEXT NOT NULL) STRICT, WITHOUT ROWID;
CREATE TABLE ban (
  net TEXT PRIMARY KEY, reason TEXT NOT NULL, rule TEXT NOT NULL, origin TEXT NOT NULL,
  verified INTEGER NOT NULL, created_ms INTEGER NOT NULL, expires_ms INTEGER) STRICT, WITHOUT ROWID;
CREATE TABLE ban_history (
  serial INTEGER PRIMARY KEY, net TEXT NOT NULL, reason TEXT NOT NULL, rule TEXT NOT NULL, origin TEXT NOT NULL,
  verified INTEGER NOT NULL, created_ms INTEGER NOT NULL, expires_ms INTEGER, ended_ms INTEGER NOT NULL,
  how TEXT NOT NULL) STRICT;
CREATE INDEX ban_history_by_net ON ban_history (net);
CREATE INDEX ban_history_by_end ON ban_history (ended_ms);
CREATE TABLE evidence (
  serial INTEGER PRIMARY KEY, time_ms INTEGER NOT NULL, source TEXT NOT NULL, source_port INTEGER NOT NULL,
  destination TEXT NOT NULL, transport TEXT NOT NULL, reason TEXT NOT NULL, rule TEXT NOT NULL,
  action TEXT NOT NULL, verified INTEGER NOT NULL, excerpt BLOB NOT NULL, value BLOB NOT NULL,
  match_begin INTEGER NOT NULL, match_end INTEGER NOT NULL) STRICT;
CREATE INDEX evidence_by_source ON evidence (source);
CREATE INDEX evidence_by_time ON evidence (time_ms);
CREATE TABLE audit (
  serial INTEGER PRIMARY KEY AUTOINCREMENT, time_ms INTEGER NOT NULL, type TEXT NOT NULL, user TEXT NOT NULL,
  event TEXT NOT NULL, detail TEXT NOT NULL) STRICT;
CREATE INDEX audit_by_time ON audit (time_ms);
CREATE TABLE mode (
  only INTEGER PRIMARY KEY CHECK (only = 1), mode TEXT NOT NULL, until_ms INTEGER, then_mode TEXT NOT NULL) STRICT;
)sql";

// What an operator said about a rule by its id, whether or not a rule of that id is there.
inline constexpr std::string_view kRuleOverrides = R"sql(
CREATE TABLE rule_override (
  rule TEXT PRIMARY KEY, state TEXT NOT NULL, comment TEXT NOT NULL, created_ms INTEGER NOT NULL,
  origin TEXT NOT NULL) STRICT, WITHOUT ROWID;
)sql";

inline constexpr std::string_view kEvidenceDetail = R"sql(
ALTER TABLE evidence ADD COLUMN observed INTEGER NOT NULL DEFAULT 0;
ALTER TABLE evidence ADD COLUMN detail TEXT NOT NULL DEFAULT '';
)sql";

inline constexpr std::string_view kKnown = R"sql(
CREATE TABLE known (
  address TEXT PRIMARY KEY, since_ms INTEGER NOT NULL, until_ms INTEGER NOT NULL, how TEXT NOT NULL)
  STRICT, WITHOUT ROWID;
)sql";

// Each step makes a file of version N one of version N + 1; a new file takes all of them. Written steps never
// change: files that took them are out there.
inline constexpr std::array kSchemaSteps{kFirstSchema, kRuleOverrides, kEvidenceDetail, kKnown};
inline constexpr std::int64_t kSchemaVersion = kSchemaSteps.size();

enum class Query : std::uint8_t {
  whitelist,
  put_whitelist,
  remove_whitelist,
  bans,
  put_ban,
  end_ban,
  put_history,
  history,
  put_evidence,
  trim_evidence,
  evidence,
  put_audit,
  audit,
  mode,
  put_mode,
  rule_overrides,
  put_rule_override,
  remove_rule_override,
  purge_history,
  purge_history_above,
  purge_audit,
  purge_evidence,
  purge_evidence_above,
  orphaned_bans_to_history,
  purge_orphaned_bans,
  purge_whitelist,
  offences,
  known,
  put_known,
  forget_known,
  purge_known,
  count_,
};

inline constexpr std::size_t kQueries = static_cast<std::size_t>(Query::count_);

// In the order of Query.
inline constexpr std::array<std::string_view, kQueries> kSql{
    "SELECT net, source_class, comment, created_ms, expires_ms, origin FROM whitelist",
    "INSERT OR REPLACE INTO whitelist VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
    "DELETE FROM whitelist WHERE net = ?1",
    "SELECT net, reason, rule, origin, verified, created_ms, expires_ms FROM ban "
    "WHERE expires_ms IS NULL OR expires_ms > ?1",
    "INSERT OR REPLACE INTO ban VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
    // A ban that began after the ended one stays.
    "DELETE FROM ban WHERE net = ?1 AND created_ms <= ?2",
    "INSERT INTO ban_history (net, reason, rule, origin, verified, created_ms, expires_ms, ended_ms, how) "
    "VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)",
    // ?1: a JSON list of the nets, so that one statement serves both families.
    "SELECT net, reason, rule, origin, verified, created_ms, expires_ms, ended_ms, how FROM ban_history "
    "WHERE net IN (SELECT value FROM json_each(?1)) ORDER BY serial DESC LIMIT ?2",
    "INSERT INTO evidence (time_ms, source, source_port, destination, transport, reason, rule, action, "
    "verified, "
    "excerpt, value, match_begin, match_end, observed, detail) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, "
    "?11, ?12, ?13, ?14, ?15)",
    "DELETE FROM evidence WHERE serial IN "
    "(SELECT serial FROM evidence WHERE source = ?1 ORDER BY serial DESC LIMIT -1 OFFSET ?2)",
    "SELECT time_ms, source, source_port, destination, transport, reason, rule, action, verified, excerpt, "
    "value, "
    "match_begin, match_end, observed, detail FROM evidence WHERE source = ?1 ORDER BY serial DESC LIMIT ?2",
    "INSERT INTO audit (time_ms, type, user, event, detail) VALUES (?1, ?2, ?3, ?4, ?5)",
    "SELECT serial, time_ms, type, user, event, detail FROM audit ORDER BY serial DESC LIMIT ?1",
    "SELECT mode, until_ms, then_mode FROM mode",
    "INSERT OR REPLACE INTO mode VALUES (1, ?1, ?2, ?3)",
    "SELECT rule, state, comment, created_ms, origin FROM rule_override ORDER BY rule",
    "INSERT OR REPLACE INTO rule_override VALUES (?1, ?2, ?3, ?4, ?5)",
    "DELETE FROM rule_override WHERE rule = ?1",
    "DELETE FROM ban_history WHERE serial IN "
    "(SELECT serial FROM ban_history WHERE ended_ms < ?1 ORDER BY ended_ms LIMIT ?2)",
    "DELETE FROM ban_history WHERE serial IN (SELECT serial FROM ban_history ORDER BY serial "
    "LIMIT min(?2, max(0, (SELECT count(*) FROM ban_history) - ?1)))",
    "DELETE FROM audit WHERE serial IN (SELECT serial FROM audit WHERE time_ms < ?1 ORDER BY time_ms LIMIT "
    "?2)",
    "DELETE FROM evidence WHERE serial IN "
    "(SELECT serial FROM evidence WHERE time_ms < ?1 ORDER BY time_ms LIMIT ?2)",
    "DELETE FROM evidence WHERE serial IN (SELECT serial FROM evidence ORDER BY serial "
    "LIMIT min(?2, max(0, (SELECT count(*) FROM evidence) - ?1)))",
    "INSERT INTO ban_history (net, reason, rule, origin, verified, created_ms, expires_ms, ended_ms, how) "
    "SELECT net, reason, rule, origin, verified, created_ms, expires_ms, expires_ms, 'expired' FROM ban "
    "WHERE expires_ms < ?1 ORDER BY net LIMIT ?2",
    "DELETE FROM ban WHERE net IN (SELECT net FROM ban WHERE expires_ms < ?1 ORDER BY net LIMIT ?2)",
    "DELETE FROM whitelist WHERE net IN (SELECT net FROM whitelist WHERE expires_ms <= ?1 LIMIT ?2)",
    "SELECT net, created_ms, ended_ms, how GLOB 'removed:*' OR how GLOB 'flushed:*' OR how GLOB "
    "'whitelisted:*' AS forgiven FROM ban_history "
    "WHERE ended_ms > ?1 AND (forgiven OR verified = 1 AND origin GLOB 'auto:*') "
    "UNION ALL SELECT net, created_ms, expires_ms, 0 FROM ban "
    "WHERE expires_ms > ?1 AND verified = 1 AND origin GLOB 'auto:*' ORDER BY 3 DESC LIMIT ?2",
    "SELECT address, since_ms, until_ms, how FROM known WHERE until_ms > ?1",
    "INSERT OR REPLACE INTO known VALUES (?1, ?2, ?3, ?4)",
    "DELETE FROM known WHERE address = ?1",
    "DELETE FROM known WHERE address IN (SELECT address FROM known WHERE until_ms <= ?1 LIMIT ?2)",
};
static_assert(!kSql.back().empty(), "a Query without its statement");

}  // namespace sipward::store
