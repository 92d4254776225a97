#include "enforce/nft_read.h"

#include <arpa/inet.h>
#include <libmnl/libmnl.h>
#include <libnftnl/expr.h>
#include <libnftnl/object.h>
#include <libnftnl/set.h>
#include <libnftnl/table.h>
#include <libnftnl/udata.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>

#include <memory>

#include "base/handle.h"

namespace sipward::enforce {
namespace {

using Table = std::unique_ptr<nftnl_table, CloseWith<nftnl_table_free>>;
using Object = std::unique_ptr<nftnl_obj, CloseWith<nftnl_obj_free>>;
using Set = std::unique_ptr<nftnl_set, CloseWith<nftnl_set_free>>;

int find_comment(const nftnl_udata* attribute, void* data) {
  if (nftnl_udata_type(attribute) == NFTNL_UDATA_TABLE_COMMENT) {
    const auto* text = static_cast<const char*>(nftnl_udata_get(attribute));
    const std::size_t length = nftnl_udata_len(attribute);
    if (length > 0) static_cast<std::string*>(data)->assign(text, length - 1);
  }
  return 0;
}

TableInfo table_info(const nlmsghdr* header) {
  const Table table(nftnl_table_alloc());
  TableInfo info;
  if (!table || nftnl_table_nlmsg_parse(header, table.get()) < 0) return info;
  info.handle = nftnl_table_get_u64(table.get(), NFTNL_TABLE_HANDLE);
  if (nftnl_table_is_set(table.get(), NFTNL_TABLE_OWNER))
    info.owner = nftnl_table_get_u32(table.get(), NFTNL_TABLE_OWNER);
  std::uint32_t length = 0;
  const void* data = nftnl_table_get_data(table.get(), NFTNL_TABLE_USERDATA, &length);
  if (data) nftnl_udata_parse(data, length, find_comment, &info.comment);
  return info;
}

int counter_packets(nftnl_expr* expr, void* data) {
  if (std::string_view(nftnl_expr_get_str(expr, NFTNL_EXPR_NAME)) == "counter")
    *static_cast<std::optional<std::uint64_t>*>(data) = nftnl_expr_get_u64(expr, NFTNL_EXPR_CTR_PACKETS);
  return 0;
}

std::optional<Address> key_address(const void* key, std::uint32_t length) {
  const auto* bytes = static_cast<const std::byte*>(key);
  if (length == 4) return Address::v4(std::span<const std::byte, 4>(bytes, 4));
  if (length == 16) return Address::v6(std::span<const std::byte, 16>(bytes, 16));
  return std::nullopt;
}

std::optional<ElementInfo> element_info(nftnl_set_elem* element) {
  std::uint32_t length = 0;
  const void* key = nftnl_set_elem_get(element, NFTNL_SET_ELEM_KEY, &length);
  const auto address = key ? key_address(key, length) : std::nullopt;
  if (!address) return std::nullopt;
  ElementInfo info{Prefix(*address), std::nullopt, std::nullopt};
  if (nftnl_set_elem_is_set(element, NFTNL_SET_ELEM_EXPIRATION))
    info.left = std::chrono::milliseconds(nftnl_set_elem_get_u64(element, NFTNL_SET_ELEM_EXPIRATION));
  nftnl_set_elem_expr_foreach(element, counter_packets, &info.packets);
  return info;
}

void append_elements(const nlmsghdr* header, std::vector<ElementInfo>& rows) {
  const Set set(nftnl_set_alloc());
  if (!set || nftnl_set_elems_nlmsg_parse(header, set.get()) < 0) return;
  auto* iterator = nftnl_set_elems_iter_create(set.get());
  for (auto* element = nftnl_set_elems_iter_next(iterator); element;
       element = nftnl_set_elems_iter_next(iterator))
    if (const auto info = element_info(element)) rows.push_back(*info);
  nftnl_set_elems_iter_destroy(iterator);
}

constexpr unsigned kGeneralHeader = 4;  // sizeof(nfgenmsg)

int take_generation(const nlattr* attribute, void* data) {
  if (mnl_attr_get_type(attribute) == NFTA_GEN_ID)
    *static_cast<std::uint32_t*>(data) = ntohl(mnl_attr_get_u32(attribute));
  return MNL_CB_OK;
}

Set set_named(std::string_view table, std::string_view name) {
  Set set(nftnl_set_alloc());
  nftnl_set_set_str(set.get(), NFTNL_SET_TABLE, std::string(table).c_str());
  nftnl_set_set_str(set.get(), NFTNL_SET_NAME, std::string(name).c_str());
  return set;
}

}  // namespace

Result<std::optional<TableInfo>> find_table(NftSocket& socket, std::string_view table) {
  std::optional<TableInfo> info;
  const auto done = socket.query(
      NFT_MSG_GETTABLE, 0, "look for a table of nf_tables", NFPROTO_INET,
      [&](nlmsghdr* header) { mnl_attr_put_strz(header, NFTA_TABLE_NAME, std::string(table).c_str()); },
      [&](const nlmsghdr* header) { info = table_info(header); }, [&] { info.reset(); });
  if (!done && done.error().kind != ErrorKind::not_found) return tl::unexpected(done.error());
  return info;
}

Result<std::map<std::string, CounterValue>> read_counters(NftSocket& socket, std::string_view table) {
  std::map<std::string, CounterValue> counters;
  const auto row = [&](const nlmsghdr* header) {
    const Object object(nftnl_obj_alloc());
    if (!object || nftnl_obj_nlmsg_parse(header, object.get()) < 0) return;
    // Kernels before 6.3 do not filter the dump by table.
    if (nftnl_obj_get_str(object.get(), NFTNL_OBJ_TABLE) != table) return;
    if (nftnl_obj_get_u32(object.get(), NFTNL_OBJ_TYPE) != NFT_OBJECT_COUNTER) return;
    counters[nftnl_obj_get_str(object.get(), NFTNL_OBJ_NAME)] = {
        nftnl_obj_get_u64(object.get(), NFTNL_OBJ_CTR_PKTS),
        nftnl_obj_get_u64(object.get(), NFTNL_OBJ_CTR_BYTES)};
  };
  const auto done = socket.query(
      NFT_MSG_GETOBJ, NLM_F_DUMP, "read the counters", NFPROTO_INET,
      [&](nlmsghdr* header) {
        mnl_attr_put_strz(header, NFTA_OBJ_TABLE, std::string(table).c_str());
        mnl_attr_put_u32(header, NFTA_OBJ_TYPE, htonl(NFT_OBJECT_COUNTER));
      },
      row, [&] { counters.clear(); });
  if (!done) return tl::unexpected(done.error());
  return counters;
}

Result<std::vector<ElementInfo>> read_elements(NftSocket& socket, std::string_view table,
                                               std::string_view set_name, unsigned length) {
  std::vector<ElementInfo> rows;
  const auto set = set_named(table, set_name);
  const auto done = socket.query(
      NFT_MSG_GETSETELEM, NLM_F_DUMP, fmt::format("read set {}", set_name), NFPROTO_INET,
      [&](nlmsghdr* header) { nftnl_set_elems_nlmsg_build_payload(header, set.get()); },
      [&](const nlmsghdr* header) { append_elements(header, rows); }, [&] { rows.clear(); });
  if (!done) return tl::unexpected(done.error());
  for (ElementInfo& row : rows) row.net = Prefix(row.net.base(), length);
  return rows;
}

Result<std::optional<ElementInfo>> read_element(NftSocket& socket, std::string_view table,
                                                std::string_view set_name, const Prefix& net) {
  std::vector<ElementInfo> rows;
  const auto set = set_named(table, set_name);
  auto* element = nftnl_set_elem_alloc();
  nftnl_set_elem_set(element, NFTNL_SET_ELEM_KEY, net.base().bytes().data(),
                     static_cast<std::uint32_t>(net.base().bytes().size()));
  nftnl_set_elem_add(set.get(), element);
  const auto done = socket.query(
      NFT_MSG_GETSETELEM, 0, fmt::format("read {} of set {}", net.to_string(), set_name), NFPROTO_INET,
      [&](nlmsghdr* header) { nftnl_set_elems_nlmsg_build_payload(header, set.get()); },
      [&](const nlmsghdr* header) { append_elements(header, rows); }, [&] { rows.clear(); });
  if (!done && done.error().kind != ErrorKind::not_found) return tl::unexpected(done.error());
  if (rows.empty()) return std::nullopt;
  rows.front().net = net;
  return rows.front();
}

Result<std::uint32_t> read_generation(NftSocket& socket) {
  std::uint32_t generation = 0;
  const auto row = [&](const nlmsghdr* header) {
    mnl_attr_parse(header, kGeneralHeader, take_generation, &generation);
  };
  const auto done = socket.query(
      NFT_MSG_GETGEN, 0, "read the ruleset's generation", AF_UNSPEC, [](nlmsghdr*) {}, row, [] {});
  if (!done) return tl::unexpected(done.error());
  return generation;
}

}  // namespace sipward::enforce
