// Evidence and policy in, decision out. Pure: no clock, no I/O, no state but what it is given.
#pragma once

#include <chrono>
#include <optional>

#include "decide/policy.h"
#include "decide/reason.h"
#include "limit/source_table.h"
#include "match/matcher.h"
#include "sip/message.h"

namespace sipward::decide {

enum class Transport : std::uint8_t { udp, tcp };

// What the stages before found out about one packet.
struct Evidence {
  SourceClass source_class = SourceClass::unknown;
  Transport transport = Transport::udp;
  bool verified = false;  // the source proved that it receives what is sent to it
  bool doubted = false;   // what was counted against it may in part be somebody else's
  bool proven = false;    // by this message: it holds a nonce that was sent there
  bool banned = false;    // its ban is decided already
  bool empty = false;     // no payload: a TCP handshake or acknowledgement, an empty datagram
  const sip::Message* message = nullptr;
  const match::Hits* hits = nullptr;
  unsigned refused_in_window = 0;  // distinct refused requests of this source, this one included if it is one
  // The source's score, this message's rules included: of the enforcing rules, and with the observing ones.
  // 0 when no such rule hit this message: what a source is suspected of condemns no message that is clean.
  double score = 0;
  double score_with_observed = 0;
  bool astray = false;  // its answers would go to somebody else, unseen by those who count them
  bool flood = false;   // its source is over the rate of packets of any kind
};

// A limit that a message is over which nothing else speaks against.
struct Excess {
  Reason limit = Reason::rate;
  // How long the source has been over limits without a pause.
  std::chrono::milliseconds lasting{};
};

struct Decision {
  Reason reason = Reason::request;
  std::optional<std::chrono::milliseconds> ban;  // ban the source for this long
  bool verified = false;                         // nothing that leads to the ban can be forged
  // When the packet passes: why it would be dropped, and for how long its source banned, if the rules that
  // only observe were enforced.
  std::optional<Reason> would_drop{};
  std::optional<std::chrono::milliseconds> would_ban{};
};

// In this order, the first that applies: banned, signature with action ban, score, signature with action
// drop, flood, class unknown not served, keepalive, response, not SIP, malformed, method, accept. Signatures
// come before "not served" so that a scanner is called a scanner. What is accepted is charged to its source's
// limits then; if it is over one, decide_excess() has the last word.
[[nodiscard]] Decision decide(const Evidence& evidence, const Policy& policy);

// Over the rate: this message is dropped. Over it for long: all of its source is. Longer: banned, unless its
// source is known. What its source alone is not to blame for (the budget of all) never bans.
[[nodiscard]] Decision decide_excess(const Excess& excess, const Evidence& evidence, const Policy& policy);

// Whether the method policy refuses this message: asked before decide(), to count it
// (Evidence::refused_in_window).
[[nodiscard]] bool is_refused(const sip::Message& message, SourceClass source_class, const Policy& policy);

}  // namespace sipward::decide
