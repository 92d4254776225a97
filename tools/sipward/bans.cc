// sipward bans: who is kept out, and for how long.
#include <unistd.h>

#include <iostream>
#include <memory>

#include "arguments.h"
#include "base/duration.h"
#include "commands.h"
#include "fields.h"
#include "text.h"

namespace sipward::cli {
namespace {

using nlohmann::json;

struct BanOptions {
  unsigned limit = 1000;
  std::string net;
  std::string duration = "24h";
  bool permanent = false;
  std::string reason;
  std::string origin;
  bool yes = false;
};

std::string left_text(const json& ban) {
  const json& left = field(ban, "left_ms");
  if (left.is_number())
    return format_duration(std::chrono::milliseconds(std::max<std::int64_t>(left.get<std::int64_t>(), 0)));
  const std::string expires = text_of(ban, "expires");
  return expires.empty() ? "permanent" : time_left(expires, wall_now());
}

std::string ban_line(const json& ban) {
  const std::string rule = text_of(ban, "rule");
  return safe(fmt::format("{} ({}{}, {}, {})", text_of(ban, "net"), text_of(ban, "reason"),
                          rule.empty() ? "" : ", rule " + rule, text_of(ban, "origin"),
                          left_text(ban) == "permanent" ? "permanent" : left_text(ban) + " left"));
}

Result<ExitCode> list_bans(Session& session, const BanOptions& options) {
  const auto reply = session.call("BansList", {{"limit", options.limit}});
  if (!reply) return tl::unexpected(reply.error());
  if (session.out.as_json()) {
    session.out.print_json(*reply);
    return kOk;
  }
  Table table({{"address"}, {"reason"}, {"rule"}, {"left", true}, {"dropped", true}, {"origin"}});
  for (const json& ban : list_of(*reply, "bans"))
    table.add({text_of(ban, "net"), text_of(ban, "reason"), text_of(ban, "rule"), left_text(ban),
               field(ban, "dropped").is_number() ? count(number_of(ban, "dropped")) : "-",
               text_of(ban, "origin")});
  if (table.empty()) {
    session.out.note("nobody is banned");
    return kOk;
  }
  session.out.print(table.render(session.out));
  const auto shown = static_cast<std::int64_t>(list_of(*reply, "bans").size());
  if (number_of(*reply, "total") > shown)
    session.out.note(fmt::format("the newest {} of {}; all of them: sipward bans list --limit 0",
                                 count(shown), count(number_of(*reply, "total"))));
  return kOk;
}

Result<ExitCode> add_ban(Session& session, const BanOptions& options) {
  const json for_ms = options.permanent ? json(nullptr) : duration_ms(options.duration);
  const auto reply =
      session.call("BansAdd", {{"net", options.net}, {"for_ms", for_ms}, {"reason", options.reason}});
  if (!reply) return tl::unexpected(reply.error());
  if (session.out.as_json())
    session.out.print_json(*reply);
  else
    session.out.print(fmt::format("{} {}\n",
                                  flag_of(*reply, "extended") ? "was banned already, now" : "banned",
                                  ban_line(field(*reply, "ban"))));
  return kOk;
}

Result<ExitCode> remove_ban(Session& session, const BanOptions& options) {
  const auto reply = session.call("BansRemove", {{"net", options.net}});
  if (!reply) return tl::unexpected(reply.error());
  if (list_of(*reply, "removed").empty())
    return fail(ErrorKind::not_found, "{} is not banned", options.net);
  if (session.out.as_json()) {
    session.out.print_json(*reply);
    return kOk;
  }
  std::string text;
  for (const json& ban : list_of(*reply, "removed")) text += fmt::format("removed {}\n", ban_line(ban));
  session.out.print(text);
  return kOk;
}

// Asks on a terminal; without one only --yes will do, so that no script empties the list by accident.
Result<bool> confirm_flush(Session& session, const BanOptions& options) {
  if (options.yes) return true;
  if (::isatty(STDIN_FILENO) != 1)
    return fail(ErrorKind::invalid, "bans flush lifts many bans at once: confirm with --yes");
  const auto reply = session.call("BansList", {{"limit", 1}});
  if (!reply) return tl::unexpected(reply.error());
  session.disconnect();
  fmt::print(stderr, "Lift {} of {} bans? [y/N] ",
             options.origin.empty() ? "all" : "the '" + options.origin + "' ones",
             count(number_of(*reply, "total")));
  std::string answer;
  std::getline(std::cin, answer);
  return answer == "y" || answer == "Y" || answer == "yes";
}

Result<ExitCode> flush_bans(Session& session, const BanOptions& options) {
  const auto confirmed = confirm_flush(session, options);
  if (!confirmed) return tl::unexpected(confirmed.error());
  if (!*confirmed) {
    session.out.note("nothing was changed");
    return kFailure;
  }
  const auto reply = session.call("BansFlush", {{"origin", options.origin}});
  if (!reply) return tl::unexpected(reply.error());
  if (session.out.as_json())
    session.out.print_json(*reply);
  else
    session.out.print(fmt::format("removed {} bans\n", count(number_of(*reply, "removed"))));
  return kOk;
}

using Action = Result<ExitCode> (*)(Session&, const BanOptions&);

CLI::App* declare(CLI::App& bans, Run& run, const std::shared_ptr<BanOptions>& options, const char* name,
                  const char* summary, Action action) {
  CLI::App* command = bans.add_subcommand(name, summary);
  command->callback([&run, options, action] {
    run = [options, action](Session& session) { return action(session, *options); };
  });
  return command;
}

void add_net(CLI::App& command, BanOptions& options, const char* summary) {
  command.add_option("net", options.net, summary)->required()->transform(is_net())->option_text("NET");
}

}  // namespace

void add_bans(CLI::App& app, Run& run) {
  const auto options = std::make_shared<BanOptions>();
  CLI::App* bans = app.add_subcommand("bans", "Who is kept out");
  bans->require_subcommand(1);

  CLI::App* list = declare(*bans, run, options, "list", "The bans, newest first", list_bans);
  list->add_option("--limit", options->limit, "How many (default 1000; 0: all)")->option_text("N");

  CLI::App* add = declare(*bans, run, options, "add", "Ban an address or net", add_ban);
  add_net(*add, *options, "Address or net: 192.0.2.9, 192.0.2.0/24, 2001:db8::/64");
  CLI::Option* duration = add->add_option("--for", options->duration, "How long (default 24h)");
  duration->check(is_duration())->option_text("DURATION");
  add->add_flag("--permanent", options->permanent, "For ever")->excludes(duration);
  add->add_option("--reason", options->reason, "Why, for those who look later")
      ->check(is_printable())
      ->option_text("TEXT");

  CLI::App* remove =
      declare(*bans, run, options, "remove", "Lift every ban inside an address or net", remove_ban);
  add_net(*remove, *options, "Address or net");

  CLI::App* flush = declare(*bans, run, options, "flush", "Lift all bans", flush_bans);
  flush->add_option("--origin", options->origin, "Only those of: auto (the shield), cli (people)")
      ->check(CLI::IsMember({"auto", "cli"}))
      ->option_text("auto|cli");
  flush->add_flag("--yes", options->yes, "Do not ask");
}

}  // namespace sipward::cli
