// Rules and settings while the shield runs: read again as a whole, overridden rule by rule, handed to the
// workers.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "config/settings.h"
#include "enforcer.h"
#include "keeper.h"
#include "rule_set.h"
#include "worker.h"

namespace sipward::shield {

// Reads the configuration file; the same file each time.
using SettingsLoader = std::function<Result<config::Settings>()>;

// Takes over from `fresh` what can change while packets are read: policy, methods, limits, score and ban
// times, ports, protected nets, the guard's rates and bursts, the rules' folder, shield.on_stop, log.level.
// Everything else was given to a queue, a set or a file when it was made.
void take_over(config::Settings& in_force, const config::Settings& fresh);

// But for ShieldTableOptions::observe, which is no setting.
[[nodiscard]] enforce::ShieldTableOptions table_options(const config::Settings& settings);

[[nodiscard]] enforce::Escalation escalation_of(const decide::Policy& policy);

// Queues whose worker has not taken the new rules in time: it will before its next packet.
using Waiting = std::vector<std::uint16_t>;

struct Reloaded {
  std::vector<std::string> applied;        // settings that changed, by name
  std::vector<std::string> needs_restart;  // changed in the file, not in force
  Waiting waiting;
};

// Control loop alone. Whatever fails, rules, settings and kernel are as they were.
class Rulebook {
 public:
  struct Parts {
    config::Settings& in_force;  // changed by reload()
    Enforcer& enforcer;
    Keeper& keeper;
    metrics::Counters& counters;
    std::vector<std::unique_ptr<Worker>>& workers;
  };
  // `as_read`: the file's settings at the start, before anything was resolved. `meanwhile` is called several
  // times a second while rules are compiled: what the control loop owes others.
  Rulebook(Parts parts, std::shared_ptr<const RuleSet> first, config::Settings as_read, SettingsLoader load,
           std::function<void()> meanwhile);

  [[nodiscard]] const RuleSet& current() const { return *current_; }

  // Configuration and rule files anew, in force when it returns. `invalid`: what is wrong in them, a line
  // each.
  [[nodiscard]] Result<Reloaded> reload(WallTime now);

  // Stored, and in force when it returns. The rule files are not read again. `not_found`: no such rule is
  // loaded.
  [[nodiscard]] Result<Waiting> put(const store::RuleOverride& override);
  // Back to the file's word. `not_found`: there is no override of that rule.
  [[nodiscard]] Result<Waiting> remove_override(std::string_view rule);

 private:
  template <class F>
  auto aside(F work);
  [[nodiscard]] Result<Waiting> use_overrides(std::vector<store::RuleOverride> overrides,
                                              const std::function<Result<void>(store::Store&)>& store_change);
  [[nodiscard]] Result<void> change_kernel(const config::Settings& wanted);
  [[nodiscard]] std::vector<RulesInHand> copies_of(const std::shared_ptr<const RuleSet>& set) const;
  [[nodiscard]] Waiting hand_out(std::shared_ptr<const RuleSet> set, std::vector<RulesInHand> copies);

  Parts parts_;
  std::shared_ptr<const RuleSet> current_;
  config::Settings as_read_;
  SettingsLoader load_;
  std::function<void()> meanwhile_;
};

}  // namespace sipward::shield
