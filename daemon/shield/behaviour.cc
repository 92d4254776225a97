#include "behaviour.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <tuple>

#include "evidence.h"
#include "limiter.h"
#include "sip/credentials.h"
#include "sip/header_values.h"

namespace sipward::shield {
namespace {

using decide::SourceClass;

constexpr auto kAskAgain = std::chrono::seconds(5);

bool is_refused_attempt(const Answer& answer, const limit::Facts& facts) {
  const unsigned status = answer.status;
  return (status == 401 || status == 403 || status == 407) && facts.credentials && !answer.stale;
}

bool is_unknown_target(unsigned status) {
  return status == 404 || status == 410 || status == 484 || status == 485 || status == 604;
}

bool is_success(unsigned status) {
  return status >= 200 && status < 300;
}

// A To tag as the proof of an accepted dialog, apart from the same tag as a proof that an answer was
// received. Longer tags than any stack makes are cut.
class AcceptedTag {
 public:
  explicit AcceptedTag(std::string_view tag) {
    bytes_[0] = '\x01';
    size_ = 1 + tag.copy(bytes_.data() + 1, bytes_.size() - 1);
  }
  [[nodiscard]] std::string_view bytes() const { return {bytes_.data(), size_}; }

 private:
  std::array<char, 128> bytes_;
  std::size_t size_;
};

// A nonce as the key of a challenge that a stranger sent.
constexpr std::uint32_t kNoCSeq = 0;

// What comes back from the source later proves that it received this answer; unless a stranger made it up.
// The challenge to a request without `credentials` may be answered at its cost: a refused attempt buys no
// next one.
void remember_proofs(const Answered& answered, bool credentials, limit::Commons& commons) {
  const Answer& answer = answered.answer;
  const Address& source = answered.datagram.destination;
  if (!commons.relayed.holds(answer.nonce, kNoCSeq))
    commons.proofs.remember(source, answer.nonce, !credentials);
  if (!commons.relayed.holds(answer.other_nonce, kNoCSeq))
    commons.proofs.remember(source, answer.other_nonce);
  const bool accepted = answer.method == "INVITE" && is_success(answer.status) && !answered.relayed;
  if (accepted && !answer.to_tag.empty()) commons.proofs.remember(source, AcceptedTag(answer.to_tag).bytes());
}

KnownRequest known(const Address& source, std::chrono::milliseconds life, const char* how, Now now) {
  return {source, now.wall + life, how};
}

// A stranger's packets go elsewhere as soon as he is known: until then it is asked every few seconds. Each
// refresh of a known source's registration would ask anew: so it is asked when a tenth of the time has gone.
bool is_due(limit::Dossier& dossier, SourceClass source_class, std::chrono::milliseconds life, Instant now) {
  const auto lately = source_class == SourceClass::known ? life / 10 : kAskAgain;
  if (dossier.known_until > now + life - lately) return false;
  dossier.known_until = now + life;
  return true;
}

// The registration's life and what comes on top; after a call, what comes on top.
std::optional<KnownRequest> accepted(const Answered& answered, const limit::Facts& facts,
                                     limit::Accounts& accounts, const decide::Policy& policy, Now now) {
  const Answer& answer = answered.answer;
  const bool registered = answer.method == "REGISTER";
  // Whom anybody may call may answer a call with made-up credentials: an INVITE must show that it was
  // challenged.
  const bool invited = answer.method == "INVITE" && facts.proven;
  if (answered.relayed || !facts.credentials || !(registered || invited)) return std::nullopt;
  const Address& source = answered.datagram.destination;
  if (answered.source_class == SourceClass::known)
    accounts.users.accept(source, facts.user, user_limits_of(policy), now.steady);
  auto life = policy.known_for;
  if (registered) life += std::chrono::seconds(answer.expires_s.value_or(0));
  if (!is_due(accounts.sources.dossier(answered.source, now.steady), answered.source_class, life, now.steady))
    return std::nullopt;
  return known(source, life, registered ? "register" : "invite", now);
}

struct Offence {
  metrics::Learning kind{};
  const char* reason = "";  // of a ban
  unsigned count = 0;       // of this source within the window
  bool bans = false;
  bool verified = false;  // so many of them that ban were proven
};

// Those that anybody may have done in the source's name make no ban a long one.
template <std::size_t kExact>
Offence count_offence(limit::Offences<kExact>& offences, std::uint32_t what, bool proven, unsigned max,
                      std::chrono::milliseconds window, Instant now) {
  Offence offence;
  offence.count = offences.add(what, window, now, proven);
  offence.bans = offence.count >= max;
  offence.verified = offences.proven(window, now) >= std::min<unsigned>(max, kExact);
  return offence;
}

std::optional<Offence> offence(const Answered& answered, const limit::Facts& facts, limit::Accounts& accounts,
                               const decide::Policy& policy, Now now) {
  const bool refused = is_refused_attempt(answered.answer, facts);
  if (!refused && !is_unknown_target(answered.answer.status)) return std::nullopt;
  limit::Dossier& dossier = accounts.sources.dossier(answered.source, now.steady);
  const auto window = policy.offence_window;
  Offence offence = refused ? count_offence(dossier.credentials, facts.user, facts.proven,
                                            policy.refused_credentials_max, window, now.steady)
                            : count_offence(dossier.targets, facts.target, facts.proven,
                                            policy.unknown_targets_max, window, now.steady);
  offence.kind = refused ? metrics::Learning::refused_credentials : metrics::Learning::unknown_targets;
  offence.reason = refused ? "credentials" : "unknown_targets";
  return offence;
}

store::EvidenceRecord record(const Answered& answered, const BanRequest& ban, unsigned count, Now now) {
  const packet::Datagram& datagram = answered.datagram;
  store::EvidenceRecord record;
  record.time = now.wall;
  record.source = datagram.destination;
  record.source_port = datagram.destination_port;
  record.destination = endpoint(datagram.source, datagram.source_port);
  record.transport = datagram.protocol == packet::Protocol::tcp ? "tcp" : "udp";
  record.reason = ban.cause.reason;
  record.verified = ban.cause.verified;
  record.detail = fmt::format("the softswitch answered {} to {}: {} of them within the window",
                              answered.answer.status, answered.answer.method, count);
  record.excerpt = std::string(datagram.payload.substr(0, store::kExcerptMax));
  return record;
}

BanRequest ban_for(const Prefix& net, const char* reason, bool verified, const decide::Policy& policy) {
  return {net,
          {.reason = reason, .rule = "", .origin = fmt::format("auto:{}", reason), .verified = verified},
          verified ? policy.ban_steps.front() : policy.ban_unverified};
}

// Its prefix is banned for what several of it did, never for what could have been forged in their names.
std::optional<Prefix> offending_prefix(const limit::PrefixOffences& offences, const Address& source,
                                       const decide::Policy& policy) {
  const auto over = [&](const limit::PrefixOffences::Of& of) {
    return policy.prefix_offenders > 0 && of.offenders >= policy.prefix_offenders &&
           of.offences >= policy.offences_prefix_max;
  };
  const bool v4 = source.family() == Family::ipv4;
  if (!v4 && over(offences.wide)) return Prefix(source, 48);
  if (over(offences.narrow)) return Prefix(source, v4 ? 24 : 64);
  return std::nullopt;
}

void condemn(const Answered& answered, const limit::Facts& facts, const Offence& offence,
             limit::Accounts& accounts, const decide::Policy& policy, Now now, Finding& finding) {
  const Address& source = answered.datagram.destination;
  limit::SourceTable& sources = accounts.sources;
  limit::Dossier& dossier = sources.dossier(answered.source, now.steady);
  if (facts.proven) {
    const auto offences = sources.note_offence(source, policy.offence_window, now.steady);
    if (const auto net = offending_prefix(offences, source, policy))
      finding.prefix_ban = ban_for(*net, offence.reason, true, policy);
  }
  if (offence.bans && !dossier.is_banned(now.steady))
    finding.ban = ban_for(Prefix(source), offence.reason, offence.verified, policy);
  if (finding.ban || finding.prefix_ban)
    finding.evidence = record(answered, finding.ban ? *finding.ban : *finding.prefix_ban, offence.count, now);
}

}  // namespace

Finding weigh(const Answered& answered, limit::Accounts& accounts, limit::Commons& commons,
              const decide::Policy& policy, Now now) {
  const Answer& answer = answered.answer;
  const Address& source = answered.datagram.destination;
  if (answer.status < 200) return {};
  const bool dialog = answer.method == "INVITE" && is_success(answer.status);
  const auto facts =
      accounts.transactions.answered(source, answer.call_id, answer.cseq, dialog, now.steady, answer.branch);
  remember_proofs(answered, !facts || facts->credentials, commons);
  if (!facts) return {};
  Finding finding;
  if (is_success(answer.status)) {
    finding.known = accepted(answered, *facts, accounts, policy, now);
    return finding;
  }
  if (answered.source_class == SourceClass::known) {
    if (!is_refused_attempt(answer, *facts)) return finding;
    finding.counted = metrics::Learning::refused_credentials;
    // What may be forged in a known source's name speaks against no user there.
    if (facts->proven) accounts.users.refuse(source, facts->user, user_limits_of(policy), now.steady);
    return finding;
  }
  const auto offended = offence(answered, *facts, accounts, policy, now);
  if (!offended) return finding;
  finding.counted = offended->kind;
  condemn(answered, *facts, *offended, accounts, policy, now, finding);
  return finding;
}

void note_relayed(const sip::Message& response, limit::Relayed& relayed) {
  if (is_success(response.status())) {
    const sip::Header* call_id = response.find(sip::HeaderName::call_id);
    const sip::Header* cseq = response.find(sip::HeaderName::cseq);
    if (call_id && cseq) relayed.note(call_id->value, sip::read_cseq(cseq->value).number.value_or(0));
  }
  for (const sip::Header& header : response.headers()) {
    using enum sip::HeaderName;
    if (header.name != www_authenticate && header.name != proxy_authenticate) continue;
    sip::ChallengeReader challenges(header.value);
    while (const auto challenge = challenges.next()) relayed.note(challenge->nonce, kNoCSeq);
  }
}

std::optional<KnownRequest> note_dialog(const packet::Datagram& datagram, const sip::Message& message,
                                        decide::SourceClass source_class, limit::Source& source,
                                        limit::Accounts& accounts, const limit::Proofs& proofs,
                                        const decide::Policy& policy, Now now) {
  const std::string_view tag = to_tag_of(message);
  if (tag.empty() || !proofs.holds(datagram.source, AcceptedTag(tag).bytes())) return std::nullopt;
  limit::Dossier& dossier = accounts.sources.dossier(source, now.steady);
  if (!is_due(dossier, source_class, policy.known_for, now.steady)) return std::nullopt;
  return known(datagram.source, policy.known_for, "dialog", now);
}

}  // namespace sipward::shield
