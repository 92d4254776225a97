// The rows of what sources may do and what follows when they do more: [limits] to [bans]. For
// settings_table.cc alone.
#pragma once

#include <array>

#include "config/setting_kinds.h"

// The member of a class's allowance that a row sets.
#define OF_CLASS(path)               \
  [](auto& settings) -> auto& {      \
    return allowance(settings).path; \
  }

namespace sipward::config::kinds {

inline constexpr std::int64_t kCapMax = 1'000'000;

// The rows of one class's table.
template <auto allowance>
[[nodiscard]] constexpr auto allowance_rows(std::string_view section) {
  return std::array{
      row<Rate<OF_CLASS(address.requests)>>(section, "requests", "All requests of one address, short-term."),
      row<Rate<OF_CLASS(address.sustained)>>(section, "sustained",
                                             "All requests of one address, over a longer time."),
      row<Rate<OF_CLASS(address.by_group[0])>>(section, "register", "REGISTER of one address."),
      row<Rate<OF_CLASS(address.by_group[1])>>(section, "invite", "INVITE of one address."),
      row<Rate<OF_CLASS(address.by_group[2])>>(section, "other",
                                               "Requests of one address with any other method."),
      row<Rate<OF_CLASS(address.by_group[3])>>(
          section, "not_sip",
          "Packets of one address that hold no SIP, where policy.not_sip lets them pass."),
      row<Rate<OF_CLASS(packets)>>(section, "packets",
                                   "Packets of any kind from one address. More is a flood: dropped, and its "
                                   "source banned."),
      row<Rate<OF_CLASS(prefix.requests)>>(
          section, "prefix_requests",
          "As requests, of a /24 (IPv6: /64; a /48 has four times as much) together."),
      row<Rate<OF_CLASS(prefix.sustained)>>(section, "prefix_sustained", "As sustained, of a prefix."),
      row<Rate<OF_CLASS(prefix.by_group[0])>>(section, "prefix_register", "As register, of a prefix."),
      row<Rate<OF_CLASS(prefix.by_group[1])>>(section, "prefix_invite", "As invite, of a prefix."),
      row<Rate<OF_CLASS(prefix.by_group[2])>>(section, "prefix_other", "As other, of a prefix."),
      row<Rate<OF_CLASS(prefix.by_group[3])>>(section, "prefix_not_sip", "As not_sip, of a prefix."),
      row<Integer<OF_CLASS(flows.address), 0, kCapMax>>(
          section, "flows",
          "Source ports (UDP) and connections (TCP) of one address that are in use at once. 0: any number."),
      row<Integer<OF_CLASS(flows.prefix), 0, kCapMax>>(section, "prefix_flows", "As flows, of a prefix."),
      row<Integer<OF_CLASS(open.address), 0, kCapMax>>(
          section, "open", "Open transactions and calls of one address at once. 0: any number."),
      row<Integer<OF_CLASS(open.prefix), 0, kCapMax>>(section, "prefix_open", "As open, of a prefix."),
  };
}

inline constexpr std::array kLimitRows{
    row<Integer<MEMBER(limits.memory_mib), 8, 65536>>(
        "limits", "memory_mib",
        "MiB for what is remembered of sources, of all workers together: 64 hold a million addresses."),
    row<Rate<MEMBER(policy.budget)>>(
        "limits", "budget",
        "Requests of all unknown sources together that reach the softswitch. Half of it is kept for sources "
        "that\n"
        "proved that they receive what is sent to them: a flood of forged addresses takes the other half at "
        "most."),
    row<Rate<MEMBER(policy.reply_budget)>>("limits", "reply_budget",
                                           "What all unknown sources together may send of responses, and "
                                           "again as much of keep-alives: apart, so that\n"
                                           "no flood of one keeps the other or a request away. Half of it "
                                           "is kept for what comes over TCP."),
    row<Duration<MEMBER(policy.excess_drop_all_after), kSecond_ms, kDay_ms>>(
        "limits", "drop_all_after",
        "An unknown source that is over its rates for so long without a pause of 10s is not served at all "
        "until it "
        "pauses."),
    row<Duration<MEMBER(policy.excess_ban_after), kSecond_ms, kDay_ms>>(
        "limits", "ban_after", "An unknown source that is over its rates for so long is banned."),
};

inline constexpr std::array kUnknownRows = allowance_rows<MEMBER(policy.unknown_allowance)>("limits.unknown");
inline constexpr std::array kKnownRows = allowance_rows<MEMBER(policy.known_allowance)>("limits.known");

inline constexpr std::array kConsequenceRows{
    row<Integer<MEMBER(policy.refused_credentials_max), 1, 10000>>(
        "behaviour", "refused_credentials",
        "An unknown address is banned when the softswitch refused so many distinct attempts of it to log "
        "in.\n"
        "Behind a known address it is the user that is not served for the rest of the window."),
    row<Integer<MEMBER(policy.unknown_targets_max), 1, 10000>>(
        "behaviour", "unknown_targets",
        "An unknown address is banned when it asked for so many different users that do not exist."),
    row<Integer<MEMBER(policy.offences_prefix_max), 1, 10000>>(
        "behaviour", "prefix_offences",
        "A prefix is banned when its unknown addresses, bans.prefix_offenders of them at least, did so much "
        "of both."),
    row<Duration<MEMBER(policy.offence_window), kSecond_ms, kDay_ms>>(
        "behaviour", "window", "The time over which all of this is counted."),
    row<Integer<MEMBER(policy.known_refused_users_max), 1, 10000>>(
        "behaviour", "known_refused_users",
        "When the credentials of so many users behind one known address were refused, only its accepted "
        "users are\n"
        "served there."),

    row<Duration<MEMBER(policy.known_for), kMinute_ms, 365 * kDay_ms>>(
        "known", "for",
        "How long a source stays known after its registration has run out, or after an accepted call."),
    row<Integer<MEMBER(known.max), 1024, 4194304>>(
        "known", "max",
        "Known addresses that are kept at once, per family. Of more, the one whose time ends first goes."),

    row<Integer<MEMBER(policy.score_ban_at), 1, 1000000>>(
        "score", "ban_at",
        "A source is banned when the weights of the score rules that it hits add up to this. No single "
        "device\n"
        "comes near it with the rules that are shipped."),
    row<Duration<MEMBER(policy.score_half_life), kMinute_ms, kDay_ms>>(
        "score", "half_life",
        "After this time half of a score is left. Within it each rule counts once for a source, however "
        "often\n"
        "it hits: one oddity that a device repeats for ever scores less than twice its weight."),

    row<Duration<MEMBER(policy.ban_unverified), kSecond_ms, 10 * kMinute_ms>>(
        "bans", "unverified",
        "How long a source is banned that has not proved that it receives what is sent to it. Its packet may "
        "be\n"
        "forged in a customer's name: at most 10 minutes, so that a forged packet never hurts for long."),
    row<RisingDurations<MEMBER(policy.ban_steps), 8, kSecond_ms, 3650 * kDay_ms>>(
        "bans", "steps",
        "How long a source is banned that proved it: the first time, the second time and so on; the last one "
        "for\n"
        "all further times."),
    row<Duration<MEMBER(policy.ban_forgive), kMinute_ms, 3650 * kDay_ms>>(
        "bans", "forgive", "For each such time without a ban, the next one is a step shorter."),
    row<Integer<MEMBER(policy.prefix_offenders), 0, 10000>>(
        "bans", "prefix_offenders",
        "So many banned addresses of a /24 (IPv6: /64) ban all of it, unless a whitelisted or known source "
        "is in it.\n"
        "0: never."),
    row<Integer<MEMBER(bans.addresses_max), 1024, 16777216>>(
        "bans", "addresses_max",
        "Banned addresses that the kernel holds at once, per family. It bounds the kernel's memory."),
};

}  // namespace sipward::config::kinds

#undef OF_CLASS
