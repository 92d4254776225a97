#include "rule_set.h"

#include <algorithm>
#include <array>
#include <utility>

namespace sipward::shield {
namespace {

constexpr std::array<std::pair<RuleState, std::string_view>, 3> kStates{
    {{RuleState::enforce, "enforce"}, {RuleState::observe, "observe"}, {RuleState::disabled, "disabled"}}};

// When operators have disabled every rule, the method policy and the bans still hold.
class NoRules : public match::Matcher {
 public:
  [[nodiscard]] std::unique_ptr<Scratch> new_scratch() const override { return std::make_unique<Scratch>(); }
  [[nodiscard]] match::Hits scan(const sip::Message&, Scratch&) const override { return {}; }
  [[nodiscard]] std::span<const match::Rule> rules() const override { return {}; }
  [[nodiscard]] std::pair<std::size_t, std::size_t> locate(const match::Condition&,
                                                           std::string_view) const override {
    return {0, 0};
  }
};

// A state that this version does not know (an older one after a newer) is no word on the rule.
RuleState state_of(const match::Rule& rule, const std::optional<store::RuleOverride>& override) {
  const RuleState by_file = rule.observe ? RuleState::observe : RuleState::enforce;
  return override ? rule_state(override->state).value_or(by_file) : by_file;
}

}  // namespace

std::string_view to_string(RuleState state) {
  return std::ranges::find(kStates, state, &decltype(kStates)::value_type::first)->second;
}

std::optional<RuleState> rule_state(std::string_view name) {
  const auto found = std::ranges::find(kStates, name, &decltype(kStates)::value_type::second);
  return found == kStates.end() ? std::nullopt : std::optional(found->first);
}

std::vector<LoadedRule> apply_overrides(std::vector<match::Rule> rules,
                                        std::span<const store::RuleOverride> overrides) {
  std::vector<LoadedRule> loaded;
  loaded.reserve(rules.size());
  for (match::Rule& rule : rules) {
    LoadedRule& made = loaded.emplace_back();
    made.rule = std::move(rule);
    const auto found = std::ranges::find(overrides, made.rule.id, &store::RuleOverride::rule);
    if (found != overrides.end()) made.override = *found;
    made.state = state_of(made.rule, made.override);
  }
  return loaded;
}

Result<std::unique_ptr<match::Matcher>> compile_rules(std::span<const LoadedRule> rules) {
  std::vector<match::Rule> wanted;
  for (const LoadedRule& loaded : rules) {
    if (loaded.state == RuleState::disabled) continue;
    wanted.push_back(loaded.rule);
    wanted.back().observe = loaded.state == RuleState::observe;
  }
  if (wanted.empty()) return std::make_unique<NoRules>();
  return match::make_hyperscan_matcher(std::move(wanted));
}

// What is looked for comes first, should there be too little room.
void give_counters(RuleSet& set, metrics::Counters& counters) {
  std::vector<std::string> ids;
  for (const match::Rule& rule : set.matcher->rules()) ids.push_back(rule.id);
  const auto looked_for = static_cast<std::ptrdiff_t>(ids.size());
  for (const LoadedRule& loaded : set.rules)
    if (loaded.state == RuleState::disabled) ids.push_back(loaded.rule.id);
  set.lease = counters.lease(ids);
  const auto all = set.lease.counters();
  set.counters.assign(all.begin(), all.begin() + looked_for);
}

void RuleSlot::offer(RulesInHand rules) {
  std::optional<RulesInHand> gone(std::move(rules));  // freed after the lock
  const std::lock_guard lock(mutex_);
  next_.swap(gone);
  offered_.store(true, std::memory_order_release);
}

bool RuleSlot::wait_until_taken(Instant deadline) {
  std::optional<RulesInHand> gone;
  std::unique_lock lock(mutex_);
  const bool taken = taken_.wait_until(lock, deadline, [this] { return !offered_.load(); });
  if (taken) next_.swap(gone);
  return taken;
}

bool RuleSlot::take(RulesInHand& rules) {
  if (!offered_.load(std::memory_order_acquire)) return false;
  {
    const std::lock_guard lock(mutex_);
    std::swap(rules, *next_);
    offered_.store(false, std::memory_order_release);
  }
  taken_.notify_one();
  return true;
}

}  // namespace sipward::shield
