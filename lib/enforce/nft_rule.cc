#include "enforce/nft_rule.h"

#include <arpa/inet.h>
#include <fmt/format.h>
#include <libmnl/libmnl.h>
#include <libnftnl/expr.h>
#include <libnftnl/rule.h>
#include <libnftnl/udata.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nf_conntrack_common.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/xt_NFQUEUE.h>

#include <algorithm>
#include <array>
#include <cstdlib>
#include <new>

namespace sipward::enforce {
namespace {

constexpr std::uint32_t kRegister = NFT_REG_1;
constexpr std::uint32_t kLoopbackIndex = 1;  // the kernel gives "lo" index 1 in every network namespace

nftnl_expr* new_expr(const char* name) {
  nftnl_expr* expr = nftnl_expr_alloc(name);
  if (!expr) throw std::bad_alloc();
  return expr;
}

nftnl_expr* new_limit(std::uint64_t packets_per_s, std::uint32_t burst) {
  auto* expr = new_expr("limit");
  nftnl_expr_set_u64(expr, NFTNL_EXPR_LIMIT_RATE, packets_per_s);
  nftnl_expr_set_u64(expr, NFTNL_EXPR_LIMIT_UNIT, 1);
  nftnl_expr_set_u32(expr, NFTNL_EXPR_LIMIT_BURST, burst);
  nftnl_expr_set_u32(expr, NFTNL_EXPR_LIMIT_TYPE, NFT_LIMIT_PKTS);
  nftnl_expr_set_u32(expr, NFTNL_EXPR_LIMIT_FLAGS, NFT_LIMIT_F_INV);
  return expr;
}

void set_text(nftnl_expr* expr, std::uint16_t attribute, std::string_view text) {
  nftnl_expr_set_str(expr, attribute, std::string(text).c_str());
}

}  // namespace

void free_rule(nftnl_rule* rule) {
  nftnl_rule_free(rule);
}

Rule::Rule(std::string_view table, std::string_view chain, std::string_view comment)
    : rule_(nftnl_rule_alloc(), free_rule), phrase_(fmt::format("rule in {} {}", table, chain)) {
  if (!rule_) throw std::bad_alloc();
  nftnl_rule_set_str(rule_.get(), NFTNL_RULE_TABLE, std::string(table).c_str());
  nftnl_rule_set_str(rule_.get(), NFTNL_RULE_CHAIN, std::string(chain).c_str());
  nftnl_rule_set_u32(rule_.get(), NFTNL_RULE_FAMILY, NFPROTO_INET);
  if (comment.empty()) return;
  phrase_ += fmt::format(" ({})", comment);
  auto* data = nftnl_udata_buf_alloc(NFT_USERDATA_MAXLEN);
  if (!data) throw std::bad_alloc();
  nftnl_udata_put_strz(data, NFTNL_UDATA_RULE_COMMENT, std::string(comment).c_str());
  nftnl_rule_set_data(rule_.get(), NFTNL_RULE_USERDATA, nftnl_udata_buf_data(data),
                      nftnl_udata_buf_len(data));
  nftnl_udata_buf_free(data);
}

void Rule::build(nlmsghdr* header) const {
  nftnl_rule_nlmsg_build_payload(header, rule_.get());
}

void Rule::compare(std::uint32_t op, const void* data, std::uint32_t length) {
  auto* expr = new_expr("cmp");
  nftnl_expr_set_u32(expr, NFTNL_EXPR_CMP_SREG, kRegister);
  nftnl_expr_set_u32(expr, NFTNL_EXPR_CMP_OP, op);
  nftnl_expr_set(expr, NFTNL_EXPR_CMP_DATA, data, length);
  nftnl_rule_add_expr(rule_.get(), expr);
}

void Rule::bitwise(const void* mask, const void* flip, std::uint32_t length) {
  auto* expr = new_expr("bitwise");
  nftnl_expr_set_u32(expr, NFTNL_EXPR_BITWISE_SREG, kRegister);
  nftnl_expr_set_u32(expr, NFTNL_EXPR_BITWISE_DREG, kRegister);
  nftnl_expr_set_u32(expr, NFTNL_EXPR_BITWISE_OP, NFT_BITWISE_BOOL);
  nftnl_expr_set_u32(expr, NFTNL_EXPR_BITWISE_LEN, length);
  nftnl_expr_set(expr, NFTNL_EXPR_BITWISE_MASK, mask, length);
  nftnl_expr_set(expr, NFTNL_EXPR_BITWISE_XOR, flip, length);
  nftnl_rule_add_expr(rule_.get(), expr);
}

static nftnl_expr* load_meta(std::uint32_t key) {
  auto* expr = new_expr("meta");
  nftnl_expr_set_u32(expr, NFTNL_EXPR_META_KEY, key);
  nftnl_expr_set_u32(expr, NFTNL_EXPR_META_DREG, kRegister);
  return expr;
}

static nftnl_expr* load_payload(std::uint32_t base, std::uint32_t offset, std::uint32_t length) {
  auto* expr = new_expr("payload");
  nftnl_expr_set_u32(expr, NFTNL_EXPR_PAYLOAD_BASE, base);
  nftnl_expr_set_u32(expr, NFTNL_EXPR_PAYLOAD_DREG, kRegister);
  nftnl_expr_set_u32(expr, NFTNL_EXPR_PAYLOAD_OFFSET, offset);
  nftnl_expr_set_u32(expr, NFTNL_EXPR_PAYLOAD_LEN, length);
  return expr;
}

void Rule::is_loopback(std::uint32_t key) {
  nftnl_rule_add_expr(rule_.get(), load_meta(key));
  compare(NFT_CMP_EQ, &kLoopbackIndex, sizeof kLoopbackIndex);
}

Rule& Rule::from_loopback() {
  is_loopback(NFT_META_IIF);
  return *this;
}

Rule& Rule::to_loopback() {
  is_loopback(NFT_META_OIF);
  return *this;
}

void Rule::l4proto(std::uint8_t protocol) {
  nftnl_rule_add_expr(rule_.get(), load_meta(NFT_META_L4PROTO));
  compare(NFT_CMP_EQ, &protocol, sizeof protocol);
}

Rule& Rule::udp() {
  l4proto(IPPROTO_UDP);
  return *this;
}

Rule& Rule::tcp() {
  l4proto(IPPROTO_TCP);
  return *this;
}

void Rule::lookup(std::string_view set, bool invert) {
  auto* expr = new_expr("lookup");
  nftnl_expr_set_u32(expr, NFTNL_EXPR_LOOKUP_SREG, kRegister);
  set_text(expr, NFTNL_EXPR_LOOKUP_SET, set);
  if (invert) nftnl_expr_set_u32(expr, NFTNL_EXPR_LOOKUP_FLAGS, NFT_LOOKUP_F_INV);
  nftnl_rule_add_expr(rule_.get(), expr);
}

Rule& Rule::port_in(std::string_view set, Side side) {
  const std::uint32_t offset = side == Side::source ? 0 : 2;
  nftnl_rule_add_expr(rule_.get(), load_payload(NFT_PAYLOAD_TRANSPORT_HEADER, offset, 2));
  lookup(set, false);
  return *this;
}

static std::uint32_t size_of(Family family) {
  return family == Family::ipv4 ? 4 : 16;
}

void Rule::load_address(const AddressKey& key) {
  const bool v4 = key.family == Family::ipv4;
  const std::uint8_t protocol = v4 ? NFPROTO_IPV4 : NFPROTO_IPV6;
  nftnl_rule_add_expr(rule_.get(), load_meta(NFT_META_NFPROTO));
  compare(NFT_CMP_EQ, &protocol, sizeof protocol);
  const std::uint32_t first = v4 ? 12 : 8;
  const std::uint32_t offset = key.side == Side::source ? first : first + size_of(key.family);
  nftnl_rule_add_expr(rule_.get(), load_payload(NFT_PAYLOAD_NETWORK_HEADER, offset, size_of(key.family)));
  if (key.length == 8 * size_of(key.family)) return;
  std::array<std::uint8_t, 16> mask{};
  const std::array<std::uint8_t, 16> none{};
  std::fill_n(mask.begin(), key.length / 8, std::uint8_t{0xff});
  bitwise(mask.data(), none.data(), size_of(key.family));
}

Rule& Rule::address_in(const AddressKey& key, std::string_view set) {
  load_address(key);
  lookup(set, false);
  return *this;
}

Rule& Rule::address_not_in(const AddressKey& key, std::string_view set) {
  load_address(key);
  lookup(set, true);
  return *this;
}

Rule& Rule::datagram_begins(std::string_view four_bytes) {
  constexpr std::uint32_t kUdpHeader = 8;
  const auto length = static_cast<std::uint32_t>(four_bytes.size());
  nftnl_rule_add_expr(rule_.get(), load_payload(NFT_PAYLOAD_TRANSPORT_HEADER, kUdpHeader, length));
  compare(NFT_CMP_EQ, four_bytes.data(), length);
  return *this;
}

// Numbers are compared byte by byte, so the greater one must be so in network order.
Rule& Rule::longer_than(std::uint32_t bytes) {
  nftnl_rule_add_expr(rule_.get(), load_meta(NFT_META_LEN));
  auto* expr = new_expr("byteorder");
  nftnl_expr_set_u32(expr, NFTNL_EXPR_BYTEORDER_SREG, kRegister);
  nftnl_expr_set_u32(expr, NFTNL_EXPR_BYTEORDER_DREG, kRegister);
  nftnl_expr_set_u32(expr, NFTNL_EXPR_BYTEORDER_OP, NFT_BYTEORDER_HTON);
  nftnl_expr_set_u32(expr, NFTNL_EXPR_BYTEORDER_LEN, sizeof bytes);
  nftnl_expr_set_u32(expr, NFTNL_EXPR_BYTEORDER_SIZE, sizeof bytes);
  nftnl_rule_add_expr(rule_.get(), expr);
  const std::uint32_t limit = htonl(bytes);
  compare(NFT_CMP_GT, &limit, sizeof limit);
  return *this;
}

Rule& Rule::tcp_pushed() {
  constexpr std::uint32_t kFlags = 13;
  constexpr std::uint8_t kPush = 0x08;
  const std::uint8_t none = 0;
  nftnl_rule_add_expr(rule_.get(), load_payload(NFT_PAYLOAD_TRANSPORT_HEADER, kFlags, 1));
  bitwise(&kPush, &none, 1);
  compare(NFT_CMP_NEQ, &none, 1);
  return *this;
}

void Rule::load_mark() {
  nftnl_rule_add_expr(rule_.get(), load_meta(NFT_META_MARK));
}

Rule& Rule::mark_is(std::uint32_t bits, std::uint32_t of) {
  const std::uint32_t none = 0;
  load_mark();
  bitwise(&of, &none, sizeof of);
  compare(NFT_CMP_EQ, &bits, sizeof bits);
  return *this;
}

// (mark & ~bits) ^ bits is mark | bits.
void Rule::change_mark(std::uint32_t bits, std::uint32_t value) {
  const std::uint32_t keep = ~bits;
  load_mark();
  bitwise(&keep, &value, sizeof keep);
  auto* store = new_expr("meta");
  nftnl_expr_set_u32(store, NFTNL_EXPR_META_KEY, NFT_META_MARK);
  nftnl_expr_set_u32(store, NFTNL_EXPR_META_SREG, kRegister);
  nftnl_rule_add_expr(rule_.get(), store);
}

Rule& Rule::mark_set(std::uint32_t bits) {
  change_mark(bits, bits);
  return *this;
}

Rule& Rule::mark_clear(std::uint32_t bits) {
  change_mark(bits, 0);
  return *this;
}

void Rule::has_ct_bits(std::uint32_t key, std::uint32_t bits) {
  auto* expr = new_expr("ct");
  nftnl_expr_set_u32(expr, NFTNL_EXPR_CT_KEY, key);
  nftnl_expr_set_u32(expr, NFTNL_EXPR_CT_DREG, kRegister);
  nftnl_rule_add_expr(rule_.get(), expr);
  const std::uint32_t none = 0;
  bitwise(&bits, &none, sizeof bits);
  compare(NFT_CMP_NEQ, &none, sizeof none);
}

Rule& Rule::ct_assured() {
  has_ct_bits(NFT_CT_STATUS, IPS_ASSURED);
  return *this;
}

Rule& Rule::ct_new() {
  has_ct_bits(NFT_CT_STATE, NF_CT_STATE_BIT(IP_CT_NEW));
  return *this;
}

Rule& Rule::rate_over(std::uint64_t packets_per_s, std::uint32_t burst) {
  nftnl_rule_add_expr(rule_.get(), new_limit(packets_per_s, burst));
  return *this;
}

void Rule::update_set(std::uint32_t op, std::string_view set, std::chrono::milliseconds timeout,
                      nftnl_expr* stateful) {
  auto* expr = new_expr("dynset");
  nftnl_expr_set_u32(expr, NFTNL_EXPR_DYNSET_SREG_KEY, kRegister);
  nftnl_expr_set_u32(expr, NFTNL_EXPR_DYNSET_OP, op);
  if (timeout.count() > 0)
    nftnl_expr_set_u64(expr, NFTNL_EXPR_DYNSET_TIMEOUT, static_cast<std::uint64_t>(timeout.count()));
  set_text(expr, NFTNL_EXPR_DYNSET_SET_NAME, set);
  nftnl_expr_add_expr(expr, NFTNL_EXPR_DYNSET_EXPRESSIONS, stateful);
  nftnl_expr_set_u32(expr, NFTNL_EXPR_DYNSET_FLAGS, NFT_DYNSET_F_EXPR);
  nftnl_rule_add_expr(rule_.get(), expr);
}

Rule& Rule::rate_over_of(const AddressKey& key, std::string_view set, std::chrono::milliseconds timeout,
                         std::uint64_t packets_per_s, std::uint32_t burst) {
  load_address(key);
  update_set(NFT_DYNSET_OP_UPDATE, set, timeout, new_limit(packets_per_s, burst));
  return *this;
}

Rule& Rule::connections_over(const AddressKey& key, std::string_view set, std::uint32_t connections) {
  load_address(key);
  auto* count = new_expr("connlimit");
  nftnl_expr_set_u32(count, NFTNL_EXPR_CONNLIMIT_COUNT, connections);
  nftnl_expr_set_u32(count, NFTNL_EXPR_CONNLIMIT_FLAGS, NFT_CONNLIMIT_F_INV);
  update_set(NFT_DYNSET_OP_ADD, set, {}, count);
  return *this;
}

Rule& Rule::count(std::string_view counter) {
  auto* expr = new_expr("objref");
  nftnl_expr_set_u32(expr, NFTNL_EXPR_OBJREF_IMM_TYPE, NFT_OBJECT_COUNTER);
  set_text(expr, NFTNL_EXPR_OBJREF_IMM_NAME, counter);
  nftnl_rule_add_expr(rule_.get(), expr);
  return *this;
}

void Rule::verdict(std::uint32_t code, std::string_view chain) {
  auto* expr = new_expr("immediate");
  nftnl_expr_set_u32(expr, NFTNL_EXPR_IMM_DREG, NFT_REG_VERDICT);
  nftnl_expr_set_u32(expr, NFTNL_EXPR_IMM_VERDICT, code);
  if (!chain.empty()) set_text(expr, NFTNL_EXPR_IMM_CHAIN, chain);
  nftnl_rule_add_expr(rule_.get(), expr);
}

Rule& Rule::accept() {
  verdict(NF_ACCEPT);
  return *this;
}

Rule& Rule::drop() {
  verdict(NF_DROP);
  return *this;
}

Rule& Rule::leave() {
  verdict(static_cast<std::uint32_t>(NFT_RETURN));
  return *this;
}

Rule& Rule::jump(std::string_view chain) {
  verdict(static_cast<std::uint32_t>(NFT_JUMP), chain);
  return *this;
}

Rule& Rule::go_to(std::string_view chain) {
  verdict(static_cast<std::uint32_t>(NFT_GOTO), chain);
  return *this;
}

Rule& Rule::shard(const AddressKey& key, std::uint32_t modulus, std::uint32_t seed, std::string_view map,
                  std::uint32_t map_id) {
  load_address(key);
  auto* hash = new_expr("hash");
  nftnl_expr_set_u32(hash, NFTNL_EXPR_HASH_TYPE, NFT_HASH_JENKINS);
  nftnl_expr_set_u32(hash, NFTNL_EXPR_HASH_SREG, kRegister);
  nftnl_expr_set_u32(hash, NFTNL_EXPR_HASH_DREG, kRegister);
  nftnl_expr_set_u32(hash, NFTNL_EXPR_HASH_LEN, size_of(key.family));
  nftnl_expr_set_u32(hash, NFTNL_EXPR_HASH_MODULUS, modulus);
  nftnl_expr_set_u32(hash, NFTNL_EXPR_HASH_SEED, seed);
  nftnl_rule_add_expr(rule_.get(), hash);
  auto* expr = new_expr("lookup");
  nftnl_expr_set_u32(expr, NFTNL_EXPR_LOOKUP_SREG, kRegister);
  nftnl_expr_set_u32(expr, NFTNL_EXPR_LOOKUP_DREG, NFT_REG_VERDICT);
  set_text(expr, NFTNL_EXPR_LOOKUP_SET, map);
  nftnl_expr_set_u32(expr, NFTNL_EXPR_LOOKUP_SET_ID, map_id);
  nftnl_rule_add_expr(rule_.get(), expr);
  return *this;
}

Rule& Rule::queue_native(std::uint16_t number) {
  auto* expr = new_expr("queue");
  nftnl_expr_set_u16(expr, NFTNL_EXPR_QUEUE_NUM, number);
  nftnl_expr_set_u16(expr, NFTNL_EXPR_QUEUE_TOTAL, 1);
  nftnl_expr_set_u16(expr, NFTNL_EXPR_QUEUE_FLAGS, NFT_QUEUE_FLAG_BYPASS);
  nftnl_rule_add_expr(rule_.get(), expr);
  return *this;
}

Rule& Rule::queue_compat(std::uint16_t number) {
  auto* expr = new_expr("target");
  nftnl_expr_set_str(expr, NFTNL_EXPR_TG_NAME, "NFQUEUE");
  nftnl_expr_set_u32(expr, NFTNL_EXPR_TG_REV, 3);
  // libnftnl frees the info with the expression; xtables wants its size aligned to 8.
  constexpr std::size_t kInfoSize = (sizeof(xt_NFQ_info_v3) + 7U) & ~std::size_t{7};
  auto* info = static_cast<xt_NFQ_info_v3*>(std::calloc(1, kInfoSize));
  if (!info) throw std::bad_alloc();
  info->queuenum = number;
  info->queues_total = 1;
  info->flags = NFQ_FLAG_BYPASS;
  nftnl_expr_set(expr, NFTNL_EXPR_TG_INFO, info, kInfoSize);
  nftnl_rule_add_expr(rule_.get(), expr);
  return *this;
}

Rule& Rule::copy_to(std::uint16_t group, std::uint32_t bytes) {
  auto* expr = new_expr("log");
  nftnl_expr_set_u16(expr, NFTNL_EXPR_LOG_GROUP, group);
  nftnl_expr_set_u32(expr, NFTNL_EXPR_LOG_SNAPLEN, bytes);
  nftnl_expr_set_u16(expr, NFTNL_EXPR_LOG_QTHRESHOLD, 1);
  nftnl_rule_add_expr(rule_.get(), expr);
  return *this;
}

}  // namespace sipward::enforce
