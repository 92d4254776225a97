#include "replay_judge.h"

#include <algorithm>

namespace sipward::cli {
namespace {

constexpr std::size_t kListedBytes = std::size_t{8} << 20U;  // for peers and known sources

bool has(const std::vector<std::uint16_t>& ports, std::uint16_t port) {
  return std::ranges::find(ports, port) != ports.end();
}

Verdict passed_unread() {
  Verdict verdict;
  verdict.reason = "trusted";
  return verdict;
}

Verdict dropped_in_kernel(const enforce::Ban& ban) {
  Verdict verdict;
  verdict.dropped = true;
  verdict.reason = to_string(decide::Reason::banned);
  verdict.rule = ban.cause->rule;
  return verdict;
}

}  // namespace

Result<std::unique_ptr<Judge>> Judge::make(const config::Settings& settings, std::vector<match::Rule> rules,
                                           std::vector<Whitelisted> whitelist) {
  auto counters = metrics::Counters::in_memory();
  if (!counters) return tl::unexpected(counters.error());
  auto set = std::make_shared<shield::RuleSet>();
  set->rules = shield::apply_overrides(std::move(rules), {});
  auto matcher = shield::compile_rules(set->rules);
  if (!matcher) return tl::unexpected(matcher.error());
  set->matcher = *std::move(matcher);
  // Counters of its own: the daemon's have room for so many rules and no more.
  std::vector<metrics::RuleCounter> hits(set->matcher->rules().size());
  for (metrics::RuleCounter& counter : hits) set->counters.push_back(&counter);
  set->policy = settings.policy;
  return std::unique_ptr<Judge>(
      new Judge(settings, std::move(set), std::move(hits), *std::move(counters), std::move(whitelist)));
}

Judge::Judge(const config::Settings& settings, std::shared_ptr<const shield::RuleSet> rules,
             std::vector<metrics::RuleCounter> hits, metrics::Counters counters,
             std::vector<Whitelisted> whitelist)
    : settings_(settings),
      counters_(std::move(counters)),
      set_(std::move(rules)),
      hits_(std::move(hits)),
      hits_before_(hits_.size()),
      whitelist_(std::move(whitelist)),
      common_{counters_, observe_, commons_},
      unknown_(common_, shield::RulesInHand(set_), counters_.worker(0), decide::SourceClass::unknown,
               std::size_t{settings_.limits.memory_mib} << 20U),
      known_(common_, shield::RulesInHand(set_), counters_.worker(1), decide::SourceClass::known,
             kListedBytes),
      peers_(common_, shield::RulesInHand(set_), counters_.worker(2), decide::SourceClass::peer,
             kListedBytes),
      scratch_(set_->matcher->new_scratch()),
      ledger_(settings_.bans.addresses_max) {}

// In the order of the kernel's chains gate and triage.
Verdict Judge::judge(const Sighting& sighting) {
  Verdict verdict;
  verdict.ignored = out_of_scope(sighting.datagram);
  if (verdict.ignored) {
    hear(sighting);
    return verdict;
  }
  const Address& source = sighting.datagram.source;
  const Whitelisted* entry = whitelisted(source);
  if (entry) return entry->trusted ? passed_unread() : read(sighting, peers_);
  ledger_.expire(sighting.now.wall);
  if (const enforce::Ban* ban = ledger_.covering(source)) return dropped_in_kernel(*ban);
  return read(sighting, shield_of(source, sighting.now.wall));
}

// Neither trusted nor a peer.
shield::Shield& Judge::shield_of(const Address& source, WallTime now) {
  const auto it = known_until_.find(source);
  return it != known_until_.end() && it->second > now ? known_ : unknown_;
}

// What the softswitch sends, where the capture has it too: the shield learns from it who is known.
void Judge::hear(const Sighting& sighting) {
  const packet::Datagram& datagram = sighting.datagram;
  const bool udp = datagram.protocol == packet::Protocol::udp;
  if (!has(udp ? settings_.shield.udp_ports : settings_.shield.tcp_ports, datagram.source_port)) return;
  if (whitelisted(datagram.destination)) return;
  shield::Shield& shield = shield_of(datagram.destination, sighting.now.wall);
  shield.accounts().with([&](limit::Accounts& accounts) {
    shield.hear({.packet = sighting.bytes}, accounts, sighting.now,
                [&](const shield::Consequences& consequences) { carry_out(consequences, sighting.now); });
  });
}

void Judge::carry_out(const shield::Consequences& consequences, Now now) {
  for (const auto* wanted : {&consequences.ban, &consequences.prefix_ban})
    if (*wanted) ban(**wanted, now);
  if (!consequences.known) return;
  WallTime& until = known_until_[consequences.known->source];
  until = std::max(until, consequences.known->until);
}

std::optional<Ignored> Judge::out_of_scope(const packet::Datagram& datagram) const {
  const auto& shield = settings_.shield;
  const bool udp = datagram.protocol == packet::Protocol::udp;
  if (!has(udp ? shield.udp_ports : shield.tcp_ports, datagram.destination_port)) return Ignored::other_port;
  const auto holds = [&](const Prefix& net) { return net.contains(datagram.destination); };
  if (!shield.protected_nets.empty() && std::ranges::none_of(shield.protected_nets, holds))
    return Ignored::unprotected;
  return std::nullopt;
}

// Trusted comes before peer, as in the kernel, whichever net is narrower.
const Whitelisted* Judge::whitelisted(const Address& source) {
  const auto [known, fresh] = listed_.try_emplace(source, nullptr);
  if (!fresh) return known->second;
  for (const Whitelisted& entry : whitelist_)
    if (entry.net.contains(source) && (!known->second || entry.trusted)) known->second = &entry;
  return known->second;
}

Verdict Judge::read(const Sighting& sighting, shield::Shield& shield) {
  shield::Outcome outcome = shield.accounts().with([&](limit::Accounts& accounts) {
    // The daemon keeps evidence of a source every few seconds; here each packet's is wanted.
    const limit::Source& source = accounts.sources.touch(sighting.datagram.source, sighting.now.steady);
    if (limit::Dossier* dossier = accounts.sources.find_dossier(source)) dossier->evidence_at = Instant{};
    return shield.process({.packet = sighting.bytes, .verified = sighting.verified}, accounts, sighting.now);
  });
  Verdict verdict;
  verdict.dropped = decide::is_drop(outcome.reason);
  verdict.reason = to_string(outcome.reason);
  if (outcome.would_drop) verdict.would_drop = to_string(*outcome.would_drop);
  verdict.hits = take_hits();
  verdict.evidence = std::move(outcome.consequences.evidence);
  if (verdict.evidence) verdict.rule = verdict.evidence->rule;
  verdict.banned = outcome.consequences.ban.has_value();
  carry_out(outcome.consequences, sighting.now);
  return verdict;
}

std::optional<Found> Judge::find(std::uint32_t rule, const sip::Message& message) {
  const match::Hits hits = set_->matcher->scan(message, *scratch_);
  if (std::ranges::find(hits.all, rule) == hits.all.end()) return std::nullopt;
  const std::string_view value = hits.places[rule].value;
  const auto [begin, end] = set_->matcher->locate(rules()[rule].conditions.front(), value);
  return Found{std::string(value), begin, end};
}

std::vector<std::uint32_t> Judge::take_hits() {
  std::vector<std::uint32_t> hits;
  for (std::uint32_t i = 0; i < hits_before_.size(); ++i) {
    const std::uint64_t now = hits_[i].hits.get();
    if (std::exchange(hits_before_[i], now) != now) hits.push_back(i);
  }
  return hits;
}

void Judge::ban(const shield::BanRequest& request, Now now) {
  const Prefix& host = request.net;
  ledger_.put(host, request.cause, now.wall, now.wall + request.duration);
  if (const enforce::Ban* made = ledger_.find(host)) bans_.push_back(*made);
}

}  // namespace sipward::cli
