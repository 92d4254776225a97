#include "enforce/shield_layout.h"

#include <algorithm>
#include <array>
#include <chrono>
#include <string>
#include <vector>

#include "enforce/shield_parts.h"

namespace sipward::enforce {
namespace {

constexpr auto kMeterTimeout = std::chrono::seconds(60);

// After defragmentation (-400), before raw (-300).
constexpr int kGatePriority = -310;
// UDP before conntrack (-200), so that a refused packet makes no entry.
constexpr int kUdpInspect = -291;
constexpr int kUdpSettle = -289;
// TCP just after conntrack, so that a completed handshake is known, and before mangle (-150).
constexpr int kTcpInspect = -199;
constexpr int kTcpSettle = -197;

struct ChainText {
  const char* name;
  const char* comment;
};

constexpr std::array kChains{
    ChainText{"triage", "who sent it: trusted, peer, banned, known or unlisted"},
    ChainText{"peers", "whitelisted peers are read, without limits"},
    ChainText{"known", "whose registrations or calls were accepted: read, below a generous rate"},
    ChainText{"unlisted", "all others: below the rates they are read"},
    ChainText{"flows", "new TCP connections of unlisted sources"},
    ChainText{"settle", "what came back from the daemon"},
    ChainText{"encrypted", "to a port whose content cannot be read: who sent it"},
    ChainText{"connecting", "to a port whose content cannot be read: connections are limited"},
};

void add_chains(NftBatch& batch, const ShieldTableOptions& options) {
  const auto add_base = [&](const char* name, int priority, const char* comment) {
    add_base_chain(batch, kTable, name, Hook::prerouting, priority, comment);
  };
  add_base("gate", kGatePriority, "which packets are SIP for a shielded destination");
  for (const ChainText& chain : kChains) add_chain(batch, kTable, chain.name, chain.comment);
  add_base("inspect_udp", kUdpInspect, "counts what is handed to the daemon");
  add_base("inspect_tcp", kTcpInspect, "the same for TCP, after conntrack");
  add_base("settle_udp", kUdpSettle, "UDP that the daemon did not drop");
  add_base("settle_tcp", kTcpSettle, "TCP that the daemon did not drop");
  add_answer_chains(batch, options);
}

std::vector<Element> port_elements(const std::vector<std::uint16_t>& ports) {
  std::vector<Element> elements;
  for (const std::uint16_t port : ports)
    elements.push_back({.key = {static_cast<std::byte>(port >> 8U), static_cast<std::byte>(port & 0xffU)}});
  return elements;
}

void fill_gate(NftBatch& batch, const ShieldTableOptions& options) {
  add_rule(batch, Rule(kTable, "gate", "traffic within this host").from_loopback().accept());
  const auto go_to = [](const char* chain) { return [chain](Rule& rule) { rule.go_to(chain); }; };
  each_in_scope(batch, options, {"gate", "SIP over UDP", true, "udp_ports"}, go_to("triage"));
  each_in_scope(batch, options, {"gate", "SIP over TCP", false, "tcp_ports"}, go_to("triage"));
  each_in_scope(batch, options, {"gate", "SIP over TLS or WebSocket", false, "encrypted_ports"},
                go_to("encrypted"));
}

void refuse_banned(const ShieldTableOptions& options, Rule& rule) {
  if (options.observe)
    rule.count("observed_banned");
  else
    rule.count("banned").drop();
}

void refuse_banned_prefixes(NftBatch& batch, const char* chain, const ShieldTableOptions& options) {
  for (const PrefixLength& prefix : kPrefixLengths) {
    Rule rule(kTable, chain, "banned with its neighbours");
    rule.address_in({prefix.family, prefix.length}, prefix_set_name(prefix));
    refuse_banned(options, rule);
    add_rule(batch, rule);
  }
}

template <class Finish>
void each_known(NftBatch& batch, const char* chain, const Finish& finish) {
  for (const Family family : kFamilies) {
    Rule rule(kTable, chain, "known: no ban of its neighbours holds for it");
    rule.address_in(whole(family), set_name("known", family));
    finish(rule);
    add_rule(batch, rule);
  }
}

// The order is a promise: no ban of a net cuts off what an operator whitelisted, none of neighbours a known
// source.
void fill_triage(NftBatch& batch, const ShieldTableOptions& options) {
  const auto let_trusted = [](Rule& rule) { rule.count("trusted").accept(); };
  const auto banned = [&](Rule& rule) { refuse_banned(options, rule); };
  const auto each = [&](const char* chain, const char* stem, const char* comment, const auto& finish) {
    each_set(batch, chain, stem, comment, Side::source, finish);
  };
  add_rule(batch, Rule(kTable, "triage").count("offered"));
  each("triage", "trusted", "whitelisted: passes unread", let_trusted);
  each("triage", "peer", "whitelisted peer: read", [](Rule& rule) { rule.go_to("peers"); });
  each("triage", "banned", "banned", banned);
  each_known(batch, "triage", [](Rule& rule) { rule.go_to("known"); });
  refuse_banned_prefixes(batch, "triage", options);
  add_rule(batch, Rule(kTable, "triage").go_to("unlisted"));
  add_rule(batch, Rule(kTable, "peers").mark_set(kMarkRead | kMarkPeer));

  add_rule(batch, Rule(kTable, "encrypted").count("offered"));
  each("encrypted", "trusted", "whitelisted", let_trusted);
  each("encrypted", "peer", "whitelisted peer", [](Rule& rule) { rule.accept(); });
  each("encrypted", "banned", "banned", banned);
  each_known(batch, "encrypted", [](Rule& rule) { rule.accept(); });
  refuse_banned_prefixes(batch, "encrypted", options);
}

// Limits of the kernel's own count IPv6 sources by /64: that is the least anybody is given.
AddressKey metered(Family family) {
  return family == Family::ipv4 ? whole(family) : neighbourhood(family);
}

// After conntrack, which counts the connections.
void fill_connecting(NftBatch& batch, const ShieldTableOptions& options, const Duty& duty) {
  each_set(batch, "connecting", "trusted", "counted at the gate", Side::source,
           [](Rule& rule) { rule.accept(); });
  each_set(batch, "connecting", "peer", "whitelisted peer", Side::source,
           [](Rule& rule) { rule.count("encrypted").accept(); });
  for (const Family family : kFamilies) {
    if (!duty.reading) break;
    Rule rate(kTable, "connecting", "one source opens too many");
    rate.ct_new().rate_over_of(metered(family), set_name("connecting", family), kMeterTimeout,
                               options.connection_rate_per_s, options.connection_burst);
    refuse(batch, options, rate, "connection_rate");
    Rule number(kTable, "connecting", "one source has too many");
    number.ct_new().connections_over(metered(family), set_name("connections", family),
                                     options.connections_max);
    refuse(batch, options, number, "connections");
  }
  add_rule(batch, Rule(kTable, "connecting").count("encrypted"));
}

void fill_known(NftBatch& batch, const ShieldTableOptions& options, const Duty& duty) {
  for (const Family family : kFamilies) {
    if (!duty.reading) break;
    Rule rule(kTable, "known", "one source");
    rule.rate_over_of(whole(family), set_name("known_meter", family), kMeterTimeout, options.known_rate_per_s,
                      options.known_burst);
    refuse(batch, options, rule, "known_rate");
  }
  add_rule(batch, Rule(kTable, "known").mark_set(kMarkRead | kMarkKnown));
}

void fill_guard(NftBatch& batch, const ShieldTableOptions& options) {
  for (const Family family : kFamilies) {
    Rule rule(kTable, "unlisted", "one source");
    rule.rate_over_of(metered(family), set_name("meter", family), kMeterTimeout, options.source_rate_per_s,
                      options.source_burst);
    refuse(batch, options, rule, "source_rate");
  }
  // When forged sources have filled the meter, newcomers share a quarter of the budget and cannot take the
  // rest from the sources that are metered already.
  const std::uint32_t share = std::max(options.unknown_rate_per_s / 4, 1U);
  for (const Family family : kFamilies) {
    Rule rule(kTable, "unlisted", "sources beyond the meter's size");
    rule.address_not_in(metered(family), set_name("meter", family))
        .rate_over(share, std::max(options.unknown_burst / 4, 1U));
    refuse(batch, options, rule, "meter_full");
  }
  Rule rule(kTable, "unlisted", "all unlisted sources together");
  rule.rate_over(options.unknown_rate_per_s, options.unknown_burst);
  refuse(batch, options, rule, "unknown_budget");
}

// After conntrack, which counts the connections; each packet is counted once.
void fill_flows(NftBatch& batch, const ShieldTableOptions& options) {
  const auto limit = [&](const AddressKey& key, const char* comment, const char* stem, std::uint32_t most) {
    if (most == 0) return;
    Rule rule(kTable, "flows", comment);
    rule.connections_over(key, set_name(stem, key.family), most);
    add_rule(batch, options.observe ? rule.count("observed_flows").leave() : rule.count("flows").drop());
  };
  for (const Family family : kFamilies) {
    limit(whole(family), "one source has too many", "flows", options.tcp_flows_address);
    limit(neighbourhood(family), "one net has too many", "flows_net", options.tcp_flows_prefix);
  }
}

void fill_inspect(NftBatch& batch, const ShieldTableOptions& options, const Duty& duty) {
  add_rule(batch, Rule(kTable, "inspect_udp").mark_has(kMarkRead).udp().count("queued"));
  // Asking for the connection's state also makes the kernel put fragments together before the gate.
  add_rule(batch, Rule(kTable, "inspect_tcp", "its handshake was completed")
                      .mark_has(kMarkRead)
                      .tcp()
                      .ct_assured()
                      .mark_set(kMarkVerified));
  if (duty.reading)
    add_rule(batch, Rule(kTable, "inspect_tcp", "neither known nor whitelisted")
                        .mark_is(kMarkRead, kMarkRead | kMarkPeer | kMarkKnown)
                        .tcp()
                        .ct_new()
                        .jump("flows"));
  add_rule(batch, Rule(kTable, "inspect_tcp").mark_has(kMarkRead).tcp().count("queued"));
  add_rule(batch, Rule(kTable, "inspect_tcp", "traffic within this host").from_loopback().accept());
  each_in_scope(batch, options, {"inspect_tcp", "SIP over TLS or WebSocket", false, "encrypted_ports"},
                [](Rule& rule) { rule.go_to("connecting"); });
}

void fill_settle(NftBatch& batch) {
  add_rule(batch, Rule(kTable, "settle_udp").mark_has(kMarkRead).udp().jump("settle"));
  add_rule(batch, Rule(kTable, "settle_tcp").mark_has(kMarkRead).tcp().jump("settle"));
  add_rule(batch, Rule(kTable, "settle").mark_has(kMarkPassed).count("passed").mark_clear(kMarkAll).accept());
  add_rule(batch, Rule(kTable, "settle")
                      .mark_has(kMarkQueued)
                      .count("bypassed_queue_full")
                      .mark_clear(kMarkAll)
                      .accept());
  add_rule(batch, Rule(kTable, "settle").count("bypassed_no_daemon").mark_clear(kMarkAll).accept());
}

void fill_ports(NftBatch& batch, const ShieldTableOptions& options) {
  flush_set(batch, kTable, "udp_ports");
  flush_set(batch, kTable, "tcp_ports");
  flush_set(batch, kTable, "encrypted_ports");
  add_elements(batch, kTable, "udp_ports", port_elements(options.udp_ports));
  add_elements(batch, kTable, "tcp_ports", port_elements(options.tcp_ports));
  add_elements(batch, kTable, "encrypted_ports", port_elements(options.encrypted_ports));
}

constexpr std::array kPrerouting{"gate",       "triage",     "peers", "known",       "unlisted",
                                 "encrypted",  "connecting", "flows", "inspect_udp", "inspect_tcp",
                                 "settle_udp", "settle_tcp", "settle"};

}  // namespace

void replace_shield_rules(NftBatch& batch, const ShieldTableOptions& options, const Duty& duty) {
  for (const char* chain : kPrerouting) flush_chain(batch, kTable, chain);
  fill_ports(batch, options);
  fill_gate(batch, options);
  fill_triage(batch, options);
  if (duty.reading) fill_guard(batch, options);
  add_rule(batch, Rule(kTable, "unlisted").mark_set(kMarkRead));
  fill_known(batch, options, duty);
  if (duty.reading) fill_flows(batch, options);
  fill_inspect(batch, options, duty);
  fill_connecting(batch, options, duty);
  fill_settle(batch);
  fill_answers(batch, options, duty);
}

void stand_down_shield_rules(NftBatch& batch, const ShieldTableOptions& options) {
  replace_shield_rules(batch, options, {});
  remove_answers(batch);
}

void add_shield_table(NftBatch& batch, const ShieldTableOptions& options, std::string_view comment,
                      const Duty& duty) {
  add_table(batch, kTable, comment);
  add_counters(batch);
  add_sets(batch, options);
  add_chains(batch, options);
  replace_shield_rules(batch, options, duty);
}

}  // namespace sipward::enforce
