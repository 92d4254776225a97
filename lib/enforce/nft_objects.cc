#include "enforce/nft_objects.h"

#include <arpa/inet.h>
#include <libmnl/libmnl.h>
#include <libnftnl/chain.h>
#include <libnftnl/expr.h>
#include <libnftnl/object.h>
#include <libnftnl/set.h>
#include <libnftnl/table.h>
#include <libnftnl/udata.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>

#include <memory>
#include <new>

#include "base/handle.h"

namespace sipward::enforce {
namespace {

using Table = std::unique_ptr<nftnl_table, CloseWith<nftnl_table_free>>;
using Chain = std::unique_ptr<nftnl_chain, CloseWith<nftnl_chain_free>>;
using Set = std::unique_ptr<nftnl_set, CloseWith<nftnl_set_free>>;
using Object = std::unique_ptr<nftnl_obj, CloseWith<nftnl_obj_free>>;
using UserData = std::unique_ptr<nftnl_udata_buf, CloseWith<nftnl_udata_buf_free>>;

// The nft program's numbers for data types (its datatype.h); a listing without them would show raw bytes.
constexpr std::uint32_t kTypeIpv4Addr = 7;
constexpr std::uint32_t kTypeIpv6Addr = 8;
constexpr std::uint32_t kTypeInetService = 13;
constexpr std::uint32_t kTypeMark = 19;

// A message may carry 64 KiB of elements; each takes at most this much.
constexpr std::size_t kElementBytesMax = 200;
constexpr std::size_t kElementsPerMessage = 50000 / kElementBytesMax;

template <class Handle, class T>
Handle checked(T* raw) {
  if (!raw) throw std::bad_alloc();
  return Handle(raw);
}

UserData user_comment(std::uint8_t type, std::string_view comment) {
  auto data = checked<UserData>(nftnl_udata_buf_alloc(NFT_USERDATA_MAXLEN));
  nftnl_udata_put_strz(data.get(), type, std::string(comment.substr(0, 127)).c_str());
  return data;
}

Set new_set(std::string_view table, std::string_view name) {
  auto set = checked<Set>(nftnl_set_alloc());
  nftnl_set_set_str(set.get(), NFTNL_SET_TABLE, std::string(table).c_str());
  nftnl_set_set_str(set.get(), NFTNL_SET_NAME, std::string(name).c_str());
  nftnl_set_set_u32(set.get(), NFTNL_SET_FAMILY, NFPROTO_INET);
  return set;
}

Chain new_chain(std::string_view table, std::string_view name, std::string_view comment) {
  auto chain = checked<Chain>(nftnl_chain_alloc());
  nftnl_chain_set_str(chain.get(), NFTNL_CHAIN_TABLE, std::string(table).c_str());
  nftnl_chain_set_str(chain.get(), NFTNL_CHAIN_NAME, std::string(name).c_str());
  nftnl_chain_set_u32(chain.get(), NFTNL_CHAIN_FAMILY, NFPROTO_INET);
  if (!comment.empty()) {
    const auto data = user_comment(NFTNL_UDATA_CHAIN_COMMENT, comment);
    nftnl_chain_set_data(chain.get(), NFTNL_CHAIN_USERDATA, nftnl_udata_buf_data(data.get()),
                         nftnl_udata_buf_len(data.get()));
  }
  return chain;
}

std::uint32_t type_number(KeyType type) {
  return type == KeyType::ipv4_addr   ? kTypeIpv4Addr
         : type == KeyType::ipv6_addr ? kTypeIpv6Addr
                                      : kTypeInetService;
}

std::uint32_t type_length(KeyType type) {
  return type == KeyType::ipv4_addr ? 4 : type == KeyType::ipv6_addr ? 16 : 2;
}

std::uint32_t set_flags(const SetSpec& spec) {
  std::uint32_t flags = 0;
  if (spec.interval) flags |= NFT_SET_INTERVAL;
  if (spec.timeout) flags |= NFT_SET_TIMEOUT;
  if (spec.dynamic) flags |= NFT_SET_EVAL;
  return flags;
}

void append_element(nftnl_set* set, const Element& element, bool with_details) {
  auto* raw = nftnl_set_elem_alloc();
  if (!raw) throw std::bad_alloc();
  nftnl_set_elem_set(raw, NFTNL_SET_ELEM_KEY, element.key.data(),
                     static_cast<std::uint32_t>(element.key.size()));
  if (with_details && element.timeout)
    nftnl_set_elem_set_u64(raw, NFTNL_SET_ELEM_TIMEOUT, static_cast<std::uint64_t>(element.timeout->count()));
  if (with_details && !element.comment.empty()) {
    const auto data = user_comment(NFTNL_UDATA_SET_ELEM_COMMENT, element.comment);
    nftnl_set_elem_set(raw, NFTNL_SET_ELEM_USERDATA, nftnl_udata_buf_data(data.get()),
                       nftnl_udata_buf_len(data.get()));
  }
  nftnl_set_elem_add(set, raw);
  if (!element.range || element.key_end.empty()) return;
  auto* end = nftnl_set_elem_alloc();
  if (!end) throw std::bad_alloc();
  nftnl_set_elem_set(end, NFTNL_SET_ELEM_KEY, element.key_end.data(),
                     static_cast<std::uint32_t>(element.key_end.size()));
  nftnl_set_elem_set_u32(end, NFTNL_SET_ELEM_FLAGS, NFT_SET_ELEM_INTERVAL_END);
  nftnl_set_elem_add(set, end);
}

void put_elements(NftBatch& batch, std::uint16_t type, std::string_view table, std::string_view set_name,
                  std::span<const Element> elements, bool with_details, std::string_view verb) {
  for (; !elements.empty(); elements = elements.subspan(std::min(elements.size(), kElementsPerMessage))) {
    const auto part = elements.first(std::min(elements.size(), kElementsPerMessage));
    const auto set = new_set(table, set_name);
    for (const Element& element : part) append_element(set.get(), element, with_details);
    batch.add(type, type == NFT_MSG_NEWSETELEM ? NLM_F_CREATE : 0,
              fmt::format("{} {} elements of set {}", verb, part.size(), set_name),
              [&](nlmsghdr* header) { nftnl_set_elems_nlmsg_build_payload(header, set.get()); });
  }
}

}  // namespace

KeyType key_type(Family family) {
  return family == Family::ipv4 ? KeyType::ipv4_addr : KeyType::ipv6_addr;
}

void add_table(NftBatch& batch, std::string_view table, std::string_view comment, Ownership ownership) {
  const auto t = checked<Table>(nftnl_table_alloc());
  nftnl_table_set_u32(t.get(), NFTNL_TABLE_FAMILY, NFPROTO_INET);
  nftnl_table_set_str(t.get(), NFTNL_TABLE_NAME, std::string(table).c_str());
  if (ownership == Ownership::owned) nftnl_table_set_u32(t.get(), NFTNL_TABLE_FLAGS, NFT_TABLE_F_OWNER);
  const auto data = user_comment(NFTNL_UDATA_TABLE_COMMENT, comment);
  nftnl_table_set_data(t.get(), NFTNL_TABLE_USERDATA, nftnl_udata_buf_data(data.get()),
                       nftnl_udata_buf_len(data.get()));
  batch.add(NFT_MSG_NEWTABLE, NLM_F_CREATE, fmt::format("create table inet {}", table),
            [&](nlmsghdr* header) { nftnl_table_nlmsg_build_payload(header, t.get()); });
}

void delete_table(NftBatch& batch, std::string_view table) {
  const auto t = checked<Table>(nftnl_table_alloc());
  nftnl_table_set_u32(t.get(), NFTNL_TABLE_FAMILY, NFPROTO_INET);
  nftnl_table_set_str(t.get(), NFTNL_TABLE_NAME, std::string(table).c_str());
  batch.add(NFT_MSG_DELTABLE, 0, fmt::format("delete table inet {}", table),
            [&](nlmsghdr* header) { nftnl_table_nlmsg_build_payload(header, t.get()); });
}

void add_counter(NftBatch& batch, std::string_view table, std::string_view name, std::string_view comment) {
  const auto object = checked<Object>(nftnl_obj_alloc());
  nftnl_obj_set_u32(object.get(), NFTNL_OBJ_FAMILY, NFPROTO_INET);
  nftnl_obj_set_u32(object.get(), NFTNL_OBJ_TYPE, NFT_OBJECT_COUNTER);
  nftnl_obj_set_str(object.get(), NFTNL_OBJ_TABLE, std::string(table).c_str());
  nftnl_obj_set_str(object.get(), NFTNL_OBJ_NAME, std::string(name).c_str());
  nftnl_obj_set_u64(object.get(), NFTNL_OBJ_CTR_PKTS, 0);
  nftnl_obj_set_u64(object.get(), NFTNL_OBJ_CTR_BYTES, 0);
  const auto data = user_comment(NFTNL_UDATA_OBJ_COMMENT, comment);
  nftnl_obj_set_data(object.get(), NFTNL_OBJ_USERDATA, nftnl_udata_buf_data(data.get()),
                     nftnl_udata_buf_len(data.get()));
  batch.add(NFT_MSG_NEWOBJ, NLM_F_CREATE, fmt::format("create counter {}", name),
            [&](nlmsghdr* header) { nftnl_obj_nlmsg_build_payload(header, object.get()); });
}

void add_set(NftBatch& batch, std::string_view table, const SetSpec& spec) {
  const auto set = new_set(table, spec.name);
  nftnl_set_set_u32(set.get(), NFTNL_SET_KEY_TYPE, type_number(spec.key));
  nftnl_set_set_u32(set.get(), NFTNL_SET_KEY_LEN, type_length(spec.key));
  nftnl_set_set_u32(set.get(), NFTNL_SET_FLAGS, set_flags(spec));
  nftnl_set_set_u32(set.get(), NFTNL_SET_ID, 0);
  if (spec.size != 0) nftnl_set_set_u32(set.get(), NFTNL_SET_DESC_SIZE, spec.size);
  if (spec.counter) {
    auto* counter = nftnl_expr_alloc("counter");
    if (!counter) throw std::bad_alloc();
    nftnl_set_add_expr(set.get(), counter);
  }
  const auto data = user_comment(NFTNL_UDATA_SET_COMMENT, spec.comment);
  nftnl_set_set_data(set.get(), NFTNL_SET_USERDATA, nftnl_udata_buf_data(data.get()),
                     nftnl_udata_buf_len(data.get()));
  batch.add(NFT_MSG_NEWSET, NLM_F_CREATE, fmt::format("create set {}", spec.name),
            [&](nlmsghdr* header) { nftnl_set_nlmsg_build_payload(header, set.get()); });
}

void add_chain_map(NftBatch& batch, std::string_view table, std::span<const std::string> chains,
                   std::uint32_t id) {
  const auto set = new_set(table, "__map%d");
  nftnl_set_set_u32(set.get(), NFTNL_SET_KEY_TYPE, kTypeMark);
  nftnl_set_set_u32(set.get(), NFTNL_SET_KEY_LEN, 4);
  nftnl_set_set_u32(set.get(), NFTNL_SET_FLAGS, NFT_SET_ANONYMOUS | NFT_SET_CONSTANT | NFT_SET_MAP);
  nftnl_set_set_u32(set.get(), NFTNL_SET_DATA_TYPE, NFT_DATA_VERDICT);
  nftnl_set_set_u32(set.get(), NFTNL_SET_DATA_LEN, 16);
  nftnl_set_set_u32(set.get(), NFTNL_SET_ID, id);
  nftnl_set_set_u32(set.get(), NFTNL_SET_DESC_SIZE, static_cast<std::uint32_t>(chains.size()));
  batch.add(NFT_MSG_NEWSET, NLM_F_CREATE, "create the map of queues",
            [&](nlmsghdr* header) { nftnl_set_nlmsg_build_payload(header, set.get()); });
  for (std::uint32_t i = 0; i < chains.size(); ++i) {
    auto* element = nftnl_set_elem_alloc();
    if (!element) throw std::bad_alloc();
    nftnl_set_elem_set(element, NFTNL_SET_ELEM_KEY, &i, sizeof i);
    nftnl_set_elem_set_u32(element, NFTNL_SET_ELEM_VERDICT, static_cast<std::uint32_t>(NFT_GOTO));
    nftnl_set_elem_set_str(element, NFTNL_SET_ELEM_CHAIN, chains[i].c_str());
    nftnl_set_elem_add(set.get(), element);
  }
  batch.add(NFT_MSG_NEWSETELEM, NLM_F_CREATE, "fill the map of queues",
            [&](nlmsghdr* header) { nftnl_set_elems_nlmsg_build_payload(header, set.get()); });
}

void add_elements(NftBatch& batch, std::string_view table, std::string_view set,
                  std::span<const Element> elements) {
  put_elements(batch, NFT_MSG_NEWSETELEM, table, set, elements, true, "add");
}

void delete_elements(NftBatch& batch, std::string_view table, std::string_view set,
                     std::span<const Element> elements) {
  put_elements(batch, NFT_MSG_NEWSETELEM, table, set, elements, false, "touch");
  put_elements(batch, NFT_MSG_DELSETELEM, table, set, elements, false, "delete");
}

void flush_set(NftBatch& batch, std::string_view table, std::string_view name) {
  const auto set = new_set(table, name);
  batch.add(NFT_MSG_DELSETELEM, 0, fmt::format("flush set {}", name),
            [&](nlmsghdr* header) { nftnl_set_elems_nlmsg_build_payload(header, set.get()); });
}

void add_base_chain(NftBatch& batch, std::string_view table, std::string_view name, Hook hook, int priority,
                    std::string_view comment) {
  const auto chain = new_chain(table, name, comment);
  nftnl_chain_set_str(chain.get(), NFTNL_CHAIN_TYPE, "filter");
  nftnl_chain_set_u32(chain.get(), NFTNL_CHAIN_HOOKNUM,
                      hook == Hook::prerouting ? NF_INET_PRE_ROUTING : NF_INET_POST_ROUTING);
  nftnl_chain_set_s32(chain.get(), NFTNL_CHAIN_PRIO, priority);
  nftnl_chain_set_u32(chain.get(), NFTNL_CHAIN_POLICY, NF_ACCEPT);
  batch.add(NFT_MSG_NEWCHAIN, NLM_F_CREATE, fmt::format("create chain {}", name),
            [&](nlmsghdr* header) { nftnl_chain_nlmsg_build_payload(header, chain.get()); });
}

void add_chain(NftBatch& batch, std::string_view table, std::string_view name, std::string_view comment) {
  const auto chain = new_chain(table, name, comment);
  batch.add(NFT_MSG_NEWCHAIN, NLM_F_CREATE, fmt::format("create chain {}", name),
            [&](nlmsghdr* header) { nftnl_chain_nlmsg_build_payload(header, chain.get()); });
}

void flush_chain(NftBatch& batch, std::string_view table, std::string_view name) {
  batch.add(NFT_MSG_DELRULE, 0, fmt::format("flush chain {}", name), [&](nlmsghdr* header) {
    mnl_attr_put_strz(header, NFTA_RULE_TABLE, std::string(table).c_str());
    mnl_attr_put_strz(header, NFTA_RULE_CHAIN, std::string(name).c_str());
  });
}

void delete_chain(NftBatch& batch, std::string_view table, std::string_view name) {
  const auto chain = new_chain(table, name, "");
  batch.add(NFT_MSG_DELCHAIN, 0, fmt::format("delete chain {}", name),
            [&](nlmsghdr* header) { nftnl_chain_nlmsg_build_payload(header, chain.get()); });
}

void add_rule(NftBatch& batch, const Rule& rule) {
  batch.add(NFT_MSG_NEWRULE, NLM_F_CREATE | NLM_F_APPEND, rule.phrase(),
            [&](nlmsghdr* header) { rule.build(header); });
}

}  // namespace sipward::enforce
