// What a message costs its source, once nothing else speaks against it: rates, caps, the budget of all.
#pragma once

#include <optional>

#include "base/clock.h"
#include "base/keyed_hash.h"
#include "decide/decide.h"
#include "limit/accounts.h"
#include "limit/commons.h"
#include "packet/decode.h"
#include "sip/credentials.h"
#include "sip/message.h"

namespace sipward::shield {

// A message that would pass.
struct Claim {
  const packet::Datagram& datagram;
  const sip::Message& message;
  limit::Source& source;
  decide::SourceClass source_class = decide::SourceClass::unknown;
  bool proven = false;  // its source proved that it receives what is sent to it
};

// What claims are charged to.
struct Funds {
  limit::Accounts& accounts;  // the worker's
  limit::Commons& commons;    // of all workers
  const decide::Policy& policy;
};

// One worker's; no state but the key of its hash, everything else lies in the memory it is given.
class Limiter {
 public:
  // Charges the message and remembers its transaction, or says which limit it is over: then nothing is
  // remembered of it, but that its source keeps on. What a copy of a request that passed costs: nothing
  // (RFC 3261 section 17.1). Neither does the first request that answers the challenge to one without
  // credentials: that one was charged. Responses and keep-alives of unknown sources are charged to budgets of
  // their own, those of others not; whitelisted peers are not charged.
  [[nodiscard]] std::optional<decide::Excess> charge(const Claim& claim, const Funds& funds,
                                                     Instant now) const;

  // Whether the message holds what only a receiver of our softswitch's answers can know: a nonce that was
  // sent to its source. A To tag is no proof: some stacks make it of what the request says (Kamailio's sl
  // module).
  [[nodiscard]] static bool is_proof(const sip::Message& message, const Address& source,
                                     const limit::Proofs& proofs);

 private:
  [[nodiscard]] std::optional<decide::Reason> enter(const Claim& claim, limit::Group group,
                                                    const limit::Transactions::Request& request,
                                                    const Funds& funds, Instant now) const;
  [[nodiscard]] limit::Facts facts_of(const Claim& claim) const;
  [[nodiscard]] std::uint32_t id_of(std::string_view name) const;

  KeyedHash hash_;
};

// A class's allowance. A peer's: no limits.
[[nodiscard]] const limit::Allowance& allowance_of(decide::SourceClass source_class,
                                                   const decide::Policy& policy);

[[nodiscard]] limit::UserLimits user_limits_of(const decide::Policy& policy);

// "" when there is none.
[[nodiscard]] std::string_view to_tag_of(const sip::Message& message);

}  // namespace sipward::shield
