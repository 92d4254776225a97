#include "limiter.h"

#include <algorithm>

#include "sip/credentials.h"
#include "sip/header_values.h"
#include "sip/name_addr.h"
#include "sip/uri.h"
#include "sip/via.h"

namespace sipward::shield {
namespace {

using decide::Reason;
using limit::Group;
using limit::Transactions;

std::string_view value_of(const sip::Message& message, sip::HeaderName name) {
  const sip::Header* header = message.find(name);
  return header ? header->value : std::string_view();
}

// What is charged at all.
std::optional<Group> group_of(const sip::Message& message) {
  if (message.kind() == sip::Kind::not_sip) return Group::not_sip;
  if (message.kind() != sip::Kind::request) return std::nullopt;
  if (message.method() == "REGISTER") return Group::register_;
  if (message.method() == "INVITE") return Group::invite;
  return Group::other;
}

// Everything from the start line on, in one piece.
std::string_view content_of(const sip::Message& message) {
  const char* begin = message.start_line().data();
  const std::string_view last = message.body().data()       ? message.body()
                                : message.headers().empty() ? message.start_line()
                                                            : message.headers().back().value;
  return {begin, static_cast<std::size_t>(last.data() + last.size() - begin)};
}

Transactions::Request request_of(const Claim& claim) {
  using Kind = Transactions::Request::Kind;
  const sip::Message& message = claim.message;
  const auto via = sip::read_via(value_of(message, sip::HeaderName::via));
  const bool follows = message.method() == "ACK" || message.method() == "CANCEL";
  const bool invite = message.method() == "INVITE";
  return {.source = claim.datagram.source,
          .call_id = value_of(message, sip::HeaderName::call_id),
          .cseq = sip::read_cseq(value_of(message, sip::HeaderName::cseq)).number.value_or(0),
          .branch = via ? via->branch : std::string_view(),
          .kind = follows  ? Kind::follows
                  : invite ? Kind::invite
                           : Kind::non_invite,
          .content = content_of(message)};
}

// Who is asked for: of a REGISTER its To, for the Request-URI names the registrar (RFC 3261 section 10.2).
std::string_view target_of(const sip::Message& message) {
  if (message.method() != "REGISTER") return sip::uri_user(message.request_uri());
  return sip::uri_user(sip::read_name_addr(value_of(message, sip::HeaderName::to)).uri);
}

// Those that proved themselves have as much again: what others forged in their names leaves them that.
limit::Caps caps_of(const Claim& claim, const limit::Caps& caps) {
  const bool more = claim.proven && claim.source_class == decide::SourceClass::unknown;
  return more ? limit::Caps{caps.address * 2, caps.prefix * 2} : caps;
}

std::optional<Reason> over_flows(const Claim& claim, const Funds& funds, Instant now) {
  if (claim.datagram.protocol != packet::Protocol::udp) return std::nullopt;  // the kernel counts connections
  const limit::Caps caps = allowance_of(claim.source_class, funds.policy).flows;
  const auto held =
      funds.accounts.flows.hold(claim.datagram.source, claim.datagram.source_port, caps_of(claim, caps), now);
  funds.accounts.not_counted += held == limit::Flows::Held::full;
  const bool over = held == limit::Flows::Held::over_address || held == limit::Flows::Held::over_prefix;
  return over ? std::optional(Reason::flows) : std::nullopt;
}

std::optional<Reason> over_rate(const Claim& claim, Group group, const Funds& funds, Instant now) {
  const limit::Excess excess = funds.accounts.sources.excess(
      claim.datagram.source, claim.source, group, allowance_of(claim.source_class, funds.policy), now);
  if (excess == limit::Excess::none) return std::nullopt;
  return is_of_prefix(excess) ? Reason::rate_prefix : Reason::rate;
}

bool is_authorization(const sip::Header& header) {
  return header.name == sip::HeaderName::authorization || header.name == sip::HeaderName::proxy_authorization;
}

// Only what is over its rate prolongs a streak: who comes back to it is served ten seconds later.
decide::Excess note_excess(const Claim& claim, const Funds& funds, Instant now) {
  const auto lasting = funds.accounts.sources.dossier(claim.source, now).excess.note(now);
  const bool known = claim.source_class == decide::SourceClass::known;
  return {known || lasting < funds.policy.excess_drop_all_after ? Reason::rate : Reason::excess, lasting};
}

// What the softswitch is told is for it to weigh, but not in any number. Half of it is for those over TCP:
// nothing in a response over UDP proves its source.
std::optional<decide::Excess> charge_reply(const Claim& claim, const Funds& funds, Instant now) {
  const bool response = claim.message.kind() == sip::Kind::response;
  limit::Budget& budget = response ? funds.commons.response_budget : funds.commons.keepalive_budget;
  if (claim.source_class == decide::SourceClass::known ||
      budget.take(funds.policy.reply_budget, claim.proven, now))
    return std::nullopt;
  return decide::Excess{Reason::budget, {}};
}

// The nonce of the challenge that it is the first to answer; "" when there is none.
std::string_view paid_by(const Claim& claim, const limit::Proofs& proofs) {
  if (!claim.proven) return "";
  for (const sip::Header& header : claim.message.headers()) {
    if (!is_authorization(header)) continue;
    const auto digest = sip::read_digest(header.value);
    if (digest && proofs.is_unspent(claim.datagram.source, digest->nonce)) return digest->nonce;
  }
  return "";
}

// Nothing of a stranger that was over its rates for long is served. Behind a known address are others.
bool is_cut_off(const Claim& claim, const Funds& funds, Instant now) {
  if (claim.source_class == decide::SourceClass::known) return false;
  const limit::Dossier* dossier = funds.accounts.sources.find_dossier(claim.source);
  return dossier && dossier->excess.length(now) >= funds.policy.excess_drop_all_after;
}

}  // namespace

const limit::Allowance& allowance_of(decide::SourceClass source_class, const decide::Policy& policy) {
  static const limit::Allowance kNoLimits;
  switch (source_class) {
    case decide::SourceClass::unknown:
      return policy.unknown_allowance;
    case decide::SourceClass::known:
      return policy.known_allowance;
    case decide::SourceClass::peer:
      break;
  }
  return kNoLimits;
}

std::string_view to_tag_of(const sip::Message& message) {
  return sip::parameter(sip::read_name_addr(value_of(message, sip::HeaderName::to)).parameters, "tag");
}

limit::UserLimits user_limits_of(const decide::Policy& policy) {
  return {.refusals_max = policy.refused_credentials_max,
          .users_max = policy.known_refused_users_max,
          .window = policy.offence_window,
          .accepted_for = policy.known_for};
}

std::uint32_t Limiter::id_of(std::string_view name) const {
  return static_cast<std::uint32_t>(hash_(std::as_bytes(std::span(name))));
}

limit::Facts Limiter::facts_of(const Claim& claim) const {
  limit::Facts facts{.proven = claim.proven, .target = id_of(target_of(claim.message))};
  // Behind a known address users are told apart; elsewhere attempts. Each header has its say: a softswitch
  // takes the one of its realm, wherever it stands.
  const bool known = claim.source_class == decide::SourceClass::known;
  for (const sip::Header& header : claim.message.headers()) {
    if (!is_authorization(header)) continue;
    facts.credentials = true;
    if (const auto digest = sip::read_digest(header.value))
      facts.user = facts.user * 31 + id_of(known ? digest->username : digest->response);  // no two cancel out
  }
  return facts;
}

bool Limiter::is_proof(const sip::Message& message, const Address& source, const limit::Proofs& proofs) {
  if (message.kind() != sip::Kind::request) return false;
  return std::ranges::any_of(message.headers(), [&](const sip::Header& header) {
    if (!is_authorization(header)) return false;
    const auto digest = sip::read_digest(header.value);
    return digest && proofs.holds(source, digest->nonce);
  });
}

std::optional<decide::Excess> Limiter::charge(const Claim& claim, const Funds& funds, Instant now) const {
  if (claim.source_class == decide::SourceClass::peer) return std::nullopt;
  const auto group = group_of(claim.message);
  if (!group) return charge_reply(claim, funds, now);
  if (!claim.proven) claim.source.note_unproven();
  // First, for what is refused for it must not use up its prefix's rates.
  if (const auto over = over_flows(claim, funds, now)) return decide::Excess{*over, {}};
  const auto request = request_of(claim);
  if (*group != Group::not_sip && funds.accounts.transactions.look(request, now) == Transactions::Seen::again)
    return std::nullopt;
  const auto over = over_rate(claim, *group, funds, now);
  const std::string_view payment = over ? paid_by(claim, funds.commons.proofs) : "";
  if (over == Reason::rate && payment.empty()) return note_excess(claim, funds, now);
  if (over && payment.empty()) return decide::Excess{*over, {}};
  const auto refused = is_cut_off(claim, funds, now) ? std::optional(Reason::excess)
                                                     : enter(claim, *group, request, funds, now);
  // What the budget of all refuses costs its source nothing, and leaves it what would have paid; nor does a
  // refused user cost the others behind a known address anything.
  if (refused == Reason::budget || refused == Reason::credentials) return decide::Excess{*refused, {}};
  if (!payment.empty())
    funds.commons.proofs.spend(claim.datagram.source, payment);
  else
    funds.accounts.sources.charge(claim.datagram.source, claim.source, *group,
                                  allowance_of(claim.source_class, funds.policy), now);
  return refused ? std::optional(decide::Excess{*refused, {}}) : std::nullopt;
}

// What a message is up against after its rates: its user, the budget of all, its open transactions.
std::optional<Reason> Limiter::enter(const Claim& claim, Group group, const Transactions::Request& request,
                                     const Funds& funds, Instant now) const {
  const bool known = claim.source_class == decide::SourceClass::known;
  const auto facts = facts_of(claim);
  const Address& source = claim.datagram.source;
  limit::Accounts& accounts = funds.accounts;
  if (known && facts.credentials &&
      accounts.users.is_blocked(source, facts.user, user_limits_of(funds.policy), now))
    return Reason::credentials;
  if (!known && !funds.commons.budget.take(funds.policy.budget, claim.proven, now)) return Reason::budget;
  if (group == Group::not_sip) return std::nullopt;
  if (claim.message.method() == "BYE") accounts.transactions.end_dialog(source, request.call_id, now);
  if (request.kind == Transactions::Request::Kind::follows) return std::nullopt;
  const limit::Caps caps = allowance_of(claim.source_class, funds.policy).open;
  const auto opened = accounts.transactions.open(request, facts, caps_of(claim, caps), now);
  accounts.not_counted += opened == Transactions::Opened::full;
  const bool over =
      opened == Transactions::Opened::over_address || opened == Transactions::Opened::over_prefix;
  return over ? std::optional(Reason::open) : std::nullopt;
}

}  // namespace sipward::shield
