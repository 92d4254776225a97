#include "config/settings_table.h"

#include <array>

#include "config/limit_rows.h"
#include "config/setting_kinds.h"

namespace sipward::config {
namespace {

using namespace kinds;

constexpr Words<Mode, 2> kModes{{{"enforce", Mode::enforce}, {"observe", Mode::observe}}};
constexpr Words<OnStop, 2> kOnStop{{{"keep-bans", OnStop::keep_bans}, {"remove", OnStop::remove}}};
constexpr Words<bool, 2> kReadOrDrop{{{"read", true}, {"drop", false}}};
constexpr Words<bool, 2> kDropOrPass{{{"drop", true}, {"pass", false}}};
constexpr Words<bool, 2> kPassOrDrop{{{"pass", false}, {"drop", true}}};
constexpr Words<LogLevel, 4> kLogLevels{{{"error", LogLevel::error},
                                         {"warning", LogLevel::warning},
                                         {"info", LogLevel::info},
                                         {"debug", LogLevel::debug}}};

constexpr std::array kSections{
    Section{"shield", "What is protected, and how packets are read."},
    Section{"guard",
            "The kernel's limits for sources that are not whitelisted, charged before a packet is read."},
    Section{"tcp", "How many TCP connections are followed, and how much of them is kept."},
    Section{"policy", "What happens to packets that no rule names."},
    Section{"methods", "Which SIP methods are served, by the class of the source. Names are case-sensitive."},
    Section{"limits",
            "How much sources may send that nothing else speaks against. Whitelisted ones are not limited."},
    Section{"limits.unknown", "What one address or prefix may do of which nothing good is known."},
    Section{"limits.known", "What one may do whose registration or call the softswitch accepted."},
    Section{"behaviour", "What the softswitch's answers tell of a source, and how much of it is too much."},
    Section{"known", "Sources whose registration or call the softswitch accepted."},
    Section{"score", "What happens to sources that several rules with action score hit."},
    Section{"bans", "How long sources are banned, and how many."},
    Section{"paths", "Where things are kept. All absolute."},
    Section{"control", "Who may use the sipward command, besides root."},
    Section{"log", "What goes to the log."},
};

constexpr std::array kTrafficRows{
    row<Choice<MEMBER(shield.mode), kModes>>(
        "shield", "mode",
        "enforce drops and bans; observe decides and counts the same, but drops nothing.\n"
        "Holds at the first start; later starts use the mode last set with `sipward mode`."),
    row<Ports<MEMBER(shield.udp_ports)>>(
        "shield", "udp_ports",
        "Destination ports on which SIP over UDP is read. May be empty if tcp_ports is not."),
    row<Ports<MEMBER(shield.tcp_ports)>>(
        "shield", "tcp_ports",
        "Destination ports on which SIP over TCP is read. May be empty if udp_ports is not."),
    row<Ports<MEMBER(shield.tls_ports)>>(
        "shield", "tls_ports",
        "Destination TCP ports of SIP over TLS. What is sent there cannot be read: bans and the connection "
        "limits of\n"
        "[guard] hold, and nothing else."),
    row<Ports<MEMBER(shield.ws_ports)>>(
        "shield", "ws_ports", "Destination TCP ports of SIP over WebSocket, plain or secure. As tls_ports."),
    row<Nets<MEMBER(shield.protected_nets)>>("shield", "protected",
                                             "Destinations to shield. Empty: every SIP packet that enters "
                                             "this host. On a router, list the softswitch\n"
                                             "here, so that its own traffic toward the world is not read."),
    row<Integer<MEMBER(shield.workers), 0, kWorkersMax>>(
        "shield", "workers",
        "Threads that read packets, each from a queue of its own. 0: one per processor core, at most 64."),
    row<Integer<MEMBER(shield.first_queue), 0, 65535>>(
        "shield", "first_queue",
        "The first netfilter queue number. As many follow as there are workers, one more for known sources "
        "and\n"
        "one for peers. Change it if another program on this host uses these numbers, as a queue or a log "
        "group."),
    row<Integer<MEMBER(shield.queue_length), 64, 1048576>>(
        "shield", "queue_length", "Packets that each queue may hold while the workers are busy."),
    row<Toggle<MEMBER(shield.fail_open)>>(
        "shield", "fail_open",
        "Whether packets pass unread when a queue is full. true: an overloaded shield never costs a call.\n"
        "false: nothing passes unread, and legitimate packets are lost with the others."),
    row<Choice<MEMBER(shield.on_stop), kOnStop>>("shield", "on_stop",
                                                 "What stays in the kernel when the daemon stops. keep-bans: "
                                                 "banned sources stay banned, other packets pass.\n"
                                                 "remove: everything is taken away."),

    row<Integer<MEMBER(guard.source_rate_per_s), 1, 1000000>>(
        "guard", "source_rate",
        "Packets per second from one address; more are dropped. A busy office phone system stays far below "
        "it."),
    row<Integer<MEMBER(guard.source_burst), 1, 1000000>>(
        "guard", "source_burst", "Packets that one address may send at once before source_rate counts."),
    row<Integer<MEMBER(guard.unknown_rate_per_s), 1, 10000000>>(
        "guard", "unknown_rate",
        "Packets per second from all sources together that are not whitelisted. It bounds what a flood from "
        "many\n"
        "forged addresses, each below source_rate, can make the shield and the softswitch do."),
    row<Integer<MEMBER(guard.unknown_burst), 1, 1048575>>(
        "guard", "unknown_burst",
        "Packets that all these sources may send at once. Less than shield.queue_length: otherwise one burst "
        "alone\n"
        "fills a queue."),
    row<Integer<MEMBER(guard.known_rate_per_s), 1, 1000000>>(
        "guard", "known_rate", "Packets per second from one known address: a site of many phones behind it."),
    row<Integer<MEMBER(guard.known_burst), 1, 1000000>>(
        "guard", "known_burst",
        "Packets that one known address may send at once before known_rate counts: all its phones after an "
        "outage."),
    row<Integer<MEMBER(guard.connection_rate_per_s), 1, 1000000>>(
        "guard", "connection_rate",
        "New connections per second from one address to tls_ports and ws_ports together; more are dropped."),
    row<Integer<MEMBER(guard.connection_burst), 1, 1000000>>(
        "guard", "connection_burst",
        "Connections that one address may open at once before connection_rate counts: all phones behind one\n"
        "address that connect again after an outage."),
    row<Integer<MEMBER(guard.connections_max), 1, 1000000>>(
        "guard", "connections_max",
        "Connections that one address may have to tls_ports and ws_ports together."),
    row<Integer<MEMBER(guard.sources_max), 1024, 4194304>>(
        "guard", "sources_max",
        "Addresses that are metered at once, per family (IPv4, IPv6). It bounds the kernel's memory; beyond "
        "it\n"
        "unknown_rate alone limits new addresses."),

    row<Integer<MEMBER(tcp.connections_max), 1024, 16777216>>(
        "tcp", "connections_max",
        "Connections to tcp_ports that are followed at once. Of more, one that has not completed its "
        "handshake\n"
        "is forgotten, else the one silent longest: that is ended when it goes on."),
    row<Integer<MEMBER(tcp.connections_per_source), 1, 1048576>>("tcp", "connections_per_source",
                                                                 "Those of one address."),
    row<Integer<MEMBER(tcp.memory_mib), 8, 65536>>(
        "tcp", "memory_mib",
        "MiB that unfinished messages, and read bytes that retransmissions are compared with, may take "
        "together."),
    row<Integer<MEMBER(tcp.message_max), 1024, 65535>>(
        "tcp", "message_max",
        "Bytes of a message, head and body. A longer one ends its connection. Not more than the softswitch "
        "takes:\n"
        "what it reads behind a message that is too long for it, it may take for another. PJSIP as it comes "
        "takes 4000."),

    row<Choice<MEMBER(policy.serve_unknown), kReadOrDrop>>(
        "policy", "unknown",
        "Packets from sources that are not whitelisted. read: each is judged by its content. drop: nobody "
        "but\n"
        "whitelisted sources is served (IP authentication)."),
    row<Choice<MEMBER(policy.drop_not_sip), kDropOrPass>>(
        "policy", "not_sip",
        "Packets to the SIP ports that hold no SIP. Keepalives (CRLF, STUN) always pass."),
    row<Choice<MEMBER(policy.drop_malformed), kPassOrDrop>>(
        "policy", "malformed",
        "SIP with defects. pass: much deployed equipment sends some, and the softswitch decides."),
    row<Integer<MEMBER(policy.refuse_ban_after), 1, 1000000>>(
        "policy", "refuse_ban_after",
        "A source is banned when it sent this many distinct requests that the method policy refuses, within\n"
        "refuse_window. Not 1: a phone that asks with OPTIONS now and then is no scanner."),
    row<Duration<MEMBER(policy.refuse_window), kSecond_ms, kDay_ms>>(
        "policy", "refuse_window", "The time over which refused requests are counted."),

    table_row<Methods<MEMBER(policy.unknown)>>("methods", "unknown",
                                               "Sources neither whitelisted nor known. allow: served. drop: "
                                               "dropped, never a reason for a ban. refuse: dropped,\n"
                                               "and a source that keeps on is banned. `default` is for all "
                                               "methods that are not named. OPTIONS is refused\n"
                                               "unless it is set here: most scans begin with it."),
    table_row<Methods<MEMBER(policy.known)>>(
        "methods", "known", "Sources whose registration or call the softswitch accepted; see [known]."),
    table_row<Methods<MEMBER(policy.peer)>>(
        "methods", "peer", "Whitelisted sources of class peer. Trusted sources are never read."),
};

constexpr std::array kPlaceRows{
    row<AbsolutePath<MEMBER(paths.rules)>>("paths", "rules", "Folder of the signature rules, *.toml."),
    row<AbsolutePath<MEMBER(paths.database)>>(
        "paths", "database", "SQLite file of the bans, the whitelist, the evidence and the audit log."),
    row<AbsolutePath<MEMBER(paths.runtime)>>("paths", "runtime",
                                             "Folder of the control socket, the lock and the counters."),

    row<GroupName<MEMBER(control.read_group)>>("control", "read_group",
                                               "Members may look: status, stats, lists, explain."),
    row<GroupName<MEMBER(control.admin_group)>>(
        "control", "admin_group", "Members may also change: bans, whitelist, mode. Every change is audited."),

    row<Choice<MEMBER(log_level), kLogLevels>>("log", "level", "The least severe messages that are logged."),
};

template <std::size_t... sizes>
constexpr auto joined(const std::array<Setting, sizes>&... parts) {
  std::array<Setting, (sizes + ...)> all;
  auto at = all.begin();
  ((at = std::copy(parts.begin(), parts.end(), at)), ...);
  return all;
}

constexpr std::array kSettings =
    joined(kTrafficRows, kLimitRows, kUnknownRows, kKnownRows, kConsequenceRows, kPlaceRows);

}  // namespace

std::string Value::found() const {
  switch (type) {
    case Type::boolean:
      return boolean ? "true" : "false";
    case Type::integer:
      return fmt::format("{}", integer);
    case Type::text:
      return "the text " + toml_string(text);
    case Type::list:
      return "a list";
    case Type::table:
      return "a table";
    case Type::other:
      break;
  }
  return text;
}

std::string Setting::name() const {
  return fmt::format("{}.{}", section, key);
}

std::span<const Section> sections() {
  return kSections;
}
std::span<const Setting> settings_table() {
  return kSettings;
}

}  // namespace sipward::config
