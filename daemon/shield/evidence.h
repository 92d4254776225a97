// What is kept of a packet so that `sipward explain` can say why it was dropped, or would have been.
#pragma once

#include <string>
#include <string_view>

#include "base/clock.h"
#include "decide/decide.h"
#include "limit/dossier.h"
#include "match/matcher.h"
#include "packet/decode.h"
#include "store/store.h"

namespace sipward::shield {

// A judged packet, from the side of what speaks against it.
struct Charge {
  const decide::Evidence& evidence;
  decide::Reason reason;   // why it is dropped or would be; score also when its source's score only rose
  bool observed = false;   // it passes, because the mode or the rule only observes
  bool all_rules = false;  // `reason` counts the rules that only observe
};

// "192.0.2.1:5060", "[2001:db8::1]:5060"
[[nodiscard]] std::string endpoint(const Address& address, std::uint16_t port);

// The rule to blame and where it hit; no rule when none is the reason.
struct Blame {
  const match::Rule* rule = nullptr;
  match::Hit hit;
};
// The strongest rule; for the reason score the heaviest of the message's score rules.
[[nodiscard]] Blame blame(const Charge& charge, const match::Matcher& matcher);

// Where the packet came from and what judged it.
struct Circumstances {
  const packet::Datagram& datagram;
  const limit::Dossier& dossier;  // of its source
  const match::Matcher& matcher;
  const decide::Policy& policy;
  Now now;
};

// `bytes`: the message. Allocates: for the few packets that are kept.
[[nodiscard]] store::EvidenceRecord make_record(const Circumstances& circumstances, const Charge& charge,
                                                std::string_view bytes);

}  // namespace sipward::shield
