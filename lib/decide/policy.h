// What the operator allows: plain values, made from the settings once and shared by all workers.
#pragma once

#include <chrono>
#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "limit/allowance.h"

namespace sipward::decide {

// A source's class, as far as user space sees it: trusted sources are never read.
enum class SourceClass : std::uint8_t {
  unknown,
  known,  // the softswitch accepted a registration or a call of it
  peer,   // whitelisted
};

[[nodiscard]] constexpr std::string_view to_string(SourceClass c) {
  switch (c) {
    case SourceClass::known:
      return "known";
    case SourceClass::peer:
      return "peer";
    case SourceClass::unknown:
      break;
  }
  return "unknown";
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

// Why each figure is what it is: sipward.toml(5), THRESHOLDS.
inline constexpr limit::Allowance kUnknownAllowance{
    .address = {.requests = {10, std::chrono::seconds(1), 20},
                .sustained = {20, std::chrono::seconds(60), 20},
                .by_group = {{{10, std::chrono::seconds(60), 10},     // REGISTER
                              {10, std::chrono::seconds(60), 10},     // INVITE
                              {20, std::chrono::seconds(60), 20},     // other
                              {10, std::chrono::seconds(60), 10}}}},  // not SIP
    .prefix = {.requests = {40, std::chrono::seconds(1), 80},
               .sustained = {120, std::chrono::seconds(60), 120},
               .by_group = {{{60, std::chrono::seconds(60), 60},
                             {60, std::chrono::seconds(60), 60},
                             {120, std::chrono::seconds(60), 120},
                             {60, std::chrono::seconds(60), 60}}}},
    .packets = {100, std::chrono::seconds(1), 100},
    .flows = {.address = 10, .prefix = 30},
    .open = {.address = 10, .prefix = 30}};

// A site of thousands of phones behind one address, which all come back at once. Neighbours do not count. No
// cap on its source ports: forged datagrams could use them up.
inline constexpr limit::Allowance kKnownAllowance{
    .address = {.requests = {500, std::chrono::seconds(1), 5000},
                .sustained = {},
                .by_group = {{{500, std::chrono::seconds(1), 5000},
                              {100, std::chrono::seconds(1), 500},
                              {500, std::chrono::seconds(1), 5000},
                              {50, std::chrono::seconds(1), 500}}}},
    .prefix = {},
    .packets = {1000, std::chrono::seconds(1), 8000},
    .flows = {},
    .open = {.address = 10000, .prefix = 0}};

struct Policy {
  MethodPolicy unknown{MethodAction::allow, {{"OPTIONS", MethodAction::refuse}}};
  MethodPolicy known;
  MethodPolicy peer;
  bool serve_unknown = true;  // false: IP-only mode, whitelisted sources alone
  bool drop_not_sip = true;
  bool drop_malformed = false;
  unsigned refuse_ban_after = 20;
  std::chrono::milliseconds refuse_window = std::chrono::seconds(60);
  unsigned score_ban_at = 100;
  // At least a minute: a retransmission (32 s at most, RFC 3261 section 17.1) must not count again.
  std::chrono::milliseconds score_half_life = std::chrono::minutes(10);

  limit::Allowance unknown_allowance = kUnknownAllowance;
  limit::Allowance known_allowance = kKnownAllowance;
  // Requests of all unknown sources together that pass; those that proved nothing get half of it (Budget).
  limit::Rate budget{200, std::chrono::seconds(1), 400};
  limit::Rate reply_budget{1000, std::chrono::seconds(1), 2000};  // their responses; again, their keep-alives
  // A source that is over its rates for so long without a pause: all of it is dropped; banned.
  std::chrono::milliseconds excess_drop_all_after = std::chrono::seconds(10);
  std::chrono::milliseconds excess_ban_after = std::chrono::seconds(30);

  // What the softswitch's answers tell, counted over offence_window: so many ban.
  unsigned refused_credentials_max = 10;  // of an address
  unsigned unknown_targets_max = 10;      // of an address
  unsigned offences_prefix_max = 30;      // of both kinds, of a prefix
  std::chrono::milliseconds offence_window = std::chrono::minutes(10);
  unsigned known_refused_users_max =
      10;  // refused users behind a known address: only accepted ones are served

  // After the registration's end, or after the last accepted call.
  std::chrono::milliseconds known_for = std::chrono::hours(24);

  // One forged datagram must not cut anybody off for long; a source that proved that it receives is who it
  // says, and is banned for longer each time. Never empty, each longer than the one before.
  std::chrono::milliseconds ban_unverified = std::chrono::seconds(60);
  std::vector<std::chrono::milliseconds> ban_steps{std::chrono::minutes(10), std::chrono::hours(1),
                                                   std::chrono::hours(24), std::chrono::hours(7 * 24)};
  std::chrono::milliseconds ban_forgive = std::chrono::hours(7 * 24);  // without a ban: one step back
  unsigned prefix_offenders = 5;  // banned addresses that ban their prefix; 0: none do
};

}  // namespace sipward::decide
