#include <algorithm>

#include "limiter.h"
#include "operator_calls.h"
#include "shown_value.h"
#include "suspicion.h"

namespace sipward::shield {
namespace {

constexpr std::size_t kHistoryMax = 10;

// What a scanner's first request looks like, and a carrier's health check too.
constexpr std::string_view kOptions =
    "OPTIONS sip:example.invalid SIP/2.0\r\n"
    "Via: SIP/2.0/UDP example.invalid;branch=z9hG4bKexplain\r\n"
    "Max-Forwards: 70\r\n"
    "From: <sip:explain@example.invalid>;tag=explain\r\n"
    "To: <sip:example.invalid>\r\n"
    "Call-ID: explain@example.invalid\r\n"
    "CSeq: 1 OPTIONS\r\n"
    "Content-Length: 0\r\n\r\n";

// What a worker knows of a source.
struct Acquaintance {
  limit::SourceReport report;
  std::uint64_t read = 0;  // by all workers
  std::uint64_t dropped = 0;
  unsigned open = 0;   // transactions and dialogs
  unsigned flows = 0;  // source ports
  unsigned refused_users = 0;
};

// The latest: a source that became known has been seen by two workers.
std::optional<Acquaintance> find_source(Running& running, const Address& address, Instant now) {
  const limit::UserLimits limits = user_limits_of(running.settings.policy);
  std::optional<Acquaintance> latest;
  std::uint64_t read = 0;
  std::uint64_t dropped = 0;
  for (const auto& worker : running.workers) {
    worker->shield().accounts().with([&](limit::Accounts& accounts) {
      auto report = accounts.sources.report(address);
      if (!report) return;
      read += report->source.read();
      dropped += report->source.dropped();
      if (latest && latest->report.last_seen >= report->last_seen) return;
      latest = Acquaintance{.report = *std::move(report),
                            .open = accounts.transactions.open_of(address),
                            .flows = accounts.flows.of(address),
                            .refused_users = accounts.users.refused_users(address, limits, now)};
    });
  }
  if (latest) {
    latest->read = read;
    latest->dropped = dropped;
  }
  return latest;
}

json offences_of(const Acquaintance& known, const decide::Policy& policy, Instant now) {
  const limit::Dossier dossier = known.report.dossier.value_or(limit::Dossier());
  const auto excess = std::chrono::duration_cast<std::chrono::seconds>(dossier.excess.length(now));
  return {{"refused_credentials", dossier.credentials.count(policy.offence_window, now)},
          {"refused_credentials_max", policy.refused_credentials_max},
          {"unknown_targets", dossier.targets.count(policy.offence_window, now)},
          {"unknown_targets_max", policy.unknown_targets_max},
          {"refused_users", known.refused_users},
          {"refused_users_max", policy.known_refused_users_max},
          {"over_rate", dossier.excess.is_alive(now)},
          {"over_rate_s", excess.count()}};
}

json counters_of(const std::optional<Acquaintance>& known, const RuleSet& rules, Now time) {
  if (!known) return nullptr;
  const limit::SourceReport& report = known->report;
  const auto wall = [&](Instant at) {
    return to_json(
        std::optional(time.wall - std::chrono::duration_cast<std::chrono::milliseconds>(time.steady - at)));
  };
  const limit::Source& source = report.source;
  const limit::Dossier dossier = report.dossier.value_or(limit::Dossier());
  const auto reason = static_cast<decide::Reason>(source.last_drop_reason());
  const ScoreView score = view_score(dossier.score, *rules.matcher, rules.policy, time.steady);
  return {{"score", static_cast<std::int64_t>(score.score)},
          {"score_with_observed", static_cast<std::int64_t>(score.with_observed)},
          {"score_ban_at", rules.policy.score_ban_at},
          {"score_rules", score.rules},
          {"offences", offences_of(*known, rules.policy, time.steady)},
          {"open", known->open},
          {"flows", known->flows},
          {"read", known->read},
          {"passed", known->read - known->dropped},
          {"dropped", known->dropped},
          {"reason", source.dropped() > 0 ? std::string(to_string(reason)) : ""},
          {"first_seen", wall(source.first_seen())},
          {"last_seen", wall(report.last_seen)}};
}

json to_json(const store::EvidenceRecord& record) {
  const ShownValue value = show_value(record.value, record.match_begin, record.match_end);
  return {{"time", shield::to_json(std::optional(record.time))},
          {"rule", record.rule},
          {"reason", record.reason},
          {"action", record.action},
          {"transport", record.transport},
          {"source_port", record.source_port},
          {"destination", record.destination},
          {"verified", record.verified},
          {"observed", record.observed},
          {"detail", record.detail},
          {"excerpt", show_value(record.excerpt).text},
          {"value", value.text},
          {"match_begin", value.begin},
          {"match_end", value.end}};
}

json to_json(const store::EndedBan& ended) {
  return {{"created", shield::to_json(std::optional(ended.ban.created))},
          {"ended", shield::to_json(std::optional(ended.ended))},
          {"reason", ended.ban.reason},
          {"rule", ended.ban.rule},
          {"end", ended.how}};
}

json verdict(std::string_view word, std::string_view reason, std::string text) {
  return {{"verdict", word}, {"reason", reason}, {"text", std::move(text)}};
}

decide::SourceClass class_of(std::string_view name) {
  for (const auto c : {decide::SourceClass::peer, decide::SourceClass::known})
    if (name == decide::to_string(c)) return c;
  return decide::SourceClass::unknown;
}

// Asks the same function that judges packets.
json judge_options(Running& running, const std::string& source_class, bool banned,
                   const std::optional<Acquaintance>& source) {
  if (source_class == "trusted")
    return verdict("pass", "trusted", "passes unread: the source is whitelisted as trusted");
  if (banned && !running.mode.observe())
    return verdict("drop", "banned", "dropped in the kernel: the source is banned");
  sip::Message message;
  message.read(kOptions);
  const match::Hits none;
  decide::Evidence evidence;
  evidence.source_class = class_of(source_class);
  evidence.message = &message;
  evidence.hits = &none;
  evidence.refused_in_window = (source && source->report.dossier ? source->report.dossier->refused : 0) + 1;
  const auto decision = decide::decide(evidence, running.settings.policy);
  const bool drop = decide::is_drop(decision.reason);
  if (drop && running.mode.observe())
    return verdict("pass", "observed",
                   fmt::format("passes in mode observe; otherwise dropped: {}", describe(decision.reason)));
  return verdict(drop ? "drop" : "pass", to_string(decision.reason), std::string(describe(decision.reason)));
}

json advice(const std::string& address, const std::string& source_class,
            const std::optional<enforce::Ban>& ban) {
  json lines = json::array();
  if (ban) lines.push_back(fmt::format("to lift the ban: sipward bans remove {}", ban->net.to_string()));
  if (source_class == "known")
    lines.push_back(fmt::format("to treat it like any stranger again: sipward known forget {}", address));
  if (source_class == "unknown" || source_class == "known") {
    lines.push_back(
        fmt::format("to let everything of it pass: sipward whitelist add {} --comment WHO", address));
    lines.push_back(fmt::format(
        "to read it but never ban it: sipward whitelist add {} --class peer --comment WHO", address));
  }
  if (!ban && (source_class == "unknown" || source_class == "known"))
    lines.push_back(fmt::format("to ban it: sipward bans add {} --for 24h --reason WHY", address));
  return lines;
}

json ban_of(Running& running, const std::optional<enforce::Ban>& ban, WallTime time) {
  if (!ban) return nullptr;
  const auto element = running.enforcer.in_kernel(ban->net);
  const auto dropped = element ? element->packets : std::nullopt;
  json row = shield::to_json(*ban, time, dropped);
  row["packets"] = row["dropped"];
  row["in_kernel"] = element.has_value() || (!ban->net.is_host() && !ban->is_of_prefix());
  return row;
}

}  // namespace

Result<json> explain(Running& running, const json& parameters) {
  const auto address = address_parameter(parameters);
  if (!address) return tl::unexpected(address.error());
  const Now time = now();
  const auto entries = entries_covering(running.enforcer.whitelist(), *address, time.wall);
  // The kernel asks for trusted before peer, so a trusted net wins over a peer inside it.
  const bool trusted =
      std::ranges::any_of(entries, [](const auto& entry) { return entry.source_class == "trusted"; });
  const auto known = running.enforcer.find_known(*address);
  const std::string source_class = trusted            ? "trusted"
                                   : !entries.empty() ? "peer"
                                   : known            ? "known"
                                                      : "unknown";
  const auto ban = running.enforcer.covering(*address);
  const auto source = find_source(running, *address, time.steady);

  json reply{{"address", address->to_string()}, {"class", source_class},
             {"whitelist", json::array()},      {"known", known ? shield::to_json(*known) : json()},
             {"evidence", json::array()},       {"history", json::array()}};
  for (const store::WhitelistEntry& entry : entries) reply["whitelist"].push_back(shield::to_json(entry));
  reply["ban"] = ban_of(running, ban, time.wall);
  const auto evidence = running.keeper.with_store(
      [&](store::Store& store) { return store.evidence(*address, store::kEvidencePerSource); });
  if (!evidence) return tl::unexpected(evidence.error());  // who waits for the store waits once
  const auto history = running.keeper.with_store(
      [&](store::Store& store) { return store.ban_history(*address, kHistoryMax); });
  if (!history) return tl::unexpected(history.error());
  for (const store::EvidenceRecord& record : *evidence) reply["evidence"].push_back(to_json(record));
  for (const store::EndedBan& ended : *history) reply["history"].push_back(to_json(ended));
  reply["counters"] = counters_of(source, running.rulebook.current(), time);
  reply["new_options"] = judge_options(running, source_class, ban.has_value(), source);
  reply["advice"] = advice(address->to_string(), source_class, ban);
  return reply;
}

}  // namespace sipward::shield
