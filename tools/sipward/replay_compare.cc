#include "replay_compare.h"

#include <algorithm>

#include "config/settings_file.h"
#include "fields.h"
#include "match/rule_file.h"
#include "replay_message.h"
#include "replay_tally.h"
#include "text.h"

namespace sipward::cli {
namespace {

using nlohmann::json;

bool same(const Verdict& one, const Verdict& other) {
  return one.ignored == other.ignored && one.word() == other.word() && one.reason == other.reason &&
         one.rule == other.rule && one.would_drop == other.would_drop;
}

Result<std::vector<Whitelisted>> ask_whitelist(Session& session) {
  const auto reply = session.call("WhitelistList");
  if (!reply) return tl::unexpected(reply.error());
  std::vector<Whitelisted> entries;
  for (const json& entry : list_of(*reply, "entries")) {
    const auto net = Prefix::parse(text_of(entry, "net"));
    if (!net) return tl::unexpected(net.error());
    const bool peer = text_of(entry, "class") == "peer";
    entries.push_back({*net, !peer});
  }
  return entries;
}

std::string number(std::uint64_t n) {
  return cli::count(static_cast<std::int64_t>(n));
}

}  // namespace

Result<RunningShield> ask_running(Session& session) {
  const auto reply = session.call("Effective");
  if (!reply) return tl::unexpected(reply.error());
  auto settings = config::parse_settings(text_of(*reply, "settings"), "settings of the running shield");
  if (!settings) return tl::unexpected(settings.error());
  auto rules = match::parse_rules(text_of(*reply, "rules"), "rules of the running shield");
  if (!rules) return tl::unexpected(rules.error());
  auto whitelist = ask_whitelist(session);
  if (!whitelist) return tl::unexpected(whitelist.error());
  return RunningShield{*std::move(settings), *std::move(rules), *std::move(whitelist)};
}

// A change that touches every packet of a day's capture must not fill the memory: the rest is only counted.
constexpr std::size_t kDifferencesKept = 100'000;

void Comparison::add(const Sighting& sighting, const sip::Message& message, const Verdict& running,
                     const Verdict& trial) {
  count(running, running_, &Hits::first);
  count(trial, trial_, &Hits::second);
  if (same(running, trial)) return;
  if (running.dropped == trial.dropped)
    ++otherwise_;
  else
    ++(trial.dropped ? newly_dropped_ : newly_passed_);
  if (differences_.size() >= kDifferencesKept) return;
  differences_.push_back(
      {message_json(sighting, message, trial),
       verdict_json(running),
       {iso(sighting.time), endpoint(sighting.datagram.source, sighting.datagram.source_port),
        verdict_text(running), verdict_text(trial), summary(sighting, message)}});
}

void Comparison::count(const Verdict& verdict, const Judge& judge, std::uint64_t Hits::*side) {
  for (const std::uint32_t rule : verdict.hits) ++(hits_[judge.rules()[rule].id].*side);
}

std::map<std::string, Comparison::Hits> Comparison::different_hits() const {
  std::map<std::string, Hits> different;
  for (const auto& [rule, hits] : hits_)
    if (hits.first != hits.second) different.emplace(rule, hits);
  return different;
}

std::string Comparison::render(const Output& out, std::size_t rows_max) const {
  std::string text = fmt::format(
      "compared with the running shield: {} packets newly dropped, {} newly passed, {} for another reason\n",
      number(newly_dropped_), number(newly_passed_), number(otherwise_));
  Table rules({{"rule"}, {"hits running", true}, {"hits here", true}});
  for (const auto& [rule, hits] : different_hits())
    rules.add({rule, number(hits.first), number(hits.second)});
  if (!rules.empty()) text += "\n" + rules.render(out);
  Table packets({{"time"}, {"source"}, {"running"}, {"here"}, {"message"}});
  const std::size_t rows = rows_max == 0 ? differences_.size() : std::min(rows_max, differences_.size());
  for (std::size_t i = 0; i < rows; ++i)
    packets.add(std::vector<Cell>(differences_[i].cells.begin(), differences_[i].cells.end()));
  if (!packets.empty()) text += "\n" + packets.render(out);
  if (rows < differences_.size()) text += fmt::format("and {} more\n", number(differences_.size() - rows));
  return text;
}

json Comparison::to_json() const {
  json packets = json::array();
  for (const Difference& difference : differences_) {
    json row = difference.packet;
    row["running"] = difference.running;
    packets.push_back(std::move(row));
  }
  json rules = json::array();
  for (const auto& [rule, hits] : different_hits())
    rules.push_back({{"rule", rule}, {"hits_running", hits.first}, {"hits", hits.second}});
  return {{"newly_dropped", newly_dropped_},
          {"newly_passed", newly_passed_},
          {"other_reason", otherwise_},
          {"by_rule", std::move(rules)},
          {"packets", std::move(packets)}};
}

}  // namespace sipward::cli
