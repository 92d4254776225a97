#include "shield.h"

#include <algorithm>

namespace sipward::shield {
namespace {

// Evidence of the same source is kept this often; the newest few stay in the database.
constexpr auto kEvidenceInterval = std::chrono::seconds(10);

std::string excerpt(std::string_view bytes) {
  return std::string(bytes.substr(0, store::kExcerptMax));
}

std::string_view top_via(const sip::Message& message) {
  const sip::Header* via = message.find(sip::HeaderName::via);
  return via ? via->value : std::string_view();
}

std::string destination_of(const packet::Datagram& datagram) {
  const bool v6 = datagram.destination.family() == Family::ipv6;
  return fmt::format("{}{}{}:{}", v6 ? "[" : "", datagram.destination.to_string(), v6 ? "]" : "",
                     datagram.destination_port);
}

// Which rule is to blame; none when the policy alone refused.
const match::Rule* blamed_rule(const decide::Evidence& evidence, const decide::Decision& decision) {
  return decision.reason == decide::Reason::signature ? evidence.hits->strongest : nullptr;
}

enforce::Cause cause_of(const decide::Evidence& evidence, const decide::Decision& decision) {
  const match::Rule* rule = blamed_rule(evidence, decision);
  const std::string reason(to_string(decision.reason));
  return {reason, rule ? rule->id : "", fmt::format("auto:{}", rule ? rule->id : reason), evidence.verified};
}

}  // namespace

Shield::Shield(const Common& common, metrics::WorkerCounters& counters, decide::SourceClass source_class,
               std::size_t sources_max)
    : common_(common),
      counters_(counters),
      source_class_(source_class),
      scratch_(common.matcher.new_scratch()),
      sources_(sources_max) {}

Outcome Shield::process(std::span<const std::byte> packet, bool verified, limit::SourceTable& sources,
                        Now now) {
  const auto datagram = packet::decode(packet);
  if (!datagram) return count({});
  limit::Source& source = sources.touch(datagram->source, now.steady);
  ++source.read;
  const bool tcp = datagram->protocol == packet::Protocol::tcp;
  return count(judge({*datagram, tcp && verified, sources, source, now}, datagram->payload));
}

Outcome Shield::judge(const Arrival& arrival, std::string_view bytes) {
  message_.read(bytes);
  // Only requests are matched: what a response says in From is our own side's words.
  const bool is_request = message_.kind() == sip::Kind::request;
  const match::Hits hits = is_request ? common_.matcher.scan(message_, *scratch_) : match::Hits{};
  count_rules(hits, arrival.now);

  const auto evidence = evidence_of(arrival, bytes, hits);
  const auto decision = decide::decide(evidence, common_.policy);
  const bool drop = decide::is_drop(decision.reason);
  const bool observed = drop && common_.observe.load(std::memory_order_relaxed);
  count_method(drop && !observed);
  if (!drop) return {decision.reason, std::nullopt, {}};

  limit::Source& source = arrival.source;
  ++source.dropped;
  source.last_drop_reason = static_cast<std::uint8_t>(decision.reason);
  if (observed && decision.ban) common_.counters.event(metrics::Event::bans_observed).add();
  Consequences consequences = consequences_of(arrival, bytes, evidence, decision, observed);
  if (consequences.ban) source.banned_until = arrival.now.steady + consequences.ban->duration;
  if (observed) return {decide::Reason::observed, decision.reason, std::move(consequences)};
  return {decision.reason, std::nullopt, std::move(consequences)};
}

decide::Evidence Shield::evidence_of(const Arrival& arrival, std::string_view bytes,
                                     const match::Hits& hits) const {
  decide::Evidence evidence;
  evidence.source_class = source_class_;
  evidence.transport =
      arrival.datagram.protocol == packet::Protocol::tcp ? decide::Transport::tcp : decide::Transport::udp;
  evidence.verified = arrival.verified;
  evidence.banned = arrival.source.banned_until > arrival.now.steady;
  evidence.empty = bytes.empty();
  evidence.message = &message_;
  evidence.hits = &hits;
  if (decide::is_refused(message_, source_class_, common_.policy))
    evidence.refused_in_window = arrival.sources.count_refused(
        arrival.source, top_via(message_), common_.policy.refuse_window, arrival.now.steady);
  return evidence;
}

void Shield::count_rules(const match::Hits& hits, Now now) {
  for (const std::uint32_t rule : hits.all) {
    metrics::RuleCounter* counter = common_.rule_counters[rule];
    if (!counter) continue;
    counter->hits.add();
    counter->last_hit_ms.set(static_cast<std::uint64_t>(now.wall.time_since_epoch().count()));
  }
}

void Shield::count_method(bool dropped) {
  if (message_.kind() != sip::Kind::request) return;
  const std::size_t method = metrics::method_index(message_.method());
  counters_.method_read[method].add();
  if (dropped) counters_.method_dropped[method].add();
}

// Every packet once.
Outcome Shield::count(Outcome outcome) {
  counters_.by_reason[static_cast<std::size_t>(outcome.reason)].add();
  if (outcome.would_drop) counters_.would_drop[static_cast<std::size_t>(*outcome.would_drop)].add();
  return outcome;
}

Consequences Shield::consequences_of(const Arrival& arrival, std::string_view bytes,
                                     const decide::Evidence& evidence, const decide::Decision& decision,
                                     bool observed) const {
  const packet::Datagram& datagram = arrival.datagram;
  limit::Source& source = arrival.source;
  const Now now = arrival.now;
  Consequences consequences;
  if (decision.ban && !observed)
    consequences.ban = BanRequest{datagram.source, cause_of(evidence, decision), *decision.ban};
  const bool due = source.evidence_at == Instant{} || now.steady - source.evidence_at >= kEvidenceInterval;
  if (decision.reason == decide::Reason::banned || (!due && !consequences.ban)) return consequences;
  source.evidence_at = now.steady;

  store::EvidenceRecord& record = consequences.evidence.emplace();
  record.time = now.wall;
  record.source = datagram.source;
  record.source_port = datagram.source_port;
  record.destination = destination_of(datagram);
  record.transport = evidence.transport == decide::Transport::tcp ? "tcp" : "udp";
  record.reason = to_string(decision.reason);
  record.verified = evidence.verified;
  record.excerpt = excerpt(bytes);
  if (const match::Rule* rule = blamed_rule(evidence, decision)) {
    const std::string_view value = evidence.hits->hit.value;
    const auto [begin, end] = common_.matcher.locate(rule->conditions.front(), value);
    record.rule = rule->id;
    record.action = match::to_string(rule->action);
    record.value = excerpt(value);
    record.match_begin = static_cast<std::uint32_t>(std::min(begin, record.value.size()));
    record.match_end = static_cast<std::uint32_t>(std::min(end, record.value.size()));
  }
  return consequences;
}

}  // namespace sipward::shield
