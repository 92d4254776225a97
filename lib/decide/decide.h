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
  bool banned = false;    // its ban is decided already
  bool empty = false;     // no payload: a TCP handshake or acknowledgement, an empty datagram
  const sip::Message* message = nullptr;
  const match::Hits* hits = nullptr;
  unsigned refused_in_window = 0;  // distinct refused requests of this source, this one included if it is one
  // The source's score, this message's rules included: of the enforcing rules, and with the observing ones.
  // 0 when no such rule hit this message: what a source is suspected of condemns no message that is clean.
  double score = 0;
  double score_with_observed = 0;
};

struct Decision {
  Reason reason = Reason::request;
  std::optional<std::chrono::milliseconds> ban;  // ban the source for this long
  // When the packet passes: why it would be dropped, and for how long its source banned, if the rules that
  // only observe were enforced.
  std::optional<Reason> would_drop{};
  std::optional<std::chrono::milliseconds> would_ban{};
};

// In this order, the first that applies: banned, signature with action ban, score, signature with action
// drop, class unknown not served, keepalive, response, not SIP, malformed, method, accept. Signatures come
// before "not served" so that a scanner is called a scanner.
[[nodiscard]] Decision decide(const Evidence& evidence, const Policy& policy);

// Whether the method policy refuses this message: asked before decide(), to count it
// (Evidence::refused_in_window).
[[nodiscard]] bool is_refused(const sip::Message& message, SourceClass source_class, const Policy& policy);

}  // namespace sipward::decide
