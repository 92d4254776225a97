#include "decide/decide.h"

namespace sipward::decide {
namespace {

Decision passed(Reason reason, const Evidence& evidence) {
  return {evidence.source_class == SourceClass::peer ? Reason::peer : reason, std::nullopt};
}

// Dropped, and banned: for long only what proved its address, a whitelisted peer never.
Decision banned(Reason reason, const Evidence& evidence, const Policy& policy) {
  if (evidence.source_class == SourceClass::peer) return {reason, std::nullopt};
  return {reason, evidence.verified ? policy.ban_verified : policy.ban_unverified};
}

// In requests alone: what a response says in From is our own side's words.
bool hits(const Evidence& evidence) {
  return evidence.message->kind() == sip::Kind::request && evidence.hits && evidence.hits->strongest &&
         evidence.hits->strongest->action != match::Action::log;
}

Decision by_signature(const Evidence& evidence, const Policy& policy) {
  if (evidence.hits->strongest->action == match::Action::ban)
    return banned(Reason::signature, evidence, policy);
  return {Reason::signature, std::nullopt};
}

// A TCP segment that begins no message may be the middle of one: passed until streams are put together.
Decision by_not_sip(const Evidence& evidence, const Policy& policy) {
  if (evidence.transport == Transport::tcp) return {Reason::tcp_data, std::nullopt};
  if (policy.drop_not_sip && evidence.source_class != SourceClass::peer)
    return {Reason::not_sip, std::nullopt};
  return passed(Reason::not_sip_let, evidence);
}

// More headers than are read could hide one that matters: never passed. The rest is the operator's choice.
bool is_malformed(sip::Defects defects, const Policy& policy) {
  return defects.has(sip::Defect::too_many_headers) || (policy.drop_malformed && defects.any());
}

const MethodPolicy& method_policy(SourceClass source_class, const Policy& policy) {
  return source_class == SourceClass::peer ? policy.peer : policy.unknown;
}

Decision by_method(const Evidence& evidence, const Policy& policy) {
  switch (method_policy(evidence.source_class, policy).action(evidence.message->method())) {
    case MethodAction::allow:
      return passed(Reason::request, evidence);
    case MethodAction::drop:
      return {Reason::method, std::nullopt};
    case MethodAction::refuse:
      break;
  }
  if (evidence.refused_in_window < policy.refuse_ban_after) return {Reason::method, std::nullopt};
  return banned(Reason::method, evidence, policy);
}

}  // namespace

Decision decide(const Evidence& evidence, const Policy& policy) {
  const sip::Message& message = *evidence.message;
  const bool unknown = evidence.source_class == SourceClass::unknown;
  if (evidence.banned) return {Reason::banned, std::nullopt};
  if (hits(evidence)) return by_signature(evidence, policy);
  if (unknown && !policy.serve_unknown) return {Reason::unknown, std::nullopt};
  if (evidence.empty && evidence.transport == Transport::tcp) return passed(Reason::tcp_data, evidence);
  if (message.kind() == sip::Kind::keepalive) return passed(Reason::keepalive, evidence);
  if (message.kind() == sip::Kind::response) return passed(Reason::response, evidence);
  if (message.kind() == sip::Kind::not_sip) return by_not_sip(evidence, policy);
  if (unknown && is_malformed(message.defects(), policy)) return {Reason::malformed, std::nullopt};
  return by_method(evidence, policy);
}

bool is_refused(const sip::Message& message, SourceClass source_class, const Policy& policy) {
  return message.kind() == sip::Kind::request &&
         method_policy(source_class, policy).action(message.method()) == MethodAction::refuse;
}

}  // namespace sipward::decide
