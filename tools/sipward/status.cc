// sipward status: is the shield up, and is it whole?
#include <fmt/format.h>
#include <fmt/ranges.h>

#include "base/duration.h"
#include "commands.h"
#include "fields.h"
#include "text.h"

namespace sipward::cli {
namespace {

using nlohmann::json;

std::string running_line(const json& reply) {
  return fmt::format("sipwardd {}, pid {}, up {}", safe(text_of(reply, "version")), number_of(reply, "pid"),
                     format_duration(std::chrono::milliseconds(number_of(reply, "uptime_ms"))));
}

std::string ports_line(const json& reply) {
  const json& ports = field(reply, "ports");
  std::string line = fmt::format("udp {}, tcp {}", fmt::join(texts_of(ports, "udp"), " "),
                                 fmt::join(texts_of(ports, "tcp"), " "));
  for (const char* kind : {"tls", "ws"})
    if (const auto numbers = texts_of(ports, kind); !numbers.empty())
      line += fmt::format("; {} {}: connections limited, content not read", kind, fmt::join(numbers, " "));
  return safe(line);
}

std::string rules_line(const json& reply) {
  const json& rules = field(reply, "rules");
  const auto unless_none = [&](const char* key, const char* what) {
    const std::int64_t n = number_of(rules, key);
    return n == 0 ? std::string() : fmt::format(", {} {}", n, what);
  };
  return fmt::format("{} ({} ban, {} drop, {} score, {} log{}{}) from {}", number_of(rules, "count"),
                     number_of(rules, "ban"), number_of(rules, "drop"), number_of(rules, "score"),
                     number_of(rules, "log"), unless_none("observe", "of them observed"),
                     unless_none("disabled", "more disabled"), safe(text_of(rules, "directory")));
}

std::string conntrack_line(const json& reply) {
  const json& conntrack = field(reply, "conntrack");
  if (!conntrack.is_object()) return "not in use";
  const auto entries = number_of(conntrack, "entries");
  const auto limit = number_of(conntrack, "limit");
  return fmt::format("{} of {} entries ({})", count(entries), count(limit), percent(entries, limit));
}

std::string queues_table(const Output& out, const json& reply) {
  Table table({{"queue"}, {"class"}, {"waiting", true}, {"of", true}, {"read", true}, {"state"}},
              "            ");
  for (const json& queue : list_of(reply, "queues"))
    table.add({fmt::format("{}", number_of(queue, "number")), text_of(queue, "class"),
               count(number_of(queue, "depth")), count(number_of(queue, "length_max")),
               count(number_of(queue, "read")),
               flag_of(queue, "alive") ? Cell("alive", Paint::good) : Cell("dead", Paint::bad)});
  return table.render(out);
}

std::string store_line(const json& reply) {
  const json& store = field(reply, "store");
  std::string line = safe(text_of(store, "path"));
  if (const auto errors = number_of(store, "errors"); errors > 0)
    line += fmt::format(", {} errors", count(errors));
  if (flag_of(store, "locked"))
    line += fmt::format(", locked by another program, {} changes wait", count(number_of(store, "waiting")));
  return line;
}

std::string mode_line(const Output& out, const json& reply) {
  const json& mode = field(reply, "mode");
  const std::string name = safe(text_of(mode, "mode"));
  const std::string shown = out.paint(name == "enforce" ? Paint::good : Paint::warn, name);
  const std::string until = text_of(mode, "until");
  if (until.empty()) return shown;
  return fmt::format("{} for another {}, then {}", shown, safe(time_left(until, wall_now())),
                     safe(text_of(mode, "then")));
}

std::string problems_block(const Output& out, const json& reply) {
  std::string text;
  for (const std::string& problem : texts_of(reply, "problems"))
    text += labelled(out, text.empty() ? "problems" : "", out.paint(Paint::bad, safe(problem)));
  return text;
}

std::string render(const Output& out, const json& reply) {
  const bool is_healthy = list_of(reply, "problems").empty();
  const json& bans = field(reply, "bans");
  std::string text =
      labelled(out, "shield",
               (is_healthy ? out.paint(Paint::good, "healthy") : out.paint(Paint::bad, "degraded")) + ", " +
                   running_line(reply));
  text += labelled(out, "mode", mode_line(out, reply));
  text += labelled(out, "ports", ports_line(reply));
  text += labelled(out, "queues",
                   fmt::format("through {}, {} when full", safe(text_of(reply, "queue_target")),
                               flag_of(reply, "fail_open") ? "passing packets unread" : "dropping packets"));
  text += queues_table(out, reply);
  text += labelled(out, "rules", rules_line(reply));
  text += labelled(
      out, "bans",
      fmt::format("{} of at most {}", count(number_of(bans, "active")), count(number_of(bans, "max"))));
  text += labelled(out, "known", fmt::format("{} sources", count(number_of(field(reply, "known"), "entries"))));
  text += labelled(out, "whitelist",
                   fmt::format("{} entries", count(number_of(field(reply, "whitelist"), "entries"))));
  text +=
      labelled(out, "table",
               flag_of(field(reply, "table"), "present") ? "inet sipward is in the kernel"
                                                         : out.paint(Paint::bad, "inet sipward is missing"));
  text += labelled(out, "conntrack", conntrack_line(reply));
  text += labelled(out, "store", store_line(reply));
  return text + problems_block(out, reply);
}

Result<ExitCode> show_status(Session& session) {
  const auto reply = session.call("Status");
  if (!reply) return tl::unexpected(reply.error());
  if (session.out.as_json())
    session.out.print_json(*reply);
  else
    session.out.print(render(session.out, *reply));
  return list_of(*reply, "problems").empty() ? kOk : kFailure;
}

}  // namespace

void add_status(CLI::App& app, Run& run) {
  app.add_subcommand("status", "Is the shield up and whole? Exit code 1 when it is degraded")
      ->callback([&run] { run = show_status; });
}

}  // namespace sipward::cli
