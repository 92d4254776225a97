// What packets are judged by: rules and policy, made aside, then handed to every worker in one step.
#pragma once

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <filesystem>
#include <memory>
#include <mutex>
#include <optional>
#include <span>
#include <string_view>
#include <vector>

#include "decide/policy.h"
#include "match/matcher.h"
#include "metrics/counters.h"
#include "store/store.h"

namespace sipward::shield {

// What becomes of a packet that a rule hits.
enum class RuleState : std::uint8_t {
  enforce,   // the rule's action
  observe,   // counted and explained, nothing else
  disabled,  // the rule is not looked for
};
[[nodiscard]] std::string_view to_string(RuleState state);
[[nodiscard]] std::optional<RuleState> rule_state(std::string_view name);

// A rule of the files. Its state is the operator's override, else the file's word.
struct LoadedRule {
  match::Rule rule;
  RuleState state = RuleState::enforce;
  std::optional<store::RuleOverride> override;
};

// Never changed once it is made: every packet is judged by one set as a whole.
struct RuleSet {
  std::shared_ptr<const match::Matcher> matcher;  // of the rules that are not disabled
  std::vector<metrics::RuleCounter*> counters;    // by the matcher's index; null: not counted
  metrics::RuleLease lease;                       // keeps them, and those of disabled rules
  decide::Policy policy;
  std::vector<LoadedRule> rules;               // all of the files
  std::vector<store::RuleOverride> overrides;  // all of the database, also those without a rule
  std::filesystem::path directory;             // of the files
  WallTime loaded;                             // when the files were read
};

// The rules with what operators said about them.
[[nodiscard]] std::vector<LoadedRule> apply_overrides(std::vector<match::Rule> rules,
                                                      std::span<const store::RuleOverride> overrides);

// Compiles what is not disabled; nothing left is a matcher that never hits. Slow; any thread. `invalid` names
// the rule's file and line.
[[nodiscard]] Result<std::unique_ptr<match::Matcher>> compile_rules(std::span<const LoadedRule> rules);

// Gives `set` the counters of its rules, once its matcher and rules are there. Control thread.
void give_counters(RuleSet& set, metrics::Counters& counters);

// A set and what one thread needs to scan with it. The members' order matters: the scratch goes first.
struct RulesInHand {
  explicit RulesInHand(std::shared_ptr<const RuleSet> rules)
      : set(std::move(rules)), scratch(set->matcher->new_scratch()) {}
  std::shared_ptr<const RuleSet> set;
  std::unique_ptr<match::Matcher::Scratch> scratch;
};

// Where the control thread leaves new rules for one worker, who takes them between two batches. All memory is
// taken and freed by the control thread, but for the words (match/head_words.h) that unfinished heads of TCP
// connections are followed by: a worker frees them with the last such head.
class RuleSlot {
 public:
  // Control thread. Rules that were offered before and not taken yet are never used.
  void offer(RulesInHand rules);
  // Control thread: whether what was offered last has been taken by `deadline`; frees what came back for it.
  [[nodiscard]] bool wait_until_taken(Instant deadline);
  // Worker: exchanges `rules` for what is offered. True: it did. One atomic load when nothing is.
  bool take(RulesInHand& rules);

 private:
  std::atomic<bool> offered_{false};
  std::mutex mutex_;
  std::condition_variable taken_;
  std::optional<RulesInHand> next_;  // once taken: what the worker had before
};

}  // namespace sipward::shield
