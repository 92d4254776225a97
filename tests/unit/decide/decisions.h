// Packets as the tests say them, and what is decided about them.
#pragma once

#include <algorithm>
#include <memory>
#include <optional>
#include <string>

#include "decide/decide.h"
#include "support/catch.h"

namespace sipward::decide {

inline const std::string kHeaders =
    "Via: SIP/2.0/UDP 198.51.100.7;branch=z9hG4bK1\r\nFrom: <sip:a@b>;tag=1\r\nTo: <sip:c@d>\r\nCall-ID: "
    "1\r\n";

inline std::string request(const std::string& method) {
  return method + " sip:c@d SIP/2.0\r\n" + kHeaders + "CSeq: 1 " + method + "\r\n\r\n";
}

inline const std::string kInvite = request("INVITE");
inline const std::string kOptions = request("OPTIONS");
inline const std::string kResponse = "SIP/2.0 200 OK\r\n" + kHeaders + "CSeq: 1 INVITE\r\n\r\n";
inline const std::string kKeepalive = "\r\n\r\n";
inline const std::string kNotSip = "GET / HTTP/1.1\r\n\r\n";
// Without its empty line and without From: two defects that no operator need mind.
inline const std::string kMalformed = "INVITE sip:c@d SIP/2.0\r\nVia: SIP/2.0/UDP x\r\n";

inline std::string with_headers(std::size_t n) {
  std::string text = "INVITE sip:c@d SIP/2.0\r\n" + kHeaders + "CSeq: 1 INVITE\r\n";
  for (std::size_t i = 5; i < n; ++i) text += "X: 1\r\n";
  return text + "\r\n";
}

// A packet and what was found out about it; what a test does not say is an unknown source over UDP.
struct Packet {
  std::string text = kInvite;
  SourceClass source_class = SourceClass::unknown;
  Transport transport = Transport::udp;
  bool verified = false;
  bool banned = false;
  std::optional<match::Action> hit{};
  unsigned refused = 0;
  std::optional<match::Action> observed_hit{};
  double score = 0;
  double score_with_observed = 0;
};

inline Decision decision(const Packet& packet, const Policy& policy = {}) {
  const auto message = std::make_unique<sip::Message>();
  message->read(packet.text);
  match::Rule rule;
  match::Rule observing;
  observing.observe = true;
  match::Hits hits;
  if (packet.hit) {
    rule.action = *packet.hit;
    hits.note(rule, {});
  }
  if (packet.observed_hit) {
    observing.action = *packet.observed_hit;
    hits.note(observing, {});
  }
  return decide({.source_class = packet.source_class,
                 .transport = packet.transport,
                 .verified = packet.verified,
                 .banned = packet.banned,
                 .empty = packet.text.empty(),
                 .message = message.get(),
                 .hits = &hits,
                 .refused_in_window = packet.refused,
                 .score = packet.score,
                 .score_with_observed = std::max(packet.score, packet.score_with_observed)},
                policy);
}

inline Reason reason(const Packet& packet, const Policy& policy = {}) {
  return decision(packet, policy).reason;
}

inline constexpr auto kPeer = SourceClass::peer;
inline constexpr auto kUnknown = SourceClass::unknown;
inline constexpr auto kLog = match::Action::log;
inline constexpr auto kScore = match::Action::score;
inline constexpr auto kDrop = match::Action::drop;
inline constexpr auto kBan = match::Action::ban;

}  // namespace sipward::decide
