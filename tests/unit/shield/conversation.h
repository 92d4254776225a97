// Requests of clients and the softswitch's answers to them.
#pragma once

#include <fmt/format.h>

#include <string>

#include "unit/packet/packets.h"

namespace sipward::test {

struct Ask {
  std::string method = "REGISTER";
  unsigned call = 1;  // its Call-ID
  unsigned cseq = 1;
  std::string target = "alice";
  std::string user{};  // of its credentials; "": it has none
  std::string nonce = "n0";
  std::string response{};  // "": one of its own
  std::string to_tag{};
  std::string branch{};  // "": one of its own

  [[nodiscard]] std::string text() const {
    const bool registers = method == "REGISTER";
    return fmt::format("{} sip:{}example.com SIP/2.0\r\n{}{}Max-Forwards: 70\r\nContent-Length: 0\r\n\r\n",
                       method, registers ? "" : target + "@", headers(), credentials());
  }

  // Of its headers those that an answer repeats (RFC 3261 section 8.2.6.2).
  [[nodiscard]] std::string headers(std::string_view tag = "") const {
    const std::string own_branch = branch.empty() ? fmt::format("z9hG4bK-{}-{}", call, cseq) : branch;
    const std::string to = tag.empty() ? to_tag : std::string(tag);
    return fmt::format(
        "Via: SIP/2.0/UDP 198.51.100.7:5061;branch={}\r\nFrom: <sip:bob@example.com>;tag=4f2c7d01\r\n"
        "To: <sip:{}@example.com>{}{}\r\nCall-ID: call-{}@198.51.100.7\r\nCSeq: {} {}\r\n",
        own_branch, target, to.empty() ? "" : ";tag=", to, call, cseq, method);
  }

 private:
  [[nodiscard]] std::string credentials() const {
    if (user.empty()) return "";
    const std::string own = fmt::format("{:032x}", call * 1000U + cseq);
    return fmt::format(
        "Authorization: Digest username=\"{}\", realm=\"example.com\", nonce=\"{}\", "
        "uri=\"sip:example.com\", "
        "response=\"{}\"\r\n",
        user, nonce, response.empty() ? own : response);
  }
};

inline std::string answer(const Ask& ask, unsigned status, std::string_view more = "",
                          std::string_view tag = "as5f3c") {
  return fmt::format("SIP/2.0 {} Whatever\r\n{}{}Content-Length: 0\r\n\r\n", status, ask.headers(tag), more);
}

inline std::string challenge(std::string_view nonce, bool stale = false) {
  return fmt::format("WWW-Authenticate: Digest realm=\"example.com\", nonce=\"{}\"{}\r\n", nonce,
                     stale ? ", stale=true" : "");
}

// From the softswitch to a client.
inline Packet to_client(std::string_view payload, std::string_view client = "198.51.100.7",
                        std::uint16_t port = 5061) {
  return address(client).family() == Family::ipv4
             ? ipv4(kUdp, udp(payload, 5060, port), "192.0.2.1", client)
             : ipv6(kUdp, udp(payload, 5060, port), "2001:db8:1::1", client);
}

}  // namespace sipward::test
