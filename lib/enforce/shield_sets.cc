// What table `inet sipward` counts and remembers.
#include <array>
#include <string>

#include "enforce/shield_parts.h"

namespace sipward::enforce {
namespace {

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
    CounterText{"known_rate", "dropped: one known source over guard.known_rate"},
    CounterText{"flows", "dropped: too many TCP connections of one unlisted source or net"},
    CounterText{"connection_rate", "dropped: one source opens encrypted connections too fast"},
    CounterText{"connections", "dropped: one source has too many encrypted connections"},
    CounterText{"encrypted", "passed: to an encrypted port, content not read"},
    CounterText{"observed_banned", "observe mode: would be dropped as banned"},
    CounterText{"observed_guard", "observe mode: over a rate of the guard, passed unread"},
    CounterText{"observed_flows", "observe mode: TCP connections that would be too many"},
    CounterText{"queued", "handed to the daemon"},
    CounterText{"passed", "let pass by the daemon"},
    CounterText{"bypassed_no_daemon", "passed unread: no daemon was running"},
    CounterText{"bypassed_queue_full", "passed unread: the queue was full"},
    CounterText{"answers_copied", "the softswitch's answers, copied to the daemon"},
};

struct MeterText {
  const char* stem;
  const char* comment4;
  const char* comment6;
  bool rate;   // else it counts connections: the kernel forgets them when they end
  bool known;  // as many as there may be known sources
};

constexpr std::array kMeters{
    MeterText{"meter", "rates of unlisted addresses", "rates of unlisted /64 nets", true, false},
    MeterText{"known_meter", "rates of known addresses", "rates of known addresses", true, true},
    MeterText{"flows", "TCP connections of unlisted addresses", "TCP connections of unlisted addresses",
              false, false},
    MeterText{"flows_net", "TCP connections of unlisted /24 nets", "TCP connections of unlisted /64 nets",
              false, false},
    MeterText{"connecting", "rates of new encrypted connections", "rates of new encrypted connections", true,
              false},
    MeterText{"connections", "numbers of encrypted connections", "numbers of encrypted connections", false,
              false},
};

constexpr std::array kMeterStems = [] {
  std::array<const char*, kMeters.size()> stems{};
  for (std::size_t i = 0; i < stems.size(); ++i) stems[i] = kMeters[i].stem;
  return stems;
}();

// A tenth more than is asked for: expired elements count until the kernel has collected them.
std::uint32_t with_room(std::uint32_t elements) {
  return elements + elements / 10 + 1000;
}

void add_address_sets(NftBatch& batch, const ShieldTableOptions& options, Family family) {
  const KeyType key = key_type(family);
  const auto add_hosts = [&](const char* stem, const std::string& comment, bool counter, std::uint32_t size) {
    add_set(batch, kTable,
            {.name = set_name(stem, family),
             .comment = comment,
             .key = key,
             .timeout = true,
             .counter = counter,
             .size = size});
  };
  const auto add_pair = [&](const char* stem, const char* who, bool counter, std::uint32_t size) {
    add_hosts(stem, fmt::format("{}: addresses", who), counter, size);
    add_set(batch, kTable,
            {.name = set_name(stem, family, true),
             .comment = fmt::format("{}: nets", who),
             .key = key,
             .interval = true,
             .timeout = true});
  };
  add_pair("trusted", "whitelist, class trusted", false, 0);
  add_pair("peer", "whitelist, class peer", false, 0);
  add_pair("banned", "banned", true, with_room(options.bans_max));
  add_hosts("known", "whose registrations or calls were accepted", false, with_room(options.known_max));
  add_set(batch, kTable,
          {.name = set_name("protected", family),
           .comment = "destinations that are shielded",
           .key = key,
           .interval = true});
  for (const MeterText& meter : kMeters)
    add_set(batch, kTable,
            {.name = set_name(meter.stem, family),
             .comment = family == Family::ipv4 ? meter.comment4 : meter.comment6,
             .key = key,
             .timeout = meter.rate,
             .dynamic = true,
             .size = meter.known ? with_room(options.known_max) : options.sources_max});
}

}  // namespace

std::span<const char* const> meter_stems() {
  return kMeterStems;
}

std::string set_name(std::string_view stem, Family family, bool net) {
  return fmt::format("{}{}{}", stem, net ? "_net" : "", family == Family::ipv4 ? 4 : 6);
}

std::string prefix_set_name(const PrefixLength& prefix) {
  return fmt::format("banned_prefix{}", prefix.length);
}

void add_counters(NftBatch& batch) {
  for (const CounterText& counter : kCounters) add_counter(batch, kTable, counter.name, counter.comment);
}

void add_sets(NftBatch& batch, const ShieldTableOptions& options) {
  add_set(batch, kTable, {.name = "udp_ports", .comment = "SIP over UDP", .key = KeyType::inet_service});
  add_set(batch, kTable, {.name = "tcp_ports", .comment = "SIP over TCP", .key = KeyType::inet_service});
  add_set(batch, kTable,
          {.name = "encrypted_ports", .comment = "SIP over TLS or WebSocket", .key = KeyType::inet_service});
  for (const Family family : kFamilies) add_address_sets(batch, options, family);
  for (const PrefixLength& prefix : kPrefixLengths)
    add_set(batch, kTable,
            {.name = prefix_set_name(prefix),
             .comment = fmt::format("banned: /{} nets", prefix.length),
             .key = key_type(prefix.family),
             .timeout = true,
             .counter = true,
             .size = with_room(kPrefixBansMax)});
}

}  // namespace sipward::enforce
