// What the operator allows: plain values, made from the settings once and shared by all workers.
#pragma once

#include <chrono>
#include <cstdint>
#include <map>
#include <string>
#include <string_view>

namespace sipward::decide {

// A source's class, as far as user space sees it: trusted sources are never read.
enum class SourceClass : std::uint8_t { unknown, peer };

[[nodiscard]] constexpr std::string_view to_string(SourceClass c) {
  return c == SourceClass::peer ? "peer" : "unknown";
}

enum class MethodAction : std::uint8_t {
  allow,
  drop,    // dropped, never a reason for a ban
  refuse,  // dropped, and a source that keeps on (refuse_ban_after distinct requests within refuse_window) is
           // banned
};

struct MethodPolicy {
  MethodAction otherwise = MethodAction::allow;
  std::map<std::string, MethodAction, std::less<>> by_method;

  [[nodiscard]] MethodAction action(std::string_view method) const {
    const auto it = by_method.find(method);
    return it == by_method.end() ? otherwise : it->second;
  }
};

struct Policy {
  MethodPolicy unknown{MethodAction::allow, {{"OPTIONS", MethodAction::refuse}}};
  MethodPolicy peer;
  bool serve_unknown = true;  // false: IP-only mode, whitelisted sources alone
  bool drop_not_sip = true;
  bool drop_malformed = false;
  unsigned refuse_ban_after = 20;
  std::chrono::milliseconds refuse_window = std::chrono::seconds(60);
  unsigned score_ban_at = 100;
  // At least a minute: a retransmission (32 s at most, RFC 3261 section 17.1) must not count again.
  std::chrono::milliseconds score_half_life = std::chrono::minutes(10);
  // One forged datagram must not cut anybody off for long; a source that completed a TCP handshake is who it
  // says.
  std::chrono::milliseconds ban_unverified = std::chrono::seconds(60);
  std::chrono::milliseconds ban_verified = std::chrono::hours(1);
};

}  // namespace sipward::decide
