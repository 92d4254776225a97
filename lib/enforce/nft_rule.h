// nft rules as sentences: Rule(...).udp().port_in("udp_ports", Side::destination).jump("triage"). Each call
// appends the expressions that the nft program would make for the same words, so that `nft list` prints them
// back.
#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "base/address.h"

struct nftnl_expr;
struct nftnl_rule;
struct nlmsghdr;

namespace sipward::enforce {

void free_rule(nftnl_rule* rule);

enum class Side { source, destination };

// An address of the packet, the bits after `length` cleared: of an address or of its net.
struct AddressKey {
  Family family = Family::ipv4;
  unsigned length = 32;
  Side side = Side::source;
};
[[nodiscard]] constexpr AddressKey whole(Family family, Side side = Side::source) {
  return {family, family == Family::ipv4 ? 32U : 128U, side};
}
// What a worker owns, and what shares the fate of its neighbours: /24, /64.
[[nodiscard]] constexpr AddressKey neighbourhood(Family family, Side side = Side::source) {
  return {family, family == Family::ipv4 ? 24U : 64U, side};
}

class Rule {
 public:
  Rule(std::string_view table, std::string_view chain, std::string_view comment = "");

  // Matches.
  Rule& from_loopback();                                          // iif "lo"
  Rule& to_loopback();                                            // oif "lo"
  Rule& udp();                                                    // meta l4proto udp
  Rule& tcp();                                                    // meta l4proto tcp
  Rule& port_in(std::string_view set, Side side);                 // th dport @set, th sport @set
  Rule& address_in(const AddressKey& key, std::string_view set);  // ip saddr @set, ip saddr & mask @set
  Rule& address_not_in(const AddressKey& key, std::string_view set);
  Rule& mark_is(std::uint32_t bits, std::uint32_t of);  // meta mark & of == bits
  Rule& mark_has(std::uint32_t bits) { return mark_is(bits, bits); }
  Rule& datagram_begins(std::string_view four_bytes);  // UDP: @th,64,32
  Rule& longer_than(std::uint32_t bytes);              // meta length > bytes
  Rule& tcp_pushed();                                  // tcp flags psh
  Rule& ct_assured();                                  // ct status & assured != 0
  Rule& ct_new();                                      // ct state new
  Rule& rate_over(std::uint64_t packets_per_s,
                  std::uint32_t burst);  // limit rate over N/second burst B packets

  // update @set { ip saddr & mask limit rate over N/second burst B packets }: one limit per key. When the
  // set is full the rule does not match and evaluation goes on.
  Rule& rate_over_of(const AddressKey& key, std::string_view set, std::chrono::milliseconds timeout,
                     std::uint64_t packets_per_s, std::uint32_t burst);

  // add @set { ip saddr & mask ct count over N }: as many connections as conntrack knows of. When the set is
  // full the rule does not match. After conntrack, for new connections alone.
  Rule& connections_over(const AddressKey& key, std::string_view set, std::uint32_t connections);

  // Statements.
  Rule& count(std::string_view counter);  // counter name "counter"
  Rule& mark_set(std::uint32_t bits);     // meta mark set meta mark | bits
  Rule& mark_clear(std::uint32_t bits);
  Rule& accept();
  Rule& drop();
  Rule& leave();  // return
  Rule& jump(std::string_view chain);
  Rule& go_to(std::string_view chain);
  // jhash ip saddr & mask mod N seed S vmap @map; `map` has the id given when it was added.
  Rule& shard(const AddressKey& key, std::uint32_t modulus, std::uint32_t seed, std::string_view map,
              std::uint32_t map_id);
  Rule& queue_native(std::uint16_t number);  // queue flags bypass to N (kernel: CONFIG_NFT_QUEUE)
  Rule& queue_compat(std::uint16_t number);  // xtables NFQUEUE target, revision 3, through nft_compat
  // log group N snaplen B queue-threshold 1: a copy of the first `bytes` to whoever reads that group.
  Rule& copy_to(std::uint16_t group, std::uint32_t bytes);

  // Appends the rule's attributes to a NEWRULE message.
  void build(nlmsghdr* header) const;
  [[nodiscard]] const std::string& phrase() const { return phrase_; }

 private:
  void load_address(const AddressKey& key);
  void load_mark();
  void change_mark(std::uint32_t bits, std::uint32_t value);
  void lookup(std::string_view set, bool invert);
  void update_set(std::uint32_t op, std::string_view set, std::chrono::milliseconds timeout,
                  nftnl_expr* stateful);
  void compare(std::uint32_t op, const void* data, std::uint32_t length);
  void bitwise(const void* mask, const void* flip, std::uint32_t length);
  void is_loopback(std::uint32_t key);
  void has_ct_bits(std::uint32_t key, std::uint32_t bits);
  void verdict(std::uint32_t code, std::string_view chain = "");
  void l4proto(std::uint8_t protocol);

  std::unique_ptr<nftnl_rule, void (*)(nftnl_rule*)> rule_;
  std::string phrase_;
};

}  // namespace sipward::enforce
