// What the parts of the tables' text share. Inside lib/enforce only.
#pragma once

#include <array>
#include <string>
#include <string_view>

#include "enforce/nft_objects.h"
#include "enforce/nft_rule.h"
#include "enforce/prefixes.h"
#include "enforce/shield_layout.h"

namespace sipward::enforce {

inline constexpr std::array kFamilies{Family::ipv4, Family::ipv6};

// Names for anonymous sets within one transaction: any numbers that no other set of it has.
inline constexpr std::uint32_t kQueueMaps = 1000;
inline constexpr std::uint32_t kAnswerMaps = 2000;

// Calls `finish(rule)` with a rule for each set of addresses and of nets, of both families.
template <class Finish>
void each_set(NftBatch& batch, const char* chain, const char* stem, const char* comment, Side side,
              const Finish& finish) {
  for (const Family family : kFamilies) {
    for (const bool net : {false, true}) {
      Rule rule(kTable, chain, comment);
      rule.address_in(whole(family, side), set_name(stem, family, net));
      finish(rule);
      add_rule(batch, rule);
    }
  }
}

// Packets between strangers and a port of what is shielded.
struct Scope {
  const char* chain;
  const char* comment;
  bool udp;
  const char* ports;                  // a set
  Side shielded = Side::destination;  // where that port is
};

// Calls `finish(rule)` with the rules that match it: one, or one for each family when not every destination
// is shielded.
template <class Finish>
void each_in_scope(NftBatch& batch, const ShieldTableOptions& options, const Scope& scope,
                   const Finish& finish) {
  const bool everything = options.protected_nets.empty();
  for (const Family family : kFamilies) {
    Rule rule(kTable, scope.chain, scope.comment);
    scope.udp ? rule.udp() : rule.tcp();
    rule.port_in(scope.ports, scope.shielded);
    if (!everything) rule.address_in(whole(family, scope.shielded), set_name("protected", family));
    finish(rule);
    add_rule(batch, rule);
    if (everything) break;
  }
}

// What is over a limit of the kernel's: dropped and counted, or only counted, passing unread.
inline void refuse(NftBatch& batch, const ShieldTableOptions& options, Rule& rule, const char* counter) {
  if (options.observe)
    add_rule(batch, rule.count("observed_guard").accept());
  else
    add_rule(batch, rule.count(counter).drop());
}

// shield_sets.cc
// "banned_prefix24".
[[nodiscard]] std::string prefix_set_name(const PrefixLength& prefix);
void add_counters(NftBatch& batch);
void add_sets(NftBatch& batch, const ShieldTableOptions& options);
// shield_answers.cc
void add_answer_chains(NftBatch& batch, const ShieldTableOptions& options);
void fill_answers(NftBatch& batch, const ShieldTableOptions& options, const Duty& duty);
void remove_answers(NftBatch& batch);

}  // namespace sipward::enforce
