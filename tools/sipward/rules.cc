// sipward rules: what is looked for, and what was found.
#include "commands.h"
#include "fields.h"
#include "text.h"

namespace sipward::cli {
namespace {

using nlohmann::json;

Result<ExitCode> list_rules(Session& session) {
  const auto reply = session.call("RulesList");
  if (!reply) return tl::unexpected(reply.error());
  if (session.out.as_json()) {
    session.out.print_json(*reply);
    return kOk;
  }
  const WallTime now = wall_now();
  Table table({{"id"}, {"action"}, {"scope"}, {"match"}, {"hits", true}, {"last hit"}, {"pattern"}});
  for (const json& rule : list_of(*reply, "rules")) {
    const std::string last_hit = text_of(rule, "last_hit");
    table.add({text_of(rule, "id"), text_of(rule, "action"), text_of(rule, "scope"), text_of(rule, "match"),
               count(number_of(rule, "hits")), last_hit.empty() ? "never" : relative(last_hit, now),
               text_of(rule, "pattern")});
  }
  if (table.empty())
    session.out.note("no rules are loaded");
  else
    session.out.print(table.render(session.out));
  return kOk;
}

}  // namespace

void add_rules(CLI::App& app, Run& run) {
  CLI::App* command = app.add_subcommand("rules", "The signatures that are matched");
  command->require_subcommand(1);
  command->add_subcommand("list", "Every rule with its hits since the daemon started")->callback([&run] {
    run = list_rules;
  });
}

}  // namespace sipward::cli
