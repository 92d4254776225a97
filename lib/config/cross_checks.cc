// The rules over two settings.
#include <algorithm>
#include <array>

#include "config/setting_kinds.h"
#include "config/settings_table.h"

namespace sipward::config {
namespace {

std::string both_port_lists_empty(const Settings& settings) {
  if (!settings.shield.udp_ports.empty() || !settings.shield.tcp_ports.empty()) return {};
  return "shield.udp_ports and shield.tcp_ports are both empty: there is nothing to shield";
}

// A port is read or it is not.
std::string read_ports_are_plain(const Settings& settings) {
  const auto& shield = settings.shield;
  for (const auto* encrypted : {&shield.tls_ports, &shield.ws_ports})
    for (const std::uint16_t port : *encrypted)
      if (std::ranges::find(shield.tcp_ports, port) != shield.tcp_ports.end())
        return fmt::format(
            "port {} is in shield.tcp_ports and in shield.{}: either its content is read or it is not", port,
            encrypted == &shield.tls_ports ? "tls_ports" : "ws_ports");
  return {};
}

std::string queue_numbers_fit(const Settings& settings) {
  const auto& shield = settings.shield;
  const unsigned workers = shield.workers == 0 ? kWorkersMax : shield.workers;
  const unsigned first_max =
      65535 - workers - 1;  // behind the workers': that of known sources, and the peers'
  if (shield.first_queue <= first_max) return {};
  return fmt::format(
      "shield.first_queue {} and shield.workers {}{} do not fit: queue numbers end at 65535, so "
      "shield.first_queue can be at most {}",
      shield.first_queue, shield.workers, shield.workers == 0 ? " (up to 64)" : "", first_max);
}

std::string burst_fits_queue(const Settings& settings) {
  if (settings.guard.unknown_burst < settings.shield.queue_length) return {};
  return fmt::format(
      "guard.unknown_burst {} must be less than shield.queue_length {}: otherwise one burst alone fills a "
      "queue",
      settings.guard.unknown_burst, settings.shield.queue_length);
}

std::string proof_bans_longer(const Settings& settings) {
  const auto first = settings.policy.ban_steps.front();
  if (settings.policy.ban_unverified <= first) return {};
  return fmt::format(
      "bans.unverified {} is longer than the first of bans.steps, {}: a source whose packet may be forged "
      "would be banned for longer than one that is proven",
      spell_duration(settings.policy.ban_unverified), spell_duration(first));
}

std::string dropped_before_banned(const Settings& settings) {
  const auto& policy = settings.policy;
  if (policy.excess_drop_all_after <= policy.excess_ban_after) return {};
  return fmt::format(
      "limits.drop_all_after {} is longer than limits.ban_after {}: a source would be banned before it is no "
      "longer served",
      spell_duration(policy.excess_drop_all_after), spell_duration(policy.excess_ban_after));
}

// A text that a template can be made for.
template <std::size_t size>
struct Literal {
  char text[size];
  consteval Literal(const char (&from)[size]) { std::copy_n(from, size, text); }  // NOLINT: implicit
};

bool is_below(const limit::Rate& rate, const limit::Rate& other) {
  if (!rate.limited() || !other.limited()) return false;
  return rate.interval() > other.interval() || rate.burst() < other.burst();
}
bool is_below(unsigned cap, unsigned other) {
  return cap != 0 && other != 0 && cap < other;
}

std::string spell(const limit::Rate& rate) {
  return spell_rate(rate);
}
std::string spell(unsigned cap) {
  return fmt::format("{}", cap);
}

// "off" and 0 are no limit: then the other one limits alone.
template <Literal name, Literal prefix_name, auto of_address, auto of_prefix>
std::string prefix_holds_address(const Settings& settings) {
  const auto& address = of_address(settings);
  const auto& prefix = of_prefix(settings);
  if (!is_below(prefix, address)) return {};
  return fmt::format(
      "{} {} is below {} {}: one address alone would be stopped by what all of its prefix may do",
      prefix_name.text, spell(prefix), name.text, spell(address));
}

#define OF_PREFIX(table, key, address, prefix)                                                     \
  CrossCheck {                                                                                     \
    table "." key, table ".prefix_" key,                                                           \
        prefix_holds_address<table "." key, table ".prefix_" key, MEMBER(address), MEMBER(prefix)> \
  }
#define RATE_OF_PREFIX(table, key, allowance, path) \
  OF_PREFIX(table, key, policy.allowance.address.path, policy.allowance.prefix.path)
#define CAP_OF_PREFIX(table, key, allowance, path) \
  OF_PREFIX(table, key, policy.allowance.path.address, policy.allowance.path.prefix)
#define OF_CLASS(table, allowance)                               \
  RATE_OF_PREFIX(table, "requests", allowance, requests),        \
      RATE_OF_PREFIX(table, "sustained", allowance, sustained),  \
      RATE_OF_PREFIX(table, "register", allowance, by_group[0]), \
      RATE_OF_PREFIX(table, "invite", allowance, by_group[1]),   \
      RATE_OF_PREFIX(table, "other", allowance, by_group[2]),    \
      RATE_OF_PREFIX(table, "not_sip", allowance, by_group[3]),  \
      CAP_OF_PREFIX(table, "flows", allowance, flows), CAP_OF_PREFIX(table, "open", allowance, open)

constexpr std::array kCrossChecks{
    CrossCheck{"shield.udp_ports", "shield.tcp_ports", both_port_lists_empty},
    CrossCheck{"shield.tcp_ports", "shield.tls_ports", read_ports_are_plain},
    CrossCheck{"shield.first_queue", "shield.workers", queue_numbers_fit},
    CrossCheck{"guard.unknown_burst", "shield.queue_length", burst_fits_queue},
    CrossCheck{"limits.drop_all_after", "limits.ban_after", dropped_before_banned},
    OF_CLASS("limits.unknown", unknown_allowance),
    OF_CLASS("limits.known", known_allowance),
    CrossCheck{"bans.unverified", "bans.steps", proof_bans_longer},
};

}  // namespace

std::span<const CrossCheck> cross_checks() {
  return kCrossChecks;
}

}  // namespace sipward::config
