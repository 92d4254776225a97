// Rules: what is looked for, what was found, and what operators make of it.
#include <pwd.h>

#include <algorithm>

#include "log.h"
#include "notify.h"
#include "operator_calls.h"

namespace sipward::shield {
namespace {

constexpr std::size_t kCommentMax = 256;

json to_json(const store::RuleOverride& override) {
  return {{"rule", override.rule},
          {"state", override.state},
          {"comment", override.comment},
          {"created", shield::to_json(std::optional(override.created))},
          {"origin", override.origin}};
}

json to_json(const match::Condition& condition) {
  return {{"scope", match::scope_text(condition)},
          {"match", match::to_string(condition.match)},
          {"pattern", condition.pattern},
          {"case_sensitive", condition.case_sensitive}};
}

json row_of(Running& running, const LoadedRule& loaded) {
  const match::Rule& rule = loaded.rule;
  const metrics::RuleCounter* counter = running.counters.rule(rule.id);
  const std::uint64_t last_ms = counter ? counter->last_hit_ms.get() : 0;
  const auto last = last_ms == 0 ? std::nullopt : std::optional(WallTime(std::chrono::milliseconds(last_ms)));
  json row = to_json(rule.conditions.front());
  row.update({{"id", rule.id},
              {"action", match::to_string(rule.action)},
              {"weight", rule.weight},
              {"state", to_string(loaded.state)},
              {"override", loaded.override ? to_json(*loaded.override) : json(nullptr)},
              {"conditions", rule.conditions.size()},
              {"description", rule.description},
              {"source", rule.source},
              {"added", rule.added},
              {"hits", counter ? json(counter->hits.get()) : json(nullptr)},
              {"last_hit", shield::to_json(last)},
              {"file", rule.file},
              {"line", rule.line}});
  return row;
}

json details_of(Running& running, const LoadedRule& loaded) {
  json row = row_of(running, loaded);
  row["observe"] = loaded.rule.observe;
  row["all_conditions"] = json::array();
  for (const match::Condition& condition : loaded.rule.conditions)
    row["all_conditions"].push_back(to_json(condition));
  row["catches"] = loaded.rule.catches;
  row["passes"] = loaded.rule.passes;
  return row;
}

const LoadedRule* find_rule(const Running& running, std::string_view id) {
  const auto& rules = running.rulebook.current().rules;
  const auto found = std::ranges::find(rules, id, [](const LoadedRule& loaded) { return loaded.rule.id; });
  return found == rules.end() ? nullptr : &*found;
}

json rule_or_null(Running& running, std::string_view id) {
  const LoadedRule* loaded = find_rule(running, id);
  return loaded ? details_of(running, *loaded) : json(nullptr);
}

// Overrides of rules that no file has any more.
json without_rule(const Running& running) {
  json rows = json::array();
  for (const store::RuleOverride& override : running.rulebook.current().overrides)
    if (!find_rule(running, override.rule)) rows.push_back(to_json(override));
  return rows;
}

json changed(Running& running, const std::string& id, const Waiting& waiting) {
  return {{"rule", rule_or_null(running, id)}, {"changed", true}, {"waiting", waiting}};
}

// A text of several lines, as the files' errors come in.
std::vector<std::string_view> lines_of(std::string_view text) {
  std::vector<std::string_view> lines;
  while (!text.empty()) {
    const auto end = std::min(text.find('\n'), text.size());
    if (end > 0) lines.push_back(text.substr(0, end));
    text.remove_prefix(std::min(end + 1, text.size()));
  }
  return lines;
}

std::string summary_of(const Running& running, const Reloaded& reloaded) {
  const RuleSet& set = running.rulebook.current();
  std::string text = fmt::format("{} rules from {}", set.matcher->rules().size(), set.directory.string());
  if (!reloaded.applied.empty()) text += fmt::format("; changed: {}", fmt::join(reloaded.applied, ", "));
  if (!reloaded.needs_restart.empty())
    text += fmt::format("; need a restart: {}", fmt::join(reloaded.needs_restart, ", "));
  if (!reloaded.waiting.empty())
    text += fmt::format("; workers that are late: queues {}", fmt::join(reloaded.waiting, ", "));
  return text;
}

void tell_failure(Running& running, const std::string& user, const Error& error) {
  log_error("reload by {} failed, the old rules and settings stay", user);
  const auto lines = lines_of(error.text);
  for (const std::string_view line : lines) log_error("{}", line);
  running.keeper.audit({0, wall_now(), "error", user, "reload", std::string(lines.empty() ? "" : lines[0])});
}

Result<Reloaded> reload_for(Running& running, const std::string& user) {
  notify("RELOADING=1");
  auto reloaded = running.rulebook.reload(wall_now());
  notify("READY=1");
  if (!reloaded) {
    tell_failure(running, user, reloaded.error());
    return reloaded;
  }
  set_log_level(running.settings.log_level);
  const std::string summary = summary_of(running, *reloaded);
  log_info("reloaded by {}: {}", user, summary);
  running.keeper.audit({0, wall_now(), "general", user, "reload", summary});
  return reloaded;
}

Result<std::string> id_parameter(const json& parameters) {
  return text_parameter(parameters, "id", std::nullopt);
}

}  // namespace

Result<json> list_rules(Running& running, const json&) {
  const RuleSet& set = running.rulebook.current();
  json rows = json::array();
  for (const LoadedRule& loaded : set.rules) rows.push_back(row_of(running, loaded));
  return json{{"rules", rows},
              {"without_rule", without_rule(running)},
              {"directory", set.directory.string()},
              {"loaded", shield::to_json(std::optional(set.loaded))},
              {"since", shield::to_json(std::optional(running.counters.since()))}};
}

Result<json> show_rule(Running& running, const json& parameters) {
  const auto id = id_parameter(parameters);
  if (!id) return tl::unexpected(id.error());
  json rule = rule_or_null(running, *id);
  if (rule.is_null())
    return fail(ErrorKind::not_found, "there is no rule '{}' in {}", *id,
                running.rulebook.current().directory.string());
  return json{{"rule", std::move(rule)}, {"since", shield::to_json(std::optional(running.counters.since()))}};
}

Result<json> override_rule(Running& running, const json& parameters, const Caller& caller) {
  const auto id = id_parameter(parameters);
  const auto state = text_parameter(parameters, "state", std::nullopt);
  const auto comment = text_parameter(parameters, "comment", "");
  if (!id) return tl::unexpected(id.error());
  if (!state) return tl::unexpected(state.error());
  if (!comment) return tl::unexpected(comment.error());
  if (!rule_state(*state))
    return fail(ErrorKind::invalid, "state '{}' is none of 'enforce', 'observe', 'disabled'", *state);
  if (comment->size() > kCommentMax)
    return fail(ErrorKind::invalid, "the comment has {} bytes, at most {} are kept", comment->size(),
                kCommentMax);
  const auto waiting = running.rulebook.put({*id, *state, *comment, wall_now(), "cli:" + caller.user});
  if (!waiting) return tl::unexpected(waiting.error());
  audit(running, caller, "rules." + *state, comment->empty() ? *id : fmt::format("{} {}", *id, *comment));
  return changed(running, *id, *waiting);
}

Result<json> reset_rule(Running& running, const json& parameters, const Caller& caller) {
  const auto id = id_parameter(parameters);
  const auto only = text_parameter(parameters, "only", "");
  if (!id) return tl::unexpected(id.error());
  if (!only) return tl::unexpected(only.error());
  const auto& overrides = running.rulebook.current().overrides;
  const auto found = std::ranges::find(overrides, *id, &store::RuleOverride::rule);
  if (found == overrides.end() && !find_rule(running, *id))
    return fail(ErrorKind::not_found, "there is neither a rule nor an override '{}'", *id);
  if (found == overrides.end() || (!only->empty() && found->state != *only))
    return json{{"rule", rule_or_null(running, *id)}, {"changed", false}, {"waiting", json::array()}};
  const auto waiting = running.rulebook.remove_override(*id);
  if (!waiting) return tl::unexpected(waiting.error());
  audit(running, caller, "rules.reset", *id);
  return changed(running, *id, *waiting);
}

Result<json> reload(Running& running, const json&, const Caller& caller) {
  const auto started = now().steady;
  const auto reloaded = reload_for(running, caller.user);
  if (!reloaded) return tl::unexpected(reloaded.error());
  const RuleSet& set = running.rulebook.current();
  const auto took = std::chrono::duration_cast<std::chrono::milliseconds>(now().steady - started);
  return json{{"rules", set.matcher->rules().size()},
              {"directory", set.directory.string()},
              {"loaded", shield::to_json(std::optional(set.loaded))},
              {"applied", reloaded->applied},
              {"needs_restart", reloaded->needs_restart},
              {"without_rule", without_rule(running)},
              {"waiting", reloaded->waiting},
              {"took_ms", took.count()}};
}

void reload_for_signal(Running& running, uid_t sender) {
  const passwd* user = ::getpwuid(sender);  // the control loop alone asks for names
  (void)reload_for(running, fmt::format("{} (SIGHUP)", user ? user->pw_name : std::to_string(sender)));
}

}  // namespace sipward::shield
