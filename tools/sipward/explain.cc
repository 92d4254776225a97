// sipward explain: why an address is treated as it is, in the order in which the shield decides.
#include <memory>

#include "arguments.h"
#include "base/duration.h"
#include "commands.h"
#include "excerpt.h"
#include "fields.h"
#include "text.h"

namespace sipward::cli {
namespace {

using nlohmann::json;

constexpr std::string_view kIndent = "            ";

// What all blocks share.
struct View {
  const Output& out;
  const json& reply;
  WallTime now;

  [[nodiscard]] std::string ago(const json& object, const char* key) const {
    return safe(relative(text_of(object, key), now));
  }
};

std::string whitelist_block(const View& view) {
  std::string text;
  for (const json& entry : list_of(view.reply, "whitelist")) {
    const std::string comment = text_of(entry, "comment");
    const std::string expires = text_of(entry, "expires");
    text += labelled(
        view.out, text.empty() ? "whitelist" : "",
        safe(fmt::format("{} as {}, {}, by {}, added {}{}", text_of(entry, "net"), text_of(entry, "class"),
                         expires.empty() ? "for ever" : time_left(expires, view.now) + " left",
                         text_of(entry, "origin"), relative(text_of(entry, "created"), view.now),
                         comment.empty() ? "" : ": " + comment)));
  }
  return text.empty() ? labelled(view.out, "whitelist", "not in it") : text;
}

std::string known_block(const View& view) {
  const json& known = field(view.reply, "known");
  if (!known.is_object()) return "";
  return labelled(view.out, "known",
                  safe(fmt::format("since {} by {}, {} left", relative(text_of(known, "since"), view.now),
                                   text_of(known, "how"), time_left(text_of(known, "until"), view.now))));
}

std::string ban_left(const View& view, const json& ban) {
  const json& left = field(ban, "left_ms");
  if (left.is_number())
    return format_duration(std::chrono::milliseconds(std::max<std::int64_t>(left.get<std::int64_t>(), 0))) +
           " left";
  const std::string expires = text_of(ban, "expires");
  return expires.empty() ? "for ever" : safe(time_left(expires, view.now)) + " left";
}

std::string ban_block(const View& view) {
  const json& ban = field(view.reply, "ban");
  if (!ban.is_object()) return labelled(view.out, "ban", "not banned");
  const std::string rule = text_of(ban, "rule");
  const json& packets = field(ban, "packets").is_number() ? field(ban, "packets") : field(ban, "dropped");
  std::string text = labelled(
      view.out, "ban", fmt::format("{}, {}", view.out.paint(Paint::bad, "banned"), ban_left(view, ban)));
  text += labelled(view.out, "",
                   safe(fmt::format("{}: {}{}, by {}, {}", text_of(ban, "net"), text_of(ban, "reason"),
                                    rule.empty() ? "" : ", rule " + rule, text_of(ban, "origin"),
                                    relative(text_of(ban, "created"), view.now))));
  text += labelled(view.out, "",
                   flag_of(ban, "verified") ? "the source is verified: it receives what is sent to it"
                                            : "the source is not verified: the address may be forged");
  if (field(ban, "in_kernel") == false)
    text += labelled(view.out, "", view.out.paint(Paint::bad, "the kernel's set does not hold it yet"));
  if (packets.is_number())
    text += labelled(view.out, "",
                     fmt::format("{} packets dropped in the kernel", count(packets.get<std::int64_t>())));
  return text;
}

std::string evidence_entry(const View& view, const json& entry, bool is_first) {
  const std::string rule = text_of(entry, "rule");
  const std::string value = text_of(entry, "value");
  const auto index = [&entry](const char* key) {
    return static_cast<std::size_t>(std::max<std::int64_t>(number_of(entry, key), 0));
  };
  const std::string action = text_of(entry, "action");
  const std::string detail = text_of(entry, "detail");
  std::string text =
      labelled(view.out, is_first ? "evidence" : "",
               safe(fmt::format(
                   "{}: {}{}{}{}; {} from port {} to {}, {}", relative(text_of(entry, "time"), view.now),
                   flag_of(entry, "observed") ? "only observed: " : "", action.empty() ? "" : action + ", ",
                   rule.empty() ? "" : "rule " + rule + ", ", text_of(entry, "reason"),
                   text_of(entry, "transport"), number_of(entry, "source_port"),
                   text_of(entry, "destination"), flag_of(entry, "verified") ? "verified" : "not verified")));
  if (!detail.empty()) text += labelled(view.out, "", safe(detail));
  return text + render_excerpt(view.out, text_of(entry, "excerpt"),
                               {value, index("match_begin"), index("match_end")}, kIndent);
}

std::string evidence_block(const View& view) {
  std::string text;
  for (const json& entry : list_of(view.reply, "evidence")) text += evidence_entry(view, entry, text.empty());
  return text.empty() ? labelled(view.out, "evidence", "none kept") : text;
}

// What rules with action score hold against the source; nothing when they do not.
std::string score_line(const View& view, const json& counters) {
  const std::int64_t score = number_of(counters, "score_with_observed");
  if (score <= 0) return "";
  std::string rules;
  for (const std::string& rule : texts_of(counters, "score_rules"))
    rules += fmt::format("{}{}", rules.empty() ? ": " : ", ", rule);
  return labelled(view.out, "score",
                  safe(fmt::format("{} of {}{}", number_of(counters, "score"),
                                   number_of(counters, "score_ban_at"), rules)));
}

// What it holds now, and what the softswitch's answers and its rates say against it.
std::string standing_line(const View& view, const json& counters) {
  const json& offences = field(counters, "offences");
  const auto some = [&](const char* name, const char* text) {
    const std::int64_t n = number_of(offences, name);
    return n == 0 ? "" : fmt::format(", {} {} of {}", count(n), text, number_of(offences, fmt::format("{}_max", name).c_str()));
  };
  std::string text = fmt::format("{} open transactions and dialogs, {} ports", count(number_of(counters, "open")),
                                 count(number_of(counters, "flows")));
  text += some("refused_credentials", "refused credentials");
  text += some("unknown_targets", "unknown targets");
  text += some("refused_users", "users with refused credentials");
  if (flag_of(offences, "over_rate"))
    text += fmt::format(", over its rates for {} s without a pause", number_of(offences, "over_rate_s"));
  return labelled(view.out, "now", text);
}

std::string counters_block(const View& view) {
  const json& counters = field(view.reply, "counters");
  if (!counters.is_object()) return labelled(view.out, "counters", "no packet of it was read");
  const std::string reason = text_of(counters, "reason");
  return labelled(view.out, "counters",
                  fmt::format("{} read, {} passed, {} dropped{}; first seen {}, last {}",
                              count(number_of(counters, "read")), count(number_of(counters, "passed")),
                              count(number_of(counters, "dropped")),
                              reason.empty() ? "" : safe(" (last: " + reason + ")"),
                              view.ago(counters, "first_seen"), view.ago(counters, "last_seen"))) +
         standing_line(view, counters) + score_line(view, counters);
}

std::string history_block(const View& view) {
  std::string text;
  for (const json& ban : list_of(view.reply, "history")) {
    const std::string rule = text_of(ban, "rule");
    text += labelled(
        view.out, text.empty() ? "history" : "",
        safe(fmt::format("banned {} ({}{}), ended {}: {}", relative(text_of(ban, "created"), view.now),
                         text_of(ban, "reason"), rule.empty() ? "" : ", rule " + rule,
                         relative(text_of(ban, "ended"), view.now), text_of(ban, "end"))));
  }
  return text.empty() ? labelled(view.out, "history", "never banned before") : text;
}

// The protocol's words as they end a sentence; others as they are.
std::string past_tense(std::string verdict) {
  if (verdict == "drop") return "dropped";
  return verdict == "pass" ? "let through" : safe(verdict);
}

std::string verdict_block(const View& view) {
  const json& options = field(view.reply, "new_options");
  const std::string verdict = text_of(options, "verdict");
  const std::string reason = safe(text_of(options, "reason"));
  const std::string text = safe(text_of(options, "text"));
  const std::string shown = view.out.paint(verdict == "pass" ? Paint::good : Paint::bad, past_tense(verdict));
  return fmt::format("\na new OPTIONS would be: {}{}{}\n", shown,
                     reason.empty() ? "" : fmt::format(" ({})", reason),
                     text.empty() ? "" : fmt::format(", {}", text));
}

std::string advice_block(const View& view) {
  std::string text;
  for (const std::string& line : texts_of(view.reply, "advice")) text += safe(line) + "\n";
  return text.empty() ? "" : "\n" + text;
}

Result<ExitCode> explain(Session& session, const std::string& address) {
  const auto reply = session.call("Explain", {{"address", address}});
  if (!reply) return tl::unexpected(reply.error());
  if (session.out.as_json()) {
    session.out.print_json(*reply);
    return kOk;
  }
  const View view{session.out, *reply, wall_now()};
  session.out.print(
      labelled(session.out, "address",
               fmt::format("{}, {}", safe(text_of(*reply, "address")), safe(text_of(*reply, "class")))) +
      whitelist_block(view) + known_block(view) + ban_block(view) + evidence_block(view) + counters_block(view) +
      history_block(view) + verdict_block(view) + advice_block(view));
  return kOk;
}

}  // namespace

void add_explain(CLI::App& app, Run& run) {
  const auto address = std::make_shared<std::string>();
  CLI::App* command =
      app.add_subcommand("explain", "Why an address is treated as it is, with the packets that led to it");
  command->add_option("address", *address, "Address")
      ->required()
      ->transform(is_address())
      ->option_text("ADDRESS");
  command->callback(
      [&run, address] { run = [address](Session& session) { return explain(session, *address); }; });
}

}  // namespace sipward::cli
