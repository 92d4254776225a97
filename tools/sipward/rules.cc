// sipward rules: what is looked for, what was found, and which rules are acted upon.
#include <filesystem>
#include <memory>

#include "arguments.h"
#include "base/duration.h"
#include "commands.h"
#include "fields.h"
#include "rules_file.h"
#include "text.h"

namespace sipward::cli {
namespace {

using nlohmann::json;

// While the daemon compiles rules it answers nobody else.
constexpr auto kCompileMax = std::chrono::minutes(2);

struct RuleOptions {
  std::string cold;
  std::string file;
  std::string id;
  std::string comment;
  RulesFileOptions test;
};

std::string action_text(const json& rule) {
  const std::string action = text_of(rule, "action");
  return action == "score" ? fmt::format("score {}", number_of(rule, "weight")) : action;
}

// The daemon counts so many rules and no more.
bool is_counted(const json& rule) {
  return field(rule, "hits").is_number();
}

std::string hits_text(const json& rule) {
  return is_counted(rule) ? count(number_of(rule, "hits")) : "-";
}

std::string last_hit_text(const json& rule, WallTime now) {
  if (!is_counted(rule)) return "not counted";
  const std::string last_hit = text_of(rule, "last_hit");
  return last_hit.empty() ? "never" : relative(last_hit, now);
}

// Who said so: "file", or the override's origin.
std::string origin_text(const json& rule) {
  const std::string origin = text_of(field(rule, "override"), "origin");
  return origin.empty() ? "file" : origin;
}

Paint state_paint(const std::string& state) {
  if (state == "disabled") return Paint::bad;
  return state == "observe" ? Paint::warn : Paint::plain;
}

// What is not counted is not known to be cold.
bool may_have_hit_since(const json& rule, WallTime time) {
  const auto last_hit = parse_iso(text_of(rule, "last_hit"));
  return !is_counted(rule) || (last_hit && *last_hit >= time);
}

bool is_of_file(const json& rule, const std::string& file) {
  const std::filesystem::path path(text_of(rule, "file"));
  return path == file || path.filename() == file;
}

// Keeps the rows that the options ask for. `since`: the beginning of what --cold asks about.
void keep_wanted(json& reply, const RuleOptions& options, std::optional<WallTime> since) {
  json wanted = json::array();
  for (const json& rule : list_of(reply, "rules"))
    if ((options.file.empty() || is_of_file(rule, options.file)) &&
        !(since && may_have_hit_since(rule, *since)))
      wanted.push_back(rule);
  reply["rules"] = std::move(wanted);
}

void note_leftovers(const Session& session, const json& reply) {
  for (const json& override : list_of(reply, "without_rule"))
    session.out.note(fmt::format("{}: {} by {}, but no such rule is loaded; sipward rules reset {}",
                                 text_of(override, "rule"), text_of(override, "state"),
                                 text_of(override, "origin"), text_of(override, "rule")));
}

// Whether the change waits for a worker somewhere; says so.
bool waiting_noted(const Session& session, const json& reply) {
  for (const std::string& queue : texts_of(reply, "waiting"))
    session.out.note(
        fmt::format("the worker of queue {} has not taken the new rules yet; it will before its "
                    "next packet",
                    queue));
  return !list_of(reply, "waiting").empty();
}

Table rule_table(const json& reply, WallTime now) {
  Table table({{"id"},
               {"state"},
               {"set by"},
               {"action"},
               {"scope"},
               {"match"},
               {"hits", true},
               {"last hit"},
               {"pattern"}});
  for (const json& rule : list_of(reply, "rules")) {
    const std::string state = text_of(rule, "state");
    table.add({text_of(rule, "id"), Cell(state, state_paint(state)), origin_text(rule), action_text(rule),
               text_of(rule, "scope"), text_of(rule, "match"), hits_text(rule), last_hit_text(rule, now),
               text_of(rule, "pattern")});
  }
  return table;
}

Result<ExitCode> list_rules(Session& session, const RuleOptions& options) {
  auto reply = session.call("RulesList");
  if (!reply) return tl::unexpected(reply.error());
  const WallTime now = wall_now();
  std::optional<WallTime> since;
  if (!options.cold.empty()) since = now - parse_duration(options.cold).value();
  keep_wanted(*reply, options, since);
  if (session.out.as_json()) {
    session.out.print_json(*reply);
    return kOk;
  }
  const Table table = rule_table(*reply, now);
  if (table.empty())
    session.out.note(options.cold.empty() && options.file.empty() ? "no rules are loaded"
                                                                  : "no rule is like that");
  else
    session.out.print(table.render(session.out));
  const std::string counted = text_of(*reply, "since");
  if (since && parse_iso(counted).value_or(*since) > *since)
    session.out.note(
        fmt::format("hits are counted since {} only: earlier ones are not known", relative(counted, now)));
  note_leftovers(session, *reply);
  return kOk;
}

std::string quoted_list(const json& rule, const char* key) {
  std::string text;
  for (const std::string& sample : texts_of(rule, key)) text += fmt::format("    {}\n", safe(sample));
  return text;
}

std::string state_text(const json& rule) {
  const std::string state = text_of(rule, "state");
  const json& override = field(rule, "override");
  if (override.is_null()) return state + ", as its file says";
  const std::string comment = text_of(override, "comment");
  return fmt::format("{}, by {} {}{}{}", state, text_of(override, "origin"),
                     relative(text_of(override, "created"), wall_now()), comment.empty() ? "" : ": ",
                     comment);
}

std::string render_rule(const Output& out, const json& rule, const std::string& since) {
  const WallTime now = wall_now();
  std::string text;
  const auto line = [&](std::string_view label, const std::string& value) {
    if (!value.empty()) text += labelled(out, label, safe(value));
  };
  line("rule", text_of(rule, "id"));
  line("", text_of(rule, "description"));
  line("state", state_text(rule));
  line("action", action_text(rule));
  for (const json& condition : list_of(rule, "all_conditions"))
    line("looks for", fmt::format("{} {} {}{}", text_of(condition, "scope"), text_of(condition, "match"),
                                  text_of(condition, "pattern"),
                                  flag_of(condition, "case_sensitive") ? " (letter case counts)" : ""));
  line("hits", is_counted(rule) ? fmt::format("{} since {}, last {}", hits_text(rule), relative(since, now),
                                              last_hit_text(rule, now))
                                : "not counted");
  line("source", text_of(rule, "source"));
  line("added", text_of(rule, "added"));
  line("file", fmt::format("{}:{}", text_of(rule, "file"), number_of(rule, "line")));
  return text + "  catches\n" + quoted_list(rule, "catches") + "  passes\n" + quoted_list(rule, "passes");
}

Result<ExitCode> show_rule(Session& session, const RuleOptions& options) {
  const auto reply = session.call("RulesShow", {{"id", options.id}});
  if (!reply) return tl::unexpected(reply.error());
  if (session.out.as_json())
    session.out.print_json(*reply);
  else
    session.out.print(render_rule(session.out, field(*reply, "rule"), text_of(*reply, "since")));
  return kOk;
}

// What a rule is now. `otherwise`: how it is said that nothing was changed.
ExitCode tell_change(Session& session, const json& reply, const RuleOptions& options,
                     std::string_view otherwise) {
  const json& rule = field(reply, "rule");
  if (session.out.as_json())
    session.out.print_json(reply);
  else if (rule.is_null())
    session.out.print(safe(fmt::format("the override of {} is gone; no such rule is loaded", options.id)) +
                      "\n");
  else
    session.out.print(safe(fmt::format("{}{}: {}", text_of(rule, "id"),
                                       flag_of(reply, "changed") ? "" : otherwise, state_text(rule))) +
                      "\n");
  return waiting_noted(session, reply) ? kFailure : kOk;
}

Result<ExitCode> override_rule(Session& session, const RuleOptions& options, const char* state) {
  const auto reply = session.call(
      "RulesOverride", {{"id", options.id}, {"state", state}, {"comment", options.comment}}, kCompileMax);
  if (!reply) return tl::unexpected(reply.error());
  return tell_change(session, *reply, options, "");
}

Result<ExitCode> disable_rule(Session& session, const RuleOptions& options) {
  return override_rule(session, options, "disabled");
}

Result<ExitCode> observe_rule(Session& session, const RuleOptions& options) {
  return override_rule(session, options, "observe");
}

Result<ExitCode> enforce_rule(Session& session, const RuleOptions& options) {
  return override_rule(session, options, "enforce");
}

Result<ExitCode> enable_rule(Session& session, const RuleOptions& options) {
  const auto reply = session.call("RulesReset", {{"id", options.id}, {"only", "disabled"}}, kCompileMax);
  if (!reply) return tl::unexpected(reply.error());
  return tell_change(session, *reply, options, " was not disabled");
}

Result<ExitCode> reset_rule(Session& session, const RuleOptions& options) {
  const auto reply = session.call("RulesReset", {{"id", options.id}}, kCompileMax);
  if (!reply) return tl::unexpected(reply.error());
  return tell_change(session, *reply, options, " had no override");
}

Result<ExitCode> reload(Session& session) {
  const auto reply = session.call("Reload", json::object(), kCompileMax);
  if (!reply) return tl::unexpected(reply.error());
  if (session.out.as_json()) {
    session.out.print_json(*reply);
  } else {
    session.out.print(
        safe(fmt::format("reloaded {} rules from {} in {} ms", count(number_of(*reply, "rules")),
                         text_of(*reply, "directory"), number_of(*reply, "took_ms"))) +
        "\n");
    for (const std::string& name : texts_of(*reply, "applied"))
      session.out.print(safe("changed: " + name) + "\n");
    for (const std::string& name : texts_of(*reply, "needs_restart"))
      session.out.note("changed in the file, but needs a restart: " + name);
    note_leftovers(session, *reply);
  }
  return waiting_noted(session, *reply) ? kFailure : kOk;
}

using Action = Result<ExitCode> (*)(Session&, const RuleOptions&);

CLI::App* declare(CLI::App& rules, Run& run, const std::shared_ptr<RuleOptions>& options, const char* name,
                  const char* summary, Action action) {
  CLI::App* command = rules.add_subcommand(name, summary);
  command->callback([&run, options, action] {
    run = [options, action](Session& session) { return action(session, *options); };
  });
  return command;
}

void declare_change(CLI::App& rules, Run& run, const std::shared_ptr<RuleOptions>& options, const char* name,
                    const char* summary, Action action, bool has_comment) {
  CLI::App* command = declare(rules, run, options, name, summary, action);
  command->add_option("id", options->id, "The rule's id")
      ->required()
      ->check(is_printable())
      ->option_text("ID");
  if (has_comment)
    command->add_option("--comment", options->comment, "Why, for those who look later")
        ->check(is_printable())
        ->option_text("TEXT");
}

Result<ExitCode> test_rules(Session& session, const RuleOptions& options) {
  return test_rules_file(session, options.test);
}

}  // namespace

void add_rules(CLI::App& app, Run& run) {
  const auto options = std::make_shared<RuleOptions>();
  CLI::App* rules = app.add_subcommand("rules", "The signatures that are matched");
  rules->require_subcommand(1);

  CLI::App* list =
      declare(*rules, run, options, "list", "Every rule with its state and its hits", list_rules);
  list->add_option("--cold", options->cold, "Only those without a hit for so long: 30d")
      ->check(is_duration())
      ->option_text("AGE");
  list->add_option("--file", options->file, "Only those of this rule file, by its name or path")
      ->option_text("FILE");
  declare_change(*rules, run, options, "show", "All about a rule, with its samples", show_rule, false);

  declare_change(*rules, run, options, "disable", "Look for it no more", disable_rule, true);
  declare_change(*rules, run, options, "enable", "Take back a disable: by its file again", enable_rule,
                 false);
  declare_change(*rules, run, options, "observe", "Count what it hits, and do nothing else", observe_rule,
                 true);
  declare_change(*rules, run, options, "enforce", "Act on what it hits, though its file says observe",
                 enforce_rule, true);
  declare_change(*rules, run, options, "reset", "Take back what was said about it: by its file again",
                 reset_rule, false);

  CLI::App* test = declare(*rules, run, options, "test",
                           "Check a rule file or folder and run its samples; needs no daemon", test_rules);
  test->add_option("file", options->test.file, "A rule file, or a folder of *.toml")
      ->required()
      ->option_text("FILE");
  test->add_option("--message", options->test.message,
                   "Instead of the samples: which rules hit this SIP message (-: standard input)")
      ->option_text("FILE");
}

void add_reload(CLI::App& app, Run& run) {
  app.add_subcommand("reload", "Read configuration and rules again; on an error the old ones stay")
      ->callback([&run] { run = reload; });
}

}  // namespace sipward::cli
