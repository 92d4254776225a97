#include "replay_tally.h"

#include <fmt/chrono.h>

#include <algorithm>

#include "excerpt.h"
#include "text.h"

namespace sipward::cli {
namespace {

using nlohmann::json;

constexpr std::string_view kIndent = "    ";

std::uint64_t sum(const Counts& counts) {
  std::uint64_t total = 0;
  for (const auto& [reason, n] : counts) total += n;
  return total;
}

std::string number(std::uint64_t n) {
  return count(static_cast<std::int64_t>(n));
}

std::optional<Found> found_in(const std::optional<store::EvidenceRecord>& evidence, std::string_view rule) {
  if (!evidence || evidence->rule != rule) return std::nullopt;
  return Found{evidence->value, evidence->match_begin, evidence->match_end};
}

// "signature 3, method 20"
std::string list_of(const Counts& counts) {
  std::string text;
  for (const auto& [reason, n] : counts)
    text += fmt::format("{}{} {}", text.empty() ? "" : ", ", reason, number(n));
  return text;
}

json time_or_null(std::optional<WallTime> time) {
  return time ? json(iso(*time)) : json(nullptr);
}

}  // namespace

std::string iso(WallTime time) {
  const auto seconds = std::chrono::floor<std::chrono::seconds>(time);
  return fmt::format("{:%FT%T}.{:03d}Z", fmt::gmtime(std::chrono::system_clock::to_time_t(seconds)),
                     (time - seconds).count());
}

json fragments_json(const packet::FragmentCounters& fragments) {
  return {{"completed", fragments.completed},     {"joined", fragments.joined},
          {"duplicates", fragments.duplicates},   {"broken", fragments.broken},
          {"overlapping", fragments.overlapping}, {"contradicting", fragments.contradicting},
          {"timed_out", fragments.timed_out},     {"evicted", fragments.evicted}};
}

void Tally::add(const Sighting& sighting, const sip::Message& message, const Verdict& verdict) {
  if (verdict.ignored) {
    ++ignored_[static_cast<std::size_t>(*verdict.ignored)];
    return;
  }
  ++(verdict.dropped ? dropped_ : passed_)[verdict.reason];
  const bool is_request = message.kind() == sip::Kind::request;
  SourceTally& source = sources_[sighting.datagram.source];
  ++source.packets;
  if (is_request) ++source.requests;
  if (verdict.dropped) {
    ++source.dropped;
    if (is_request) ++source.requests_dropped;
    ++source.reasons[verdict.reason];
    if (source.rule.empty()) source.rule = verdict.rule;
  }
  if (verdict.banned && !source.banned_at) source.banned_at = sighting.time;
  add_hits(sighting, message, verdict);
}

void Tally::add_hits(const Sighting& sighting, const sip::Message& message, const Verdict& verdict) {
  for (const std::uint32_t index : verdict.hits) {
    const std::string& id = judge_.rules()[index].id;
    RuleTally& rule = rules_[index];
    ++rule.hits;
    if (verdict.dropped && verdict.rule == id) ++rule.dropped;
    rule.sources.insert(sighting.datagram.source);
    if (rule.first) continue;
    auto found = found_in(verdict.evidence, id);
    if (!found) found = judge_.find(index, message);
    rule.first = FirstHit{sighting.time, sighting.datagram.source, found.value_or(Found{})};
  }
}

std::uint64_t Tally::passed() const {
  return sum(passed_);
}

std::uint64_t Tally::dropped() const {
  return sum(dropped_);
}

IgnoredCounts Tally::ignored(const Input& input) const {
  IgnoredCounts counts = input.ignored();
  for (std::size_t i = 0; i < kIgnored; ++i) counts[i] += ignored_[i];
  return counts;
}

std::vector<const Tally::Row*> Tally::top(std::size_t sources_max) const {
  std::vector<const Row*> rows;
  for (const Row& row : sources_) rows.push_back(&row);
  std::ranges::stable_sort(rows, [](const Row* one, const Row* other) {
    return std::pair(one->second.dropped, one->second.packets) >
           std::pair(other->second.dropped, other->second.packets);
  });
  if (sources_max > 0 && rows.size() > sources_max) rows.resize(sources_max);
  return rows;
}

std::string Tally::render(const Output& out, const Input& input, std::size_t sources_max) const {
  std::string text = packets_block(out, input);
  if (offered() == 0) return text;
  text += "\n" + sources_block(out, sources_max);
  const std::string rules = rules_block(out);
  return rules.empty() ? text : text + "\n" + rules;
}

std::string Tally::packets_block(const Output& out, const Input& input) const {
  const auto captured = static_cast<std::int64_t>(input.frames());
  Table table({{"packets"}, {"", true}, {"of captured", true}});
  const auto add = [&](std::string name, std::uint64_t n, Paint paint = Paint::plain) {
    const auto shown = static_cast<std::int64_t>(n);
    table.add({{std::move(name), paint}, {count(shown), paint}, percent(shown, captured)});
  };
  const auto add_reasons = [&](const char* name, const Counts& counts, Paint paint) {
    add(name, sum(counts), paint);
    for (const auto& [reason, n] : counts) add(fmt::format("    {}", reason), n);
  };
  add("captured", input.frames());
  add("offered", offered(), Paint::bold);
  add_reasons("  passed", passed_, Paint::plain);
  add_reasons("  dropped", dropped_, dropped() > 0 ? Paint::bad : Paint::plain);
  add("ignored", input.frames() - offered());
  const IgnoredCounts others = ignored(input);
  for (std::size_t i = 0; i < kIgnored; ++i)
    if (others[i] > 0) add(fmt::format("    {}", describe(static_cast<Ignored>(i))), others[i]);
  return table.render(out);
}

std::string Tally::sources_block(const Output& out, std::size_t sources_max) const {
  Table table({{"source"},
               {"packets", true},
               {"requests", true},
               {"passed", true},
               {"dropped", true},
               {"reasons"},
               {"rule"},
               {"banned from"}});
  for (const Row* row : top(sources_max)) {
    const SourceTally& source = row->second;
    table.add({row->first.to_string(), number(source.packets), number(source.requests),
               number(source.packets - source.dropped), number(source.dropped), list_of(source.reasons),
               source.rule, source.banned_at ? iso(*source.banned_at) : ""});
  }
  const std::size_t left_out =
      sources_max == 0 ? 0 : sources_.size() - std::min(sources_.size(), sources_max);
  return table.render(out) + (left_out > 0 ? fmt::format("and {} more sources\n", number(left_out)) : "");
}

std::string Tally::rules_block(const Output& out) const {
  Table table({{"rule"}, {"action"}, {"hits", true}, {"dropped", true}, {"sources", true}});
  std::string matches;
  for (std::size_t i = 0; i < rules_.size(); ++i) {
    const RuleTally& tally = rules_[i];
    if (tally.hits == 0) continue;
    const match::Rule& rule = judge_.rules()[i];
    table.add({rule.id, std::string(match::to_string(rule.action)), number(tally.hits), number(tally.dropped),
               number(tally.sources.size())});
    const FirstHit& first = *tally.first;
    matches +=
        fmt::format("{}: first by {} at {}\n", safe(rule.id), first.source.to_string(), iso(first.time));
    matches += render_excerpt(out, first.found.value, {first.found.value, first.found.begin, first.found.end},
                              kIndent);
  }
  return table.empty() ? "" : table.render(out) + "\n" + matches;
}

json Tally::to_json(const Input& input, std::size_t sources_max) const {
  json sources = json::array();
  for (const Row* row : top(sources_max)) {
    const SourceTally& source = row->second;
    sources.push_back({{"address", row->first.to_string()},
                       {"packets", source.packets},
                       {"requests", source.requests},
                       {"requests_dropped", source.requests_dropped},
                       {"passed", source.packets - source.dropped},
                       {"dropped", source.dropped},
                       {"reasons", source.reasons},
                       {"rule", source.rule},
                       {"banned_at", time_or_null(source.banned_at)}});
  }
  json bans = json::array();
  for (const enforce::Ban& ban : judge_.bans())
    bans.push_back({{"net", ban.net.to_string()},
                    {"reason", ban.cause->reason},
                    {"rule", ban.cause->rule},
                    {"verified", ban.cause->verified},
                    {"created", iso(ban.created)},
                    {"expires", time_or_null(ban.expires)}});
  return {{"packets", packets_json(input)},
          {"sources", sources_.size()},
          {"by_source", std::move(sources)},
          {"by_rule", rules_json()},
          {"bans", std::move(bans)}};
}

json Tally::packets_json(const Input& input) const {
  json ignored_counts = json::object();
  const IgnoredCounts others = ignored(input);
  for (std::size_t i = 0; i < kIgnored; ++i)
    ignored_counts[std::string(to_string(static_cast<Ignored>(i)))] = others[i];
  return {{"captured", input.frames()},
          {"offered", offered()},
          {"passed", passed_},
          {"dropped", dropped_},
          {"ignored", std::move(ignored_counts)}};
}

json Tally::rules_json() const {
  json rows = json::array();
  for (std::size_t i = 0; i < rules_.size(); ++i) {
    const RuleTally& tally = rules_[i];
    if (tally.hits == 0) continue;
    const FirstHit& first = *tally.first;
    rows.push_back({{"rule", judge_.rules()[i].id},
                    {"action", match::to_string(judge_.rules()[i].action)},
                    {"hits", tally.hits},
                    {"dropped", tally.dropped},
                    {"sources", tally.sources.size()},
                    {"first",
                     {{"time", iso(first.time)},
                      {"source", first.source.to_string()},
                      {"value", first.found.value},
                      {"match_begin", first.found.begin},
                      {"match_end", first.found.end}}}});
  }
  return rows;
}

}  // namespace sipward::cli
