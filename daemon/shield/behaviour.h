// What the softswitch's answers tell about those it answers: who may be relied on, and who guesses.
#pragma once

#include <optional>
#include <string>

#include "answer.h"
#include "base/clock.h"
#include "decide/policy.h"
#include "limit/accounts.h"
#include "limit/commons.h"
#include "metrics/counters.h"
#include "packet/decode.h"
#include "requests.h"
#include "store/store.h"

namespace sipward::shield {

// An answer to a source that the worker has seen.
struct Answered {
  const packet::Datagram& datagram;  // from the softswitch to the source
  const Answer& answer;
  limit::Source& source;
  decide::SourceClass source_class = decide::SourceClass::unknown;
  bool relayed = false;  // a 2xx that a stranger sent, and a proxy passed on: it grants nothing
};

// Rare, so it may allocate.
struct Finding {
  std::optional<BanRequest> ban;
  std::optional<BanRequest> prefix_ban;
  std::optional<KnownRequest> known;
  std::optional<store::EvidenceRecord> evidence;  // of the ban
  std::optional<metrics::Learning> counted;       // what of it speaks against the source
};

// Remembers what the answer proves to its receiver, ends the transaction, and weighs it:
// * 2xx to a request with credentials: the source is known, and its user is accepted. 2xx to another INVITE:
//   the source is known when it shows that it received it (note_dialog).
// * 401, 403, 407 to a request with credentials: refused, each attempt once. A bare 401 is never a failure,
// nor
//   is one that says the nonce is stale (RFC 7616 section 3.3).
// * 404, 410, 484, 485, 604: an unknown target. Of known sources not counted: people misdial.
// An unknown source over a threshold is banned; if its requests were forged in its name, for a short time
// only.
[[nodiscard]] Finding weigh(const Answered& answered, limit::Accounts& accounts, limit::Commons& commons,
                            const decide::Policy& policy, Now now);

// Remembers a response that came in and that a proxy may pass on: a 2xx by its transaction, a challenge by
// its nonces, which it makes up.
void note_relayed(const sip::Message& response, limit::Relayed& relayed);

// A request within a dialog, from a source that holds a To tag of our side: if that dialog was accepted, the
// source is known.
[[nodiscard]] std::optional<KnownRequest> note_dialog(const packet::Datagram& datagram,
                                                      const sip::Message& message,
                                                      decide::SourceClass source_class, limit::Source& source,
                                                      limit::Accounts& accounts, const limit::Proofs& proofs,
                                                      const decide::Policy& policy, Now now);

}  // namespace sipward::shield
