#include "decide/decide.h"

#include <algorithm>

namespace sipward::decide {
namespace {

Decision plain(Reason reason) {
  return {.reason = reason, .ban = std::nullopt};
}

// Dropped, and banned: for long only what proved its address. Neither a whitelisted peer nor a known source,
// behind which many phones may be.
Decision banned_for(Reason reason, bool verified, const Evidence& evidence, const Policy& policy) {
  if (evidence.source_class != SourceClass::unknown) return plain(reason);
  return {.reason = reason,
          .ban = verified ? policy.ban_steps.front() : policy.ban_unverified,
          .verified = verified};
}

Decision passed(Reason reason, const Evidence& evidence) {
  return plain(evidence.source_class == SourceClass::peer ? Reason::peer : reason);
}

// For this message.
Decision banned(Reason reason, const Evidence& evidence, const Policy& policy) {
  return banned_for(reason, evidence.verified, evidence, policy);
}

// For what was counted, this message being the last of it.
Decision banned_by_count(Reason reason, const Evidence& evidence, const Policy& policy) {
  return banned_for(reason, evidence.verified && !evidence.doubted, evidence, policy);
}

// What the rules ask for: that of the strongest one, or what their scores add up to.
std::optional<Decision> by_rules(match::Action strongest, double score, const Evidence& evidence,
                                 const Policy& policy) {
  if (strongest == match::Action::ban) return banned(Reason::signature, evidence, policy);
  if (score >= policy.score_ban_at && evidence.source_class != SourceClass::peer)
    return banned_by_count(Reason::score, evidence, policy);
  if (strongest == match::Action::drop) return plain(Reason::signature);
  return std::nullopt;
}

match::Action action_of(const match::Rule* rule) {
  return rule ? rule->action : match::Action::log;
}

// In requests alone: what a response says in From is our own side's words.
bool is_matched(const Evidence& evidence) {
  return evidence.message->kind() == sip::Kind::request && evidence.hits &&
         (evidence.hits->strongest || evidence.hits->observed);
}

std::optional<Decision> by_enforcing_rules(const Evidence& evidence, const Policy& policy) {
  if (!is_matched(evidence)) return std::nullopt;
  return by_rules(action_of(evidence.hits->strongest), evidence.score, evidence, policy);
}

std::optional<Decision> by_all_rules(const Evidence& evidence, const Policy& policy) {
  if (!is_matched(evidence)) return std::nullopt;
  const match::Hits& hits = *evidence.hits;
  return by_rules(std::max(action_of(hits.strongest), action_of(hits.observed)), evidence.score_with_observed,
                  evidence, policy);
}

Decision by_not_sip(const Evidence& evidence, const Policy& policy) {
  if (policy.drop_not_sip && evidence.source_class != SourceClass::peer) return plain(Reason::not_sip);
  return passed(Reason::not_sip_let, evidence);
}

// More headers than are read could hide one that matters: never passed. The rest is the operator's choice.
bool is_malformed(sip::Defects defects, const Policy& policy) {
  return defects.has(sip::Defect::too_many_headers) || (policy.drop_malformed && defects.any());
}

const MethodPolicy& method_policy(SourceClass source_class, const Policy& policy) {
  switch (source_class) {
    case SourceClass::peer:
      return policy.peer;
    case SourceClass::known:
      return policy.known;
    case SourceClass::unknown:
      break;
  }
  return policy.unknown;
}

Decision by_method(const Evidence& evidence, const Policy& policy) {
  switch (method_policy(evidence.source_class, policy).action(evidence.message->method())) {
    case MethodAction::allow:
      return passed(Reason::request, evidence);
    case MethodAction::drop:
      return plain(Reason::method);
    case MethodAction::refuse:
      break;
  }
  if (evidence.refused_in_window < policy.refuse_ban_after) return plain(Reason::method);
  return banned_by_count(Reason::method, evidence, policy);
}

Decision enforced(const Evidence& evidence, const Policy& policy) {
  const sip::Message& message = *evidence.message;
  const bool listed = evidence.source_class == SourceClass::peer;
  if (evidence.banned) return plain(Reason::banned);
  if (const auto decision = by_enforcing_rules(evidence, policy)) return *decision;
  // Among its packets are those of others, if somebody forges them.
  if (evidence.flood) return banned_for(Reason::flood, false, evidence, policy);
  if (!listed && !policy.serve_unknown) return plain(Reason::unknown);
  if (evidence.empty && evidence.transport == Transport::tcp) return passed(Reason::tcp_data, evidence);
  if (message.kind() == sip::Kind::keepalive) return passed(Reason::keepalive, evidence);
  if (message.kind() == sip::Kind::response) return passed(Reason::response, evidence);
  if (message.kind() == sip::Kind::not_sip) return by_not_sip(evidence, policy);
  if (!listed && (evidence.astray || is_malformed(message.defects(), policy)))
    return plain(Reason::malformed);
  return by_method(evidence, policy);
}

}  // namespace

Decision decide(const Evidence& evidence, const Policy& policy) {
  Decision decision = enforced(evidence, policy);
  if (is_drop(decision.reason)) return decision;
  if (const auto would = by_all_rules(evidence, policy)) {
    decision.would_drop = would->reason;
    decision.would_ban = would->ban;
  }
  return decision;
}

Decision decide_excess(const Excess& excess, const Evidence& evidence, const Policy& policy) {
  const bool own = excess.limit != Reason::budget && excess.limit != Reason::rate_prefix;
  if (own && excess.lasting >= policy.excess_ban_after) {
    // A nonce proves who sent this datagram, not who sent the others that were too many.
    const bool verified = evidence.transport == Transport::tcp && evidence.verified && !evidence.doubted;
    return banned_for(excess.limit, verified, evidence, policy);
  }
  return plain(excess.limit);
}

bool is_refused(const sip::Message& message, SourceClass source_class, const Policy& policy) {
  return message.kind() == sip::Kind::request &&
         method_policy(source_class, policy).action(message.method()) == MethodAction::refuse;
}

}  // namespace sipward::decide
