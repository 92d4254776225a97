#include "shield.h"

#include <algorithm>
#include <utility>

#include "answer.h"
#include "sip/header_values.h"
#include "sip/start_line.h"
#include "suspicion.h"

namespace sipward::shield {
namespace {

// Evidence of the same source is kept this often; the newest few stay in the database.
constexpr auto kEvidenceInterval = std::chrono::seconds(10);

// A head of merged datagrams is read again for each line in it that looks like a request's. Who writes heads
// full of such lines gets no more of our time than this many readings of all bytes.
constexpr std::size_t kReadingsMax = 8;

// How much of `bytes` was read to find out what `message` is.
std::size_t size_read(const sip::Message& message, std::string_view bytes) {
  if (message.kind() != sip::Kind::request) return message.start_line().size();
  const char* body = message.body().data();
  return body ? static_cast<std::size_t>(body - bytes.data()) : bytes.size();
}

std::string_view top_via(const sip::Message& message) {
  const sip::Header* via = message.find(sip::HeaderName::via);
  return via ? via->value : std::string_view();
}

enforce::Cause cause_of(const decide::Evidence& evidence, const decide::Decision& decision,
                        const match::Matcher& matcher) {
  const match::Rule* rule = blame({evidence, decision.reason}, matcher).rule;
  const std::string reason(to_string(decision.reason));
  const bool by_rule = rule != nullptr && decision.reason == decide::Reason::signature;
  return {reason, rule ? rule->id : "", fmt::format("auto:{}", by_rule ? rule->id : reason),
          decision.verified};
}

}  // namespace

Shield::Shield(const Common& common, RulesInHand rules, metrics::WorkerCounters& counters,
               decide::SourceClass source_class, std::size_t sources_bytes)
    : common_(common),
      counters_(counters),
      source_class_(source_class),
      rules_(std::move(rules)),
      streams_(common.streams),
      accounts_(sources_bytes) {}

limit::Dossier& Shield::dossier_of(const Arrival& arrival) {
  return arrival.accounts.sources.dossier(arrival.source, arrival.now.steady);
}

void Shield::take_new_rules() {
  new_rules_.take(rules_);
}

Outcome Shield::process(const Incoming& incoming, limit::Accounts& accounts, Now now) {
  const auto datagram = packet::decode(incoming.packet, incoming.cut);
  if (!datagram) return count({});
  limit::Source& source = accounts.sources.touch(datagram->source, now.steady);
  source.count_read();
  const limit::Allowance& allowance = allowance_of(source_class_, rules_.set->policy);
  const bool flood = !accounts.sources.charge_packet(source, allowance, now.steady);
  const bool tcp = datagram->protocol == packet::Protocol::tcp;
  // One bad message must not end the connection that a peer's other calls use too: it passes, and a counter
  // tells.
  const bool observed =
      common_.observe.load(std::memory_order_relaxed) || (tcp && source_class_ == decide::SourceClass::peer);
  const Arrival arrival{*datagram, tcp && incoming.verified, observed, flood, accounts, source, now};
  if (tcp) return count(judge_segment(arrival, incoming.cut));
  return count(incoming.merged ? judge_train(arrival) : judge(arrival, datagram->payload));
}

// Of several messages in one packet the first that would be dropped is told; what is learned from any stays.
void Shield::take_over(Outcome& outcome, Outcome judged) {
  Consequences& earlier = outcome.consequences;
  if (outcome.would_drop) {
    if (!earlier.known) earlier.known = std::move(judged.consequences.known);
    return;
  }
  if (earlier.evidence) judged.consequences.evidence = std::move(earlier.evidence);
  if (earlier.known) judged.consequences.known = std::move(earlier.known);
  outcome = std::move(judged);
}

Outcome Shield::judge_train(const Arrival& arrival) {
  const std::string_view train = arrival.datagram.payload;
  Outcome outcome = judge(arrival, train);
  if (decide::is_drop(outcome.reason)) return outcome;
  std::size_t left = kReadingsMax * train.size();
  for (std::size_t at = 0;;) {
    at = sip::find_request_line(train, std::min(train.find('\n', at), train.size()));
    if (at == std::string_view::npos) return outcome;
    Outcome judged = judge(arrival, train.substr(at));
    if (decide::is_drop(judged.reason)) return judged;
    take_over(outcome, std::move(judged));
    const std::size_t size = size_read(message_, train.substr(at));
    if (size > left) {
      decide::Decision too_costly;
      too_costly.reason = decide::Reason::malformed;
      return refuse(arrival, train, evidence_of(arrival, train, {}), too_costly);
    }
    left -= size;
  }
}

Outcome Shield::judge_segment(const Arrival& arrival, bool cut) {
  Outcome outcome = judge(arrival, {});  // as a segment without bytes: is its source served at all?
  if (decide::is_drop(outcome.reason)) return outcome;
  const bool lenient = arrival.observed || !rules_.set->policy.drop_not_sip;
  stream::Segment segment =
      streams_.take({arrival.datagram, arrival.verified, lenient, cut}, arrival.now.steady);
  while (const auto item = segment.next()) {
    Outcome judged = judge(arrival, item->bytes);
    if (decide::is_drop(judged.reason)) {
      end(arrival, segment, judged);
      count_streams(segment.trouble());
      return judged;
    }
    take_over(outcome, std::move(judged));
  }
  auto early = judge_unfinished(arrival, segment);
  count_streams(segment.trouble());
  if (early) return std::move(*early);
  const bool readable = segment.trouble() == stream::Trouble::none;
  return readable || (lenient && !arrival.observed) ? std::move(outcome) : refuse_segment(arrival, segment);
}

std::optional<Outcome> Shield::judge_unfinished(const Arrival& arrival, stream::Segment& segment) {
  const std::string_view head = arrival.observed ? std::string_view() : segment.unfinished();
  if (head.empty()) return std::nullopt;
  const match::Matcher& matcher = *rules_.set->matcher;
  if (!segment.companion())
    if (std::shared_ptr<match::Matcher::Trail> made = matcher.new_trail()) segment.keep(made, made->memory());
  if (segment.trouble() != stream::Trouble::none) return std::nullopt;
  auto* trail = static_cast<match::Matcher::Trail*>(segment.companion());
  const std::string_view headers = head.substr(0, trail ? matcher.follow(*trail, head, *rules_.scratch) : 0);
  message_.read(headers);
  if (message_.kind() != sip::Kind::request) return std::nullopt;
  const match::Rule* rule = matcher.scan(message_, *rules_.scratch).strongest;
  if (!rule || (rule->action != match::Action::ban && rule->action != match::Action::drop))
    return std::nullopt;
  Outcome judged = judge(arrival, headers);
  end(arrival, segment, judged);
  return judged;
}

// Bytes that cannot be read must not reach a softswitch that might find a message in them.
Outcome Shield::refuse_segment(const Arrival& arrival, stream::Segment& segment) {
  const bool not_sip = segment.trouble() == stream::Trouble::not_sip;
  decide::Decision decision;
  decision.reason = not_sip ? decide::Reason::not_sip : decide::Reason::tcp_stream;
  const std::string_view bytes = arrival.datagram.payload;
  message_.read({});  // the last message's bytes may be gone
  Outcome outcome = refuse(arrival, bytes, evidence_of(arrival, bytes, {}), decision);
  if (outcome.consequences.evidence) outcome.consequences.evidence->value = to_string(segment.trouble());
  if (!arrival.observed && ends_connection(segment.trouble())) end(arrival, segment, outcome);
  return outcome;
}

void Shield::end(const Arrival& arrival, stream::Segment& segment, Outcome& outcome) {
  segment.end();
  const packet::Datagram& datagram = arrival.datagram;
  // Numbers that may be forged are not to be believed: a RST with them would end nothing, or the wrong thing.
  if (!arrival.verified || !datagram.tcp.ack) return;
  outcome.consequences.reset = inject::TcpReset{.client = {datagram.source, datagram.source_port},
                                                .server = {datagram.destination, datagram.destination_port},
                                                .server_expects = segment.expected(),
                                                .client_expects = datagram.tcp.acknowledgment};
}

Outcome Shield::judge(const Arrival& arrival, std::string_view bytes) {
  message_.read(bytes);
  // Only requests are matched: what a response says in From is our own side's words.
  const bool is_request = message_.kind() == sip::Kind::request;
  const match::Hits hits = is_request ? rules_.set->matcher->scan(message_, *rules_.scratch) : match::Hits{};
  count_rules(hits, arrival.now);

  auto evidence = evidence_of(arrival, bytes, hits);
  const bool charged = hits.scores && charge_score(dossier_of(arrival), *rules_.set->matcher,
                                                   rules_.set->policy, evidence, arrival.now.steady);
  if (charged && !evidence.verified) dossier_of(arrival).doubted_at = arrival.now.steady;
  const auto decision = charge(arrival, evidence, decide::decide(evidence, rules_.set->policy));
  // What one of its users sends too much must not end the connection that a known source's others use too.
  if (source_class_ == decide::SourceClass::known && evidence.transport == decide::Transport::tcp &&
      decide::is_limit(decision.reason) && !arrival.observed) {
    Arrival observed = arrival;
    observed.observed = true;
    return refuse(observed, bytes, evidence, decision);
  }
  const bool drop = decide::is_drop(decision.reason);
  if (!drop) note_response();
  count_method(drop && !arrival.observed);
  if (drop) return refuse(arrival, bytes, evidence, decision);
  Outcome outcome = charged || decision.would_drop ? suspect(arrival, bytes, evidence, decision)
                                                   : Outcome{decision.reason, std::nullopt, {}};
  if (source_class_ != decide::SourceClass::peer)
    outcome.consequences.known =
        note_dialog(arrival.datagram, message_, source_class_, arrival.source, arrival.accounts,
                    common_.commons.proofs, rules_.set->policy, arrival.now);
  return outcome;
}

decide::Decision Shield::charge(const Arrival& arrival, const decide::Evidence& evidence,
                                const decide::Decision& decision) const {
  // What a TCP segment brings is charged message by message.
  const bool segment = evidence.empty && evidence.transport == decide::Transport::tcp;
  if (decide::is_drop(decision.reason) || segment) return decision;
  const Claim claim{arrival.datagram, message_, arrival.source, source_class_, evidence.verified};
  const decide::Policy& policy = rules_.set->policy;
  const auto over = limiter_.charge(claim, {arrival.accounts, common_.commons, policy}, arrival.now.steady);
  if (!over) return decision;
  decide::Evidence charged = evidence;
  charged.doubted |= arrival.source.sent_unproven();  // that used up what this one lacks
  return decide::decide_excess(*over, charged, policy);
}

Outcome Shield::refuse(const Arrival& arrival, std::string_view bytes, const decide::Evidence& evidence,
                       const decide::Decision& decision) {
  if (arrival.observed)
    note_observed_ban(arrival, decision.ban);
  else
    arrival.source.count_dropped(static_cast<std::uint8_t>(decision.reason));
  Consequences consequences = consequences_of(arrival, bytes, evidence, decision, arrival.observed);
  if (const auto& ban = consequences.ban)
    dossier_of(arrival).ban(ban->duration, ban->cause.verified, arrival.now.steady);
  if (arrival.observed) return {decide::Reason::observed, decision.reason, std::move(consequences)};
  return {decision.reason, std::nullopt, std::move(consequences)};
}

// It passes, though rules that only observe speak against it, or its source's score rose.
Outcome Shield::suspect(const Arrival& arrival, std::string_view bytes, const decide::Evidence& evidence,
                        const decide::Decision& decision) {
  note_observed_ban(arrival, decision.would_ban);
  const bool observed = decision.would_drop.has_value();
  const Charge charge{evidence, decision.would_drop.value_or(decide::Reason::score), observed, true};
  Consequences consequences;
  if (is_evidence_due(arrival)) consequences.evidence = keep(arrival, bytes, charge);
  if (observed) return {decide::Reason::observed, decision.would_drop, std::move(consequences)};
  return {decision.reason, std::nullopt, std::move(consequences)};
}

// Once for each ban there would be, as in earnest: then the kernel drops what follows.
void Shield::note_observed_ban(const Arrival& arrival, std::optional<std::chrono::milliseconds> ban) {
  if (!ban || dossier_of(arrival).observed_ban_until > arrival.now.steady) return;
  dossier_of(arrival).observed_ban_until = arrival.now.steady + *ban;
  common_.counters.event(metrics::Event::bans_observed).add();
}

decide::Evidence Shield::evidence_of(const Arrival& arrival, std::string_view bytes,
                                     const match::Hits& hits) const {
  decide::Evidence evidence;
  evidence.source_class = source_class_;
  evidence.transport =
      arrival.datagram.protocol == packet::Protocol::tcp ? decide::Transport::tcp : decide::Transport::udp;
  const limit::Dossier* dossier = arrival.accounts.sources.find_dossier(arrival.source);
  evidence.proven = Limiter::is_proof(message_, arrival.datagram.source, common_.commons.proofs);
  evidence.verified = arrival.verified || evidence.proven;
  evidence.astray = goes_astray(message_, arrival.datagram.source);
  evidence.banned = dossier && dossier->is_banned(arrival.now.steady);
  evidence.doubted = dossier && dossier->is_doubted(rules_.set->policy.score_half_life, arrival.now.steady);
  evidence.flood = arrival.flood;
  evidence.empty = bytes.empty();
  evidence.message = &message_;
  evidence.hits = &hits;
  if (decide::is_refused(message_, source_class_, rules_.set->policy)) {
    evidence.refused_in_window = arrival.accounts.sources.count_refused(
        dossier_of(arrival), top_via(message_), rules_.set->policy.refuse_window, arrival.now.steady);
    if (!evidence.verified) dossier_of(arrival).doubted_at = arrival.now.steady;
  }
  return evidence;
}

void Shield::note_response() const {
  if (source_class_ != decide::SourceClass::peer) note_relayed(message_, common_.commons.relayed);
}

void Shield::count_rules(const match::Hits& hits, Now now) {
  for (const std::uint32_t rule : hits.all) {
    metrics::RuleCounter* counter = rules_.set->counters[rule];
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

void Shield::count_streams(stream::Trouble trouble) {
  const stream::ConnectionTable& table = streams_.table();
  counters_.tcp_connections.set(table.size());
  counters_.tcp_bytes.set(table.bytes());
  counters_.tcp_evictions.add(table.evictions() - evictions_counted_);
  evictions_counted_ = table.evictions();
  counters_.tcp_trouble[static_cast<std::size_t>(trouble)].add();
}

void Shield::count(metrics::Learning learning, std::uint64_t n) {
  counters_.learnings[static_cast<std::size_t>(learning)].add(n);
}

void Shield::count_forgotten(const limit::Accounts& accounts) {
  using metrics::Learning;
  const std::array<std::pair<Learning, std::uint64_t>, 4> totals{
      {{Learning::sources_forgotten, accounts.sources.evictions()},
       {Learning::prefixes_forgotten, accounts.sources.prefix_evictions()},
       {Learning::dossiers_forgotten, accounts.sources.dossier_evictions()},
       {Learning::not_counted, accounts.not_counted}}};
  for (std::size_t i = 0; i < totals.size(); ++i) {
    const auto [learning, total] = totals[i];
    count(learning, total - std::exchange(forgotten_counted_[i], total));
  }
}

void Shield::hear(const Incoming& copy, limit::Accounts& accounts, Now now,
                  const std::function<void(Consequences)>& take) {
  const auto datagram = packet::decode(copy.packet, copy.cut);
  if (!datagram || !accounts.sources.find(datagram->destination)) return;
  limit::Source& source = accounts.sources.touch(datagram->destination, now.steady);
  read_answers(*datagram, message_, [&](const Answer& answer) {
    count(metrics::Learning::answers, 1);
    if (answer.bye)
      return accounts.transactions.end_dialog(datagram->destination, answer.call_id, now.steady);
    const bool relayed = common_.commons.relayed.holds(answer.call_id, answer.cseq);
    Finding finding = weigh({*datagram, answer, source, source_class_, relayed}, accounts, common_.commons,
                            rules_.set->policy, now);
    if (finding.counted) count(*finding.counted, 1);
    if (finding.ban || finding.prefix_ban)
      take_ban(finding, accounts.sources.dossier(source, now.steady), now);
    take({std::move(finding.ban), std::move(finding.prefix_ban), std::move(finding.known), std::nullopt,
          std::move(finding.evidence)});
  });
}

// The worker drops what follows at once, the kernel a moment later. Where nothing is enforced: once for each
// ban that there would be.
void Shield::take_ban(Finding& finding, limit::Dossier& dossier, Now now) {
  const bool observe = common_.observe.load(std::memory_order_relaxed);
  const bool again = observe && dossier.observed_ban_until > now.steady;
  if (finding.ban && !observe) dossier.ban(finding.ban->duration, finding.ban->cause.verified, now.steady);
  if (finding.ban && observe && !again) dossier.observed_ban_until = now.steady + finding.ban->duration;
  if (!observe) return;
  finding.ban.reset();
  finding.prefix_ban.reset();
  finding.evidence->observed = true;
  if (again) return finding.evidence.reset();
  common_.counters.event(metrics::Event::bans_observed).add();
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
  Consequences consequences;
  if (decision.ban && !observed)
    consequences.ban = BanRequest{arrival.datagram.source, cause_of(evidence, decision, *rules_.set->matcher),
                                  *decision.ban};
  if (decision.reason != decide::Reason::banned && (consequences.ban || is_evidence_due(arrival)))
    consequences.evidence = keep(arrival, bytes, {evidence, decision.reason, observed});
  return consequences;
}

bool Shield::is_evidence_due(const Arrival& arrival) {
  const Instant last = dossier_of(arrival).evidence_at;
  return last == Instant{} || arrival.now.steady - last >= kEvidenceInterval;
}

store::EvidenceRecord Shield::keep(const Arrival& arrival, std::string_view bytes,
                                   const Charge& charge) const {
  dossier_of(arrival).evidence_at = arrival.now.steady;
  return make_record(
      {arrival.datagram, dossier_of(arrival), *rules_.set->matcher, rules_.set->policy, arrival.now}, charge,
      bytes);
}

}  // namespace sipward::shield
