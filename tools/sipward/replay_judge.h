// One set of rules and settings, and what it does to each packet: the shield's pipeline, and around it what
// the kernel's tables do in the live path (scope, whitelist, bans).
#pragma once

#include <atomic>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "config/settings.h"
#include "enforce/ban_ledger.h"
#include "match/matcher.h"
#include "metrics/counters.h"
#include "replay_input.h"
#include "shield.h"

namespace sipward::cli {

struct Whitelisted {
  Prefix net;
  bool trusted = false;  // never read; else a peer
};

struct Verdict {
  std::optional<Ignored> ignored;  // not a packet that the shield looks at; the rest means nothing then
  bool dropped = false;
  bool banned = false;     // its source is banned from here on
  std::string reason;      // a decide::Reason's name, or "trusted"
  std::string rule;        // that is to blame; "" when none is
  std::string would_drop;  // why it would be dropped if the rules that observe were enforced; else ""
  std::optional<store::EvidenceRecord> evidence;  // of packets that are dropped, but not as banned
  std::vector<std::uint32_t> hits;                // the rules that hit, by their index

  // "pass", "drop", "ban"; stable.
  [[nodiscard]] std::string_view word() const { return banned ? "ban" : dropped ? "drop" : "pass"; }
};

// What a rule looked at, and which bytes of it, [begin, end), matched.
struct Found {
  std::string value;
  std::size_t begin = 0;
  std::size_t end = 0;
};

// Judges as in mode enforce. The kernel's rate limits ([guard]) are not applied. One thread.
class Judge {
 public:
  // Compiles the rules; errors name rule, file and line.
  [[nodiscard]] static Result<std::unique_ptr<Judge>> make(const config::Settings& settings,
                                                           std::vector<match::Rule> rules,
                                                           std::vector<Whitelisted> whitelist);

  // In the order of the capture.
  [[nodiscard]] Verdict judge(const Sighting& sighting);

  [[nodiscard]] std::span<const match::Rule> rules() const { return set_->matcher->rules(); }
  // The bans that were made, oldest first.
  [[nodiscard]] const std::vector<enforce::Ban>& bans() const { return bans_; }
  // Where a rule hits `message`; nothing when it does not.
  [[nodiscard]] std::optional<Found> find(std::uint32_t rule, const sip::Message& message);

 private:
  Judge(const config::Settings& settings, std::shared_ptr<const shield::RuleSet> rules,
        std::vector<metrics::RuleCounter> hits, metrics::Counters counters,
        std::vector<Whitelisted> whitelist);
  [[nodiscard]] std::optional<Ignored> out_of_scope(const packet::Datagram& datagram) const;
  [[nodiscard]] const Whitelisted* whitelisted(const Address& source);
  [[nodiscard]] Verdict read(const Sighting& sighting, shield::Shield& shield);
  [[nodiscard]] std::vector<std::uint32_t> take_hits();
  [[nodiscard]] shield::Shield& shield_of(const Address& source, WallTime now);
  void hear(const Sighting& sighting);
  void carry_out(const shield::Consequences& consequences, Now now);
  void ban(const shield::BanRequest& request, Now now);

  config::Settings settings_;
  metrics::Counters counters_;
  std::shared_ptr<const shield::RuleSet> set_;
  std::vector<metrics::RuleCounter> hits_;  // of each rule, as set_ points to them
  std::vector<std::uint64_t> hits_before_;
  std::vector<Whitelisted> whitelist_;
  std::map<Address, const Whitelisted*> listed_;  // by source, as it was looked up; null: not whitelisted
  std::map<Address, WallTime> known_until_;
  std::atomic<bool> observe_{false};
  limit::Commons commons_;
  shield::Common common_;
  shield::Shield unknown_;
  shield::Shield known_;
  shield::Shield peers_;
  std::unique_ptr<match::Matcher::Scratch> scratch_;
  enforce::BanLedger ledger_;
  std::vector<enforce::Ban> bans_;
};

}  // namespace sipward::cli
