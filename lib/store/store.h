// What must outlive the daemon: bans, whitelist, known sources, rule overrides, evidence, mode, audit.
// SQLite, one file.
#pragma once

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/address.h"
#include "base/clock.h"
#include "base/result.h"

namespace sipward::store {

struct WhitelistEntry {
  Prefix net;
  std::string source_class = "trusted";  // "trusted" or "peer"
  std::string comment;
  WallTime created;
  std::optional<WallTime> expires;
  std::string origin;  // "cli:root"
};

struct BanRecord {
  Prefix net;
  std::string reason;  // a decide::Reason name, or what the operator gave
  std::string rule;    // "" when no rule
  std::string origin;  // "auto:RULE" or "cli:USER"
  bool verified = false;
  WallTime created;
  std::optional<WallTime> expires;
};

struct EndedBan {
  BanRecord ban;
  WallTime ended;
  std::string how;  // "expired", "removed:root", "whitelisted:root", "flushed:root"
};

// What counts when the next ban of a net is measured.
struct Offence {
  Prefix net;
  WallTime begun;
  WallTime ended;         // or will end
  bool forgiven = false;  // an operator lifted it, and with it all that was before
};

// A source whose registration or call the softswitch accepted.
struct KnownRecord {
  Address address;
  WallTime since;
  WallTime until;
  std::string how;
};

// The packet that led to a decision, kept so that `explain` can show it. Bytes are as received.
struct EvidenceRecord {
  WallTime time;
  Address source;
  std::uint16_t source_port = 0;
  std::string destination;  // "192.0.2.1:5060"
  std::string transport;    // "udp", "tcp"
  std::string reason;
  std::string rule;
  std::string action;
  bool verified = false;
  std::string excerpt;            // the packet's first bytes, at most kExcerptMax
  std::string value;              // what the rule looked at ("friendly-scanner"), at most kExcerptMax
  std::uint32_t match_begin = 0;  // [begin, end) within value
  std::uint32_t match_end = 0;
  bool observed = false;  // it passed: the mode or the rule only observes
  std::string detail;     // what else is known of it, as a sentence; "" when nothing is
};

struct AuditRecord {
  std::int64_t serial = 0;  // set by the store
  WallTime time;
  std::string type;   // "error", "general", "information"
  std::string user;   // "root", "daemon"
  std::string event;  // "bans.add"
  std::string detail;
};

struct StoredMode {
  std::string mode;               // "enforce", "observe"
  std::optional<WallTime> until;  // then back to `then`
  std::string then = "enforce";
};

// What an operator said about a rule; it stands above what the rule's file says, and outlives that file.
struct RuleOverride {
  std::string rule;   // its id
  std::string state;  // "enforce", "observe", "disabled"
  std::string comment;
  WallTime created;
  std::string origin;  // "cli:root"
};

inline constexpr std::size_t kExcerptMax = 1024;
inline constexpr std::size_t kEvidencePerSource = 10;  // the newest are kept

// Calls block on the disk: for the store thread and start-up, never for a worker. One thread at a time.
// A write that fails leaves the file as it was and says so; the daemon goes on and counts it. `busy`: another
// program holds the file locked, and later it will do.
class Store {
 public:
  // Creates the file (mode 0640) and its folder's schema if needed, WAL, STRICT tables, schema version in
  // user_version. A file with an older schema is brought up to this one, in one transaction. A file that is
  // no Sipward database, is damaged (quick_check) or has a newer schema is an error that says what to do;
  // nothing in it is changed.
  [[nodiscard]] static Result<std::unique_ptr<Store>> open(const std::filesystem::path& path);
  ~Store();

  // How long each further call waits for another program that holds the file locked; 5 s at first. A call
  // writes in one transaction, so it waits once.
  void wait_at_most(std::chrono::milliseconds patience);

  [[nodiscard]] Result<std::vector<WhitelistEntry>> whitelist();
  [[nodiscard]] Result<void> put(const WhitelistEntry& entry);     // replaces the entry of the same net
  [[nodiscard]] Result<void> remove_whitelist(const Prefix& net);  // no such entry is no error

  // Bans that have not expired at `now`.
  [[nodiscard]] Result<std::vector<BanRecord>> bans(WallTime now);
  // All in one transaction: new and extended bans (replacing those of the same net), then ended ones (moved
  // to history; a ban of the same net that was created after the ended one stays).
  [[nodiscard]] Result<void> put(const std::vector<BanRecord>& bans, const std::vector<EndedBan>& ended);
  // Newest first.
  [[nodiscard]] Result<std::vector<EndedBan>> ban_history(const Address& source, std::size_t limit);

  // The automatic bans of verified sources that ended after `since` or have not ended, and the bans that
  // operators lifted since then: the last `limit`, in the order of their ends.
  [[nodiscard]] Result<std::vector<Offence>> offences(WallTime since, std::size_t limit);

  // Those that are known at `now`.
  [[nodiscard]] Result<std::vector<KnownRecord>> known(WallTime now);
  // All in one transaction: new and extended ones (replacing those of the same address), then forgotten ones.
  [[nodiscard]] Result<void> put(const std::vector<KnownRecord>& known,
                                 const std::vector<Address>& forgotten);

  // One transaction; per source only the newest kEvidencePerSource stay. Longer excerpts and values are cut.
  [[nodiscard]] Result<void> put(const std::vector<EvidenceRecord>& evidence);
  // Newest first.
  [[nodiscard]] Result<std::vector<EvidenceRecord>> evidence(const Address& source, std::size_t limit);

  [[nodiscard]] Result<void> put(const AuditRecord& record);
  [[nodiscard]] Result<std::vector<AuditRecord>> audit(std::size_t limit);  // newest first

  [[nodiscard]] Result<std::optional<StoredMode>> mode();
  [[nodiscard]] Result<void> put(const StoredMode& mode);

  [[nodiscard]] Result<std::vector<RuleOverride>> rule_overrides();        // in the order of their rules
  [[nodiscard]] Result<void> put(const RuleOverride& override);            // replaces that of the same rule
  [[nodiscard]] Result<void> remove_rule_override(std::string_view rule);  // no such override is no error

  struct Retention {
    std::chrono::days evidence{90};
    std::chrono::days ban_history{180};
    std::chrono::days audit{90};
    // A flood of forged sources fills these two at the attacker's will, so they are bounded by rows too.
    std::size_t evidence_rows_max = 100000;
    std::size_t ban_history_rows_max = 500000;
  };
  // Deletes what is older, at most `rows_max` rows a call, and whitelist entries and known sources that
  // have ended; how many were deleted. Bans that expired more than an hour ago while no daemon reported their end go to the
  // history first.
  [[nodiscard]] Result<std::size_t> purge(const Retention& retention, WallTime now,
                                          std::size_t rows_max = 1000);

 private:
  class Impl;
  explicit Store(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace sipward::store
