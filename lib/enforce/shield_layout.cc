#include "enforce/shield_layout.h"

#include <algorithm>
#include <array>
#include <chrono>
#include <string>
#include <vector>

#include "enforce/nft_objects.h"
#include "enforce/nft_rule.h"

namespace sipward::enforce {
namespace {

constexpr std::array kFamilies{Family::ipv4, Family::ipv6};
constexpr auto kMeterTimeout = std::chrono::seconds(60);

// After defragmentation (-400), before raw (-300).
constexpr int kGatePriority = -310;
// UDP before conntrack (-200), so that a refused packet makes no entry.
constexpr int kUdpInspect = -291;
constexpr int kUdpQueue = -290;
constexpr int kUdpSettle = -289;
// TCP just after conntrack, so that a completed handshake is known, and before mangle (-150).
constexpr int kTcpInspect = -199;
constexpr int kTcpQueue = -198;
constexpr int kTcpSettle = -197;

struct CounterText {
  const char* name;
  const char* comment;
};

constexpr std::array kCounters{
    CounterText{"offered", "SIP packets that arrived"},
    CounterText{"trusted", "passed: from trusted sources, not read"},
    CounterText{"banned", "dropped: from banned sources"},
    CounterText{"source_rate", "dropped: one unlisted source over guard.source_rate"},
    CounterText{"meter_full", "dropped: unlisted sources beyond guard.sources_max, over their share"},
    CounterText{"unknown_budget", "dropped: all unlisted sources together over guard.unknown_rate"},
    CounterText{"connection_rate", "dropped: one source opens encrypted connections too fast"},
    CounterText{"connections", "dropped: one source has too many encrypted connections"},
    CounterText{"encrypted", "passed: to an encrypted port, content not read"},
    CounterText{"observed_banned", "observe mode: would be dropped as banned"},
    CounterText{"observed_guard", "observe mode: over a rate of the guard, passed unread"},
    CounterText{"queued", "handed to the daemon"},
    CounterText{"passed", "let pass by the daemon"},
    CounterText{"bypassed_no_daemon", "passed unread: no daemon was running"},
    CounterText{"bypassed_queue_full", "passed unread: the queue was full"},
};

struct ChainText {
  const char* name;
  const char* comment;
};

constexpr std::array kChains{
    ChainText{"triage", "who sent it: trusted, banned, peer or unlisted"},
    ChainText{"peers", "whitelisted peers are read, without limits"},
    ChainText{"unlisted", "all others: below the rates they are read"},
    ChainText{"settle", "what came back from the daemon"},
    ChainText{"encrypted", "to a port whose content cannot be read: who sent it"},
    ChainText{"connecting", "to a port whose content cannot be read: connections are limited"},
};

void add_sets(NftBatch& batch, const ShieldTableOptions& options) {
  add_set(batch, kTable, {.name = "udp_ports", .comment = "SIP over UDP", .key = KeyType::inet_service});
  add_set(batch, kTable, {.name = "tcp_ports", .comment = "SIP over TCP", .key = KeyType::inet_service});
  add_set(batch, kTable,
          {.name = "encrypted_ports", .comment = "SIP over TLS or WebSocket", .key = KeyType::inet_service});
  for (const Family family : kFamilies) {
    const KeyType key = key_type(family);
    const auto add_pair = [&](const char* stem, const char* who, bool counter, std::uint32_t size) {
      add_set(batch, kTable,
              {.name = set_name(stem, family),
               .comment = fmt::format("{}: addresses", who),
               .key = key,
               .timeout = true,
               .counter = counter,
               .size = size});
      add_set(batch, kTable,
              {.name = set_name(stem, family, true),
               .comment = fmt::format("{}: nets", who),
               .key = key,
               .interval = true,
               .timeout = true});
    };
    add_pair("trusted", "whitelist, class trusted", false, 0);
    add_pair("peer", "whitelist, class peer", false, 0);
    // A tenth more than the ledger allows: expired elements count until the kernel has collected them.
    add_pair("banned", "banned", true, options.bans_max + options.bans_max / 10 + 1000);
    add_set(batch, kTable,
            {.name = set_name("protected", family),
             .comment = "destinations that are shielded",
             .key = key,
             .interval = true});
    add_set(batch, kTable,
            {.name = set_name("meter", family),
             .comment = family == Family::ipv4 ? "rates of unlisted addresses" : "rates of unlisted /64 nets",
             .key = key,
             .timeout = true,
             .dynamic = true,
             .size = options.sources_max});
    add_set(batch, kTable,
            {.name = set_name("connecting", family),
             .comment = "rates of new encrypted connections",
             .key = key,
             .timeout = true,
             .dynamic = true,
             .size = options.sources_max});
    add_set(batch, kTable,
            {.name = set_name("connections", family),
             .comment = "numbers of encrypted connections",
             .key = key,
             .dynamic = true,
             .size = options.sources_max});
  }
}

void add_chains(NftBatch& batch) {
  add_base_chain(batch, kTable, "gate", kGatePriority, "which packets are SIP for a shielded destination");
  for (const ChainText& chain : kChains) add_chain(batch, kTable, chain.name, chain.comment);
  add_base_chain(batch, kTable, "inspect_udp", kUdpInspect, "counts what is handed to the daemon");
  add_base_chain(batch, kTable, "inspect_tcp", kTcpInspect, "the same for TCP, after conntrack");
  add_base_chain(batch, kTable, "settle_udp", kUdpSettle, "UDP that the daemon did not drop");
  add_base_chain(batch, kTable, "settle_tcp", kTcpSettle, "TCP that the daemon did not drop");
}

std::vector<Element> port_elements(const std::vector<std::uint16_t>& ports) {
  std::vector<Element> elements;
  for (const std::uint16_t port : ports)
    elements.push_back({.key = {static_cast<std::byte>(port >> 8U), static_cast<std::byte>(port & 0xffU)}});
  return elements;
}

// Rules for packets to `ports` of a shielded destination.
void add_scope(NftBatch& batch, const char* chain, const char* comment, bool udp, const char* ports,
               bool all_destinations, const char* go_to) {
  for (const Family family : kFamilies) {
    Rule rule(kTable, chain, comment);
    udp ? rule.udp() : rule.tcp();
    rule.port_in(ports);
    if (!all_destinations) rule.destination_in(family, set_name("protected", family));
    add_rule(batch, rule.go_to(go_to));
    if (all_destinations) break;
  }
}

void fill_gate(NftBatch& batch, const ShieldTableOptions& options) {
  add_rule(batch, Rule(kTable, "gate", "traffic within this host").from_loopback().accept());
  const bool all = options.protected_nets.empty();
  add_scope(batch, "gate", "SIP over UDP", true, "udp_ports", all, "triage");
  add_scope(batch, "gate", "SIP over TCP", false, "tcp_ports", all, "triage");
  add_scope(batch, "gate", "SIP over TLS or WebSocket", false, "encrypted_ports", all, "encrypted");
}

// For the addresses and nets of both families.
template <class Finish>
void each_set(NftBatch& batch, const char* chain, const char* stem, const char* comment,
              const Finish& finish) {
  for (const Family family : kFamilies) {
    for (const bool net : {false, true}) {
      Rule rule(kTable, chain, comment);
      rule.source_in(family, set_name(stem, family, net));
      finish(rule);
      add_rule(batch, rule);
    }
  }
}

void refuse_banned(NftBatch& batch, const char* chain, const ShieldTableOptions& options) {
  each_set(batch, chain, "banned", "banned", [&](Rule& rule) {
    if (options.observe)
      rule.count("observed_banned");
    else
      rule.count("banned").drop();
  });
}

void fill_triage(NftBatch& batch, const ShieldTableOptions& options) {
  const auto let_trusted = [](Rule& rule) { rule.count("trusted").accept(); };
  add_rule(batch, Rule(kTable, "triage").count("offered"));
  each_set(batch, "triage", "trusted", "whitelisted: passes unread", let_trusted);
  each_set(batch, "triage", "peer", "whitelisted peer: read", [](Rule& rule) { rule.go_to("peers"); });
  refuse_banned(batch, "triage", options);
  add_rule(batch, Rule(kTable, "triage").go_to("unlisted"));
  add_rule(batch, Rule(kTable, "peers").mark_set(kMarkRead | kMarkPeer));

  add_rule(batch, Rule(kTable, "encrypted").count("offered"));
  each_set(batch, "encrypted", "trusted", "whitelisted", let_trusted);
  each_set(batch, "encrypted", "peer", "whitelisted peer", [](Rule& rule) { rule.accept(); });
  refuse_banned(batch, "encrypted", options);
}

// After conntrack, which counts the connections.
void fill_connecting(NftBatch& batch, const ShieldTableOptions& options, Duty duty) {
  each_set(batch, "connecting", "trusted", "counted at the gate", [](Rule& rule) { rule.accept(); });
  each_set(batch, "connecting", "peer", "whitelisted peer",
           [](Rule& rule) { rule.count("encrypted").accept(); });
  const auto refuse = [&](Rule& rule, const char* counter) {
    if (options.observe)
      add_rule(batch, rule.count("observed_guard").accept());
    else
      add_rule(batch, rule.count(counter).drop());
  };
  for (const Family family : kFamilies) {
    if (duty == Duty::stood_down) break;
    Rule rate(kTable, "connecting", "one source opens too many");
    rate.ct_new().source_rate_over(family, set_name("connecting", family), kMeterTimeout,
                                   options.connection_rate_per_s, options.connection_burst);
    refuse(rate, "connection_rate");
    Rule number(kTable, "connecting", "one source has too many");
    number.ct_new().connections_over(family, set_name("connections", family), options.connections_max);
    refuse(number, "connections");
  }
  add_rule(batch, Rule(kTable, "connecting").count("encrypted"));
}

void fill_guard(NftBatch& batch, const ShieldTableOptions& options) {
  const auto refuse = [&](Rule& rule, const char* counter) {
    if (options.observe)
      add_rule(batch, rule.count("observed_guard").accept());
    else
      add_rule(batch, rule.count(counter).drop());
  };
  for (const Family family : kFamilies) {
    Rule rule(kTable, "unlisted", "one source");
    rule.source_rate_over(family, set_name("meter", family), kMeterTimeout, options.source_rate_per_s,
                          options.source_burst);
    refuse(rule, "source_rate");
  }
  // When forged sources have filled the meter, newcomers share a quarter of the budget and cannot take the
  // rest from the sources that are metered already.
  const std::uint32_t share = std::max(options.unknown_rate_per_s / 4, 1U);
  for (const Family family : kFamilies) {
    Rule rule(kTable, "unlisted", "sources beyond the meter's size");
    rule.source_not_metered(family, set_name("meter", family))
        .rate_over(share, std::max(options.unknown_burst / 4, 1U));
    refuse(rule, "meter_full");
  }
  Rule rule(kTable, "unlisted", "all unlisted sources together");
  rule.rate_over(options.unknown_rate_per_s, options.unknown_burst);
  refuse(rule, "unknown_budget");
}

void fill_inspect(NftBatch& batch, const ShieldTableOptions& options) {
  add_rule(batch, Rule(kTable, "inspect_udp").mark_has(kMarkRead).udp().count("queued"));
  // Asking for the connection's state also makes the kernel put fragments together before the gate.
  add_rule(batch, Rule(kTable, "inspect_tcp", "its handshake was completed")
                      .mark_has(kMarkRead)
                      .tcp()
                      .ct_assured()
                      .mark_set(kMarkVerified));
  add_rule(batch, Rule(kTable, "inspect_tcp").mark_has(kMarkRead).tcp().count("queued"));
  add_rule(batch, Rule(kTable, "inspect_tcp", "traffic within this host").from_loopback().accept());
  add_scope(batch, "inspect_tcp", "SIP over TLS or WebSocket", false, "encrypted_ports",
            options.protected_nets.empty(), "connecting");
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

std::string queue_chain(unsigned index) {
  return fmt::format("worker_{}", index);
}

void add_queue_rule(NftBatch& batch, const std::string& chain, std::uint16_t number, QueueTarget target) {
  Rule rule(kQueueTable, chain);
  add_rule(batch, target == QueueTarget::native ? rule.queue_native(number) : rule.queue_compat(number));
}

}  // namespace

std::string set_name(std::string_view stem, Family family, bool net) {
  return fmt::format("{}{}{}", stem, net ? "_net" : "", family == Family::ipv4 ? 4 : 6);
}

void replace_shield_rules(NftBatch& batch, const ShieldTableOptions& options, Duty duty) {
  for (const char* chain : {"gate", "triage", "peers", "unlisted", "encrypted", "connecting", "inspect_udp",
                            "inspect_tcp", "settle_udp", "settle_tcp", "settle"})
    flush_chain(batch, kTable, chain);
  fill_ports(batch, options);
  fill_gate(batch, options);
  fill_triage(batch, options);
  if (duty == Duty::reading) fill_guard(batch, options);
  add_rule(batch, Rule(kTable, "unlisted").mark_set(kMarkRead));
  fill_inspect(batch, options);
  fill_connecting(batch, options, duty);
  fill_settle(batch);
}

void add_shield_table(NftBatch& batch, const ShieldTableOptions& options, std::string_view comment,
                      Duty duty) {
  add_table(batch, kTable, comment);
  for (const CounterText& counter : kCounters) add_counter(batch, kTable, counter.name, counter.comment);
  add_sets(batch, options);
  add_chains(batch);
  replace_shield_rules(batch, options, duty);
}

void add_queue_table(NftBatch& batch, const ShieldTableOptions& options, QueueTarget target) {
  add_table(batch, kQueueTable, "Sipward: packets to be read, to their workers; gone when the daemon is",
            Ownership::owned);
  std::vector<std::string> chains;
  for (unsigned i = 0; i <= options.workers; ++i) {
    const std::string chain = i == options.workers ? "peers" : queue_chain(i);
    add_chain(batch, kQueueTable, chain, "");
    add_queue_rule(batch, chain, static_cast<std::uint16_t>(options.first_queue + i), target);
    if (i < options.workers) chains.push_back(chain);
  }
  add_chain(batch, kQueueTable, "shards", "a source and its net always meet the same worker");
  add_rule(batch, Rule(kQueueTable, "shards").mark_set(kMarkQueued));
  add_rule(batch, Rule(kQueueTable, "shards").mark_has(kMarkPeer).go_to("peers"));
  std::uint32_t map_id = 1000;  // any number that no other set of this batch has
  for (const Family family : kFamilies) {
    add_chain_map(batch, kQueueTable, chains, ++map_id);
    add_rule(batch, Rule(kQueueTable, "shards").shard_by_net(family, options.workers, "__map%d", map_id));
  }
  add_base_chain(batch, kQueueTable, "udp", kUdpQueue, "");
  add_base_chain(batch, kQueueTable, "tcp", kTcpQueue, "");
  add_rule(batch, Rule(kQueueTable, "udp").mark_has(kMarkRead).udp().go_to("shards"));
  add_rule(batch, Rule(kQueueTable, "tcp").mark_has(kMarkRead).tcp().go_to("shards"));
}

}  // namespace sipward::enforce
