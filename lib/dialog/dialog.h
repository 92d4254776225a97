// A call between two sides of one hop, as an observer of the hop knows it (RFC 3261 section 12).
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/endpoint.h"
#include "dialog/session_timer.h"

namespace sipward::dialog {

enum class Side : std::uint8_t { caller, callee };  // who sent the INVITE that began the dialog, on this hop
inline constexpr std::array kSides{Side::caller, Side::callee};
[[nodiscard]] constexpr Side other(Side side) {
  return side == Side::caller ? Side::callee : Side::caller;
}

enum class Transport : std::uint8_t { udp, tcp };

// What is known of one side. Strings are as they were on the wire, so that a request can be made that its
// receiver takes for this side's (RFC 3261 section 12.2.1.1), but folded lines are one line.
struct Party {
  Endpoint seen;  // where its packets come from; what is sent to it goes there, whatever its Contact says
  // Where on that address it last took a request or, of the caller, the 2xx: its listening port, when it
  // sends from another (TCP connections of its own, RFC 3261 section 18.1.1; UDP without RFC 3581). 0: none
  // was seen.
  std::uint16_t reached_port = 0;
  std::string address;  // its From or To without the tag: "\"Alice\" <sip:alice@a.example>"
  std::string tag;
  std::uint32_t cseq = 0;  // the highest that a request of it had; 0: it has sent none
  std::string target;      // URI of its Contact, as its last accepted INVITE or UPDATE, or its 2xx, said
  // How its last request within the dialog was addressed on this hop; request_uri is "" before the first.
  std::string request_uri;
  std::vector<std::string> route;  // values of Route, one element of the list each: "<sip:p.example;lr>"
  std::vector<std::string>
      record_route;   // of the INVITE (caller) or of the 2xx (callee), as seen on this hop
  std::string agent;  // User-Agent or Server, its first 255 bytes
};

// Of an INVITE and all that came of it, until somebody answers.
struct Progress {
  WallTime invited;
  std::optional<WallTime> rang;  // first 180 or 183
  std::optional<WallTime> answered;
  std::optional<WallTime> acknowledged;
};

struct Dialog {
  std::string call_id;
  std::string request_uri;  // of the INVITE: who was called
  Transport transport = Transport::udp;
  std::array<Party, 2> parties;  // by Side
  Progress progress;
  Instant answered_at;
  SessionTimer timer;
  std::array<bool, 2> bye_seen{};  // by Side: it sent BYE
  std::array<std::uint16_t, 2>
      bye_status{};             // by Side: the final response to its last BYE that had one; else 0
  bool unacknowledged = false;  // it was told that no ACK came
  bool uncertain = false;       // packets were lost while it was followed, and nothing shows it lives since

  [[nodiscard]] Party& party(Side side) { return parties[static_cast<std::size_t>(side)]; }
  [[nodiscard]] const Party& party(Side side) const { return parties[static_cast<std::size_t>(side)]; }
};

}  // namespace sipward::dialog
