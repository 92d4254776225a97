#include "rulebook.h"

#include <algorithm>
#include <future>

#include "config/settings_table.h"
#include "match/rule_file.h"

namespace sipward::shield {
namespace {

constexpr auto kMeanwhile = std::chrono::milliseconds(200);
// A worker takes new rules after the batch at hand, which is a matter of microseconds.
constexpr auto kTakeMax = std::chrono::seconds(2);

// Everything of a reload that is slow or can be wrong.
struct Draft {
  config::Settings settings;
  std::vector<LoadedRule> rules;
  std::unique_ptr<match::Matcher> matcher;
};

Result<Draft> make_draft(const SettingsLoader& load, const std::vector<store::RuleOverride>& overrides) {
  // A file that cannot be read is as wrong as one with mistakes: nobody asked for something that is not
  // there.
  auto settings = load();
  if (!settings) return tl::unexpected(Error{ErrorKind::invalid, settings.error().text});
  auto rules = match::load_rules(settings->paths.rules);
  if (!rules) return tl::unexpected(Error{ErrorKind::invalid, rules.error().text});
  auto loaded = apply_overrides(std::move(*rules), overrides);
  auto matcher = compile_rules(loaded);
  if (!matcher) return tl::unexpected(matcher.error());
  return Draft{std::move(*settings), std::move(loaded), std::move(*matcher)};
}

// What is new may contradict what stays until a restart.
Result<void> check_together(const config::Settings& settings) {
  for (const config::CrossCheck& rule : config::cross_checks())
    if (const std::string problem = rule.check(settings); !problem.empty())
      return fail(ErrorKind::invalid, "without a restart: {}", problem);
  return {};
}

// Each setting that is not as it was, in the order of the file.
Reloaded compare(const config::Settings& before, const config::Settings& file,
                 const config::Settings& in_force) {
  Reloaded changes;
  for (const config::Setting& setting : config::settings_table()) {
    const std::string wanted = setting.print(file);
    if (setting.print(before) == wanted) continue;
    (setting.print(in_force) == wanted ? changes.applied : changes.needs_restart).push_back(setting.name());
  }
  return changes;
}

}  // namespace

void take_over(config::Settings& in_force, const config::Settings& fresh) {
  in_force.policy = fresh.policy;
  in_force.shield.udp_ports = fresh.shield.udp_ports;
  in_force.shield.tcp_ports = fresh.shield.tcp_ports;
  in_force.shield.tls_ports = fresh.shield.tls_ports;
  in_force.shield.ws_ports = fresh.shield.ws_ports;
  in_force.shield.protected_nets = fresh.shield.protected_nets;
  in_force.shield.on_stop = fresh.shield.on_stop;
  const auto sources_max = in_force.guard.sources_max;  // the size of a set
  in_force.guard = fresh.guard;
  in_force.guard.sources_max = sources_max;
  in_force.paths.rules = fresh.paths.rules;
  in_force.log_level = fresh.log_level;
}

enforce::ShieldTableOptions table_options(const config::Settings& settings) {
  enforce::ShieldTableOptions options;
  options.udp_ports = settings.shield.udp_ports;
  options.tcp_ports = settings.shield.tcp_ports;
  options.encrypted_ports = settings.shield.tls_ports;
  for (const std::uint16_t port : settings.shield.ws_ports)
    if (std::ranges::find(options.encrypted_ports, port) == options.encrypted_ports.end())
      options.encrypted_ports.push_back(port);
  options.protected_nets = settings.shield.protected_nets;
  options.source_rate_per_s = settings.guard.source_rate_per_s;
  options.source_burst = settings.guard.source_burst;
  options.unknown_rate_per_s = settings.guard.unknown_rate_per_s;
  options.unknown_burst = settings.guard.unknown_burst;
  options.known_rate_per_s = settings.guard.known_rate_per_s;
  options.known_burst = settings.guard.known_burst;
  options.tcp_flows_address = settings.policy.unknown_allowance.flows.address;
  options.tcp_flows_prefix = settings.policy.unknown_allowance.flows.prefix;
  options.connection_rate_per_s = settings.guard.connection_rate_per_s;
  options.connection_burst = settings.guard.connection_burst;
  options.connections_max = settings.guard.connections_max;
  options.sources_max = settings.guard.sources_max;
  options.known_max = settings.known.max;
  options.bans_max = settings.bans.addresses_max;
  options.first_queue = settings.shield.first_queue;
  options.workers = settings.shield.workers;
  return options;
}

enforce::Escalation escalation_of(const decide::Policy& policy) {
  return {policy.ban_steps, policy.ban_forgive, policy.prefix_offenders};
}

Rulebook::Rulebook(Parts parts, std::shared_ptr<const RuleSet> first, config::Settings as_read,
                   SettingsLoader load, std::function<void()> meanwhile)
    : parts_(parts),
      current_(std::move(first)),
      as_read_(std::move(as_read)),
      load_(std::move(load)),
      meanwhile_(std::move(meanwhile)) {}

// Slow work in a thread of its own, so that the watchdog is fed and a deleted table is noticed meanwhile.
template <class F>
auto Rulebook::aside(F work) {
  auto result = std::async(std::launch::async, std::move(work));
  while (result.wait_for(kMeanwhile) != std::future_status::ready) meanwhile_();
  return result.get();
}

Result<Reloaded> Rulebook::reload(WallTime now) {
  auto draft = aside([this] { return make_draft(load_, current_->overrides); });
  if (!draft) return tl::unexpected(draft.error());
  config::Settings in_force = as_read_;
  take_over(in_force, draft->settings);
  if (auto fit = check_together(in_force); !fit) return tl::unexpected(fit.error());
  auto set = std::make_shared<RuleSet>();
  set->matcher = std::move(draft->matcher);
  set->policy = in_force.policy;
  set->rules = std::move(draft->rules);
  give_counters(*set, parts_.counters);
  set->overrides = current_->overrides;
  set->directory = in_force.paths.rules;
  set->loaded = now;
  auto copies = copies_of(set);
  Reloaded reloaded = compare(as_read_, draft->settings, in_force);
  // Nothing after the kernel's transaction can fail.
  if (auto done = change_kernel(draft->settings); !done) return tl::unexpected(done.error());
  reloaded.waiting = hand_out(std::move(set), std::move(copies));
  as_read_ = std::move(in_force);
  take_over(parts_.in_force, as_read_);
  parts_.enforcer.set_escalation(escalation_of(parts_.in_force.policy));
  return reloaded;
}

Result<void> Rulebook::change_kernel(const config::Settings& wanted) {
  config::Settings merged = parts_.in_force;
  take_over(merged, wanted);
  const auto options = table_options(merged);
  if (options == table_options(parts_.in_force)) return {};
  return parts_.enforcer.change(options);
}

// One for each worker.
std::vector<RulesInHand> Rulebook::copies_of(const std::shared_ptr<const RuleSet>& set) const {
  std::vector<RulesInHand> copies;
  for (std::size_t i = 0; i < parts_.workers.size(); ++i) copies.emplace_back(set);
  return copies;
}

Waiting Rulebook::hand_out(std::shared_ptr<const RuleSet> set, std::vector<RulesInHand> copies) {
  for (std::size_t i = 0; i < copies.size(); ++i) parts_.workers[i]->offer(std::move(copies[i]));
  const Instant deadline = now().steady + kTakeMax;
  Waiting waiting;
  for (std::size_t i = 0; i < parts_.workers.size(); ++i)
    if (!parts_.workers[i]->has_taken(deadline))
      waiting.push_back(static_cast<std::uint16_t>(parts_.in_force.shield.first_queue + i));
  current_ = std::move(set);
  return waiting;
}

Result<Waiting> Rulebook::put(const store::RuleOverride& override) {
  const auto is_it = [&](const LoadedRule& loaded) { return loaded.rule.id == override.rule; };
  if (std::ranges::none_of(current_->rules, is_it))
    return fail(ErrorKind::not_found, "there is no rule '{}' in {}", override.rule,
                current_->directory.string());
  auto overrides = current_->overrides;
  std::erase_if(overrides, [&](const auto& other) { return other.rule == override.rule; });
  overrides.push_back(override);
  std::ranges::sort(overrides, {}, &store::RuleOverride::rule);
  return use_overrides(std::move(overrides), [&](store::Store& store) { return store.put(override); });
}

Result<Waiting> Rulebook::remove_override(std::string_view rule) {
  auto overrides = current_->overrides;
  if (std::erase_if(overrides, [&](const auto& other) { return other.rule == rule; }) == 0)
    return fail(ErrorKind::not_found, "rule '{}' has no override", rule);
  return use_overrides(std::move(overrides),
                       [&](store::Store& store) { return store.remove_rule_override(rule); });
}

// Compiled, then stored, then in force: what can fail comes before what cannot.
Result<Waiting> Rulebook::use_overrides(std::vector<store::RuleOverride> overrides,
                                        const std::function<Result<void>(store::Store&)>& store_change) {
  std::vector<match::Rule> rules;
  for (const LoadedRule& loaded : current_->rules) rules.push_back(loaded.rule);
  auto set = std::make_shared<RuleSet>();
  set->rules = apply_overrides(std::move(rules), overrides);
  auto matcher = aside([&] { return compile_rules(set->rules); });
  if (!matcher) return tl::unexpected(matcher.error());
  set->matcher = std::move(*matcher);
  give_counters(*set, parts_.counters);
  set->policy = current_->policy;
  set->overrides = std::move(overrides);
  set->directory = current_->directory;
  set->loaded = current_->loaded;
  auto copies = copies_of(set);
  if (auto stored = parts_.keeper.with_store(store_change); !stored) return tl::unexpected(stored.error());
  return hand_out(std::move(set), std::move(copies));
}

}  // namespace sipward::shield
