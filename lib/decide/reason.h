// Why a packet passed or was dropped: one list for counters, the CLI, evidence and metrics.
#pragma once

#include <array>
#include <cstdint>
#include <string_view>

namespace sipward::decide {

// What happened to a packet that user space read. The names (to_string) are stable: scripts and dashboards
// use them.
enum class Reason : std::uint8_t {
  // passed
  request,      // a request that no rule or policy objects to
  response,     // a SIP response
  keepalive,    // CRLF, STUN, empty
  peer,         // from a whitelisted source of class peer, nothing to object to
  not_sip_let,  // not SIP, let through by policy
  tcp_data,     // TCP without a start line: a handshake, or the rest of a message that began in an earlier
                // segment
  undecodable,  // no IP/UDP/TCP that could be decoded: when in doubt it passes
  observed,     // would have been dropped, but the mode is observe, or the rule
  // dropped
  signature,    // a rule with action drop or ban hit
  score,        // rules with action score hit, and the source's score reached the limit
  method,       // the method policy refuses this method for this class
  not_sip,      // no SIP start line
  malformed,    // SIP with defects that the policy does not accept
  tcp_stream,   // bytes of a TCP connection that cannot be read in order
  flood,        // more packets of one source than its class may send at all
  rate,         // more requests of one source than its class may send, of this method's group or of all
  rate_prefix,  // the same of one prefix
  excess,       // its source kept on over a rate for so long that nothing of it is served
  flows,        // more source ports in use at once than one source or prefix may have
  open,         // more open transactions and dialogs than one source or prefix may have
  budget,       // all unknown sources together send more than the softswitch is to see
  credentials,  // of a user whose credentials the softswitch refused again and again, from a source that is
                // known
  banned,       // of a source whose ban has not reached the kernel yet
  unknown,      // policy.unknown = "drop": only whitelisted sources are served
  count_,
};

inline constexpr std::size_t kReasons = static_cast<std::size_t>(Reason::count_);

[[nodiscard]] constexpr bool is_drop(Reason reason) {
  return reason >= Reason::signature;
}
// Something of a kind that passes, but too much of it.
[[nodiscard]] constexpr bool is_limit(Reason reason) {
  return reason >= Reason::flood && reason <= Reason::credentials;
}
[[nodiscard]] std::string_view to_string(Reason reason);
// One sentence for people: "its User-Agent or structure is a scanner's".
[[nodiscard]] std::string_view describe(Reason reason);

}  // namespace sipward::decide
