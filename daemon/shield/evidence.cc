#include "evidence.h"

#include <fmt/format.h>

#include <algorithm>

#include "match/scanner_tag.h"
#include "sip/name_addr.h"
#include "suspicion.h"

namespace sipward::shield {
namespace {

std::string excerpt(std::string_view bytes) {
  return std::string(bytes.substr(0, store::kExcerptMax));
}

match::Action action_of(const match::Rule* rule) {
  return rule ? rule->action : match::Action::log;
}

Blame heaviest_score(const Charge& charge, const match::Matcher& matcher) {
  Blame found;
  const match::Hits& hits = *charge.evidence.hits;
  for (const std::uint32_t index : hits.all) {
    const match::Rule& rule = matcher.rules()[index];
    if (rule.action != match::Action::score || (rule.observe && !charge.all_rules)) continue;
    if (found.rule == nullptr || rule.weight > found.rule->weight) found = {&rule, hits.places[index]};
  }
  return found;
}

// What SIPVicious wrote into its From tag, whichever rule found it out.
std::string what_the_tag_says(const Charge& charge, const packet::Datagram& datagram) {
  const sip::Header* from = charge.evidence.message->find(sip::HeaderName::from);
  if (from == nullptr) return "";
  const auto tag =
      match::read_scanner_tag(sip::parameter(sip::read_name_addr(from->value).parameters, "tag"));
  return tag ? describe(*tag, datagram.destination, datagram.destination_port) : "";
}

std::string detail_of(const Circumstances& at, const Charge& charge) {
  std::string detail = what_the_tag_says(charge, at.datagram);
  if (charge.reason != decide::Reason::score) return detail;
  if (!detail.empty()) detail += "; ";
  return detail + to_string(view_score(at.dossier.score, at.matcher, at.policy, at.now.steady), at.policy);
}

void name_rule(store::EvidenceRecord& record, const Blame& blamed, const match::Matcher& matcher) {
  const auto [begin, end] = matcher.locate(blamed.rule->conditions.front(), blamed.hit.value);
  record.rule = blamed.rule->id;
  record.action = match::to_string(blamed.rule->action);
  record.value = excerpt(blamed.hit.value);
  record.match_begin = static_cast<std::uint32_t>(std::min(begin, record.value.size()));
  record.match_end = static_cast<std::uint32_t>(std::min(end, record.value.size()));
}

}  // namespace

std::string endpoint(const Address& address, std::uint16_t port) {
  const bool v6 = address.family() == Family::ipv6;
  return fmt::format("{}{}{}:{}", v6 ? "[" : "", address.to_string(), v6 ? "]" : "", port);
}

Blame blame(const Charge& charge, const match::Matcher& matcher) {
  const match::Hits& hits = *charge.evidence.hits;
  if (charge.reason == decide::Reason::score) return heaviest_score(charge, matcher);
  if (charge.reason != decide::Reason::signature) return {};
  if (charge.all_rules && action_of(hits.observed) > action_of(hits.strongest))
    return {hits.observed, hits.observed_hit};
  return {hits.strongest, hits.hit};
}

store::EvidenceRecord make_record(const Circumstances& at, const Charge& charge, std::string_view bytes) {
  store::EvidenceRecord record;
  record.time = at.now.wall;
  record.source = at.datagram.source;
  record.source_port = at.datagram.source_port;
  record.destination = endpoint(at.datagram.destination, at.datagram.destination_port);
  record.transport = charge.evidence.transport == decide::Transport::tcp ? "tcp" : "udp";
  record.reason = to_string(charge.reason);
  record.verified = charge.evidence.verified;
  record.observed = charge.observed;
  record.detail = detail_of(at, charge);
  record.excerpt = excerpt(bytes);
  if (const Blame blamed = blame(charge, at.matcher); blamed.rule) name_rule(record, blamed, at.matcher);
  return record;
}

}  // namespace sipward::shield
