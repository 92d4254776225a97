// nft rules as sentences: Rule(...).udp().port_in("udp_ports").jump("triage"). Each call appends the
// expressions that the nft program would make for the same words, so that `nft list` prints them back.
#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "base/address.h"

struct nftnl_rule;
struct nlmsghdr;

namespace sipward::enforce {

void free_rule(nftnl_rule* rule);

class Rule {
 public:
  Rule(std::string_view table, std::string_view chain, std::string_view comment = "");

  // Matches.
  Rule& from_loopback();                                 // iif "lo"
  Rule& udp();                                           // meta l4proto udp
  Rule& tcp();                                           // meta l4proto tcp
  Rule& port_in(std::string_view set);                   // th dport @set
  Rule& source_in(Family family, std::string_view set);  // ip saddr @set, ip6 saddr @set
  Rule& source_not_metered(Family family,
                           std::string_view set);  // ip saddr != @set, keyed as by source_rate_over
  Rule& destination_in(Family family, std::string_view set);
  Rule& mark_has(std::uint32_t bits);  // meta mark & bits == bits
  Rule& ct_assured();                  // ct status & assured != 0
  Rule& ct_new();                      // ct state new
  Rule& rate_over(std::uint64_t packets_per_s,
                  std::uint32_t burst);  // limit rate over N/second burst B packets

  // update @set { ip saddr & mask limit rate over N/second burst B packets }: one limit per source. When the
  // set is full the rule does not match and evaluation goes on. IPv6 sources are metered by /64.
  Rule& source_rate_over(Family family, std::string_view set, std::chrono::milliseconds timeout,
                         std::uint64_t packets_per_s, std::uint32_t burst);

  // add @set { ip saddr ct count over N }: as many connections as conntrack knows of, by source as above.
  // When the set is full the rule does not match. After conntrack, for new connections alone.
  Rule& connections_over(Family family, std::string_view set, std::uint32_t connections);

  // Statements.
  Rule& count(std::string_view counter);  // counter name "counter"
  Rule& mark_set(std::uint32_t bits);     // meta mark set meta mark | bits
  Rule& mark_clear(std::uint32_t bits);
  Rule& accept();
  Rule& drop();
  Rule& jump(std::string_view chain);
  Rule& go_to(std::string_view chain);
  // jhash ip saddr & 255.255.255.0 mod N vmap @map (IPv6: the /64); `map` has the id given when it was added.
  Rule& shard_by_net(Family family, std::uint32_t modulus, std::string_view map, std::uint32_t map_id);
  Rule& queue_native(std::uint16_t number);  // queue flags bypass to N (kernel: CONFIG_NFT_QUEUE)
  Rule& queue_compat(std::uint16_t number);  // xtables NFQUEUE target, revision 3, through nft_compat

  // Appends the rule's attributes to a NEWRULE message.
  void build(nlmsghdr* header) const;
  [[nodiscard]] const std::string& phrase() const { return phrase_; }

 private:
  void load_address(Family family, bool source);
  void load_metered_key(Family family);
  void load_mark();
  void lookup(std::string_view set, bool invert);
  void compare(std::uint32_t op, const void* data, std::uint32_t length);
  void bitwise(const void* mask, const void* flip, std::uint32_t length);
  void verdict(std::uint32_t code, std::string_view chain = "");
  void l4proto(std::uint8_t protocol);

  std::unique_ptr<nftnl_rule, void (*)(nftnl_rule*)> rule_;
  std::string phrase_;
};

}  // namespace sipward::enforce
