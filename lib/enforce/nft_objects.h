// The things a table is made of, as messages of a transaction.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/address.h"
#include "enforce/nft_batch.h"
#include "enforce/nft_rule.h"

namespace sipward::enforce {

// A table that only its maker may change and that vanishes with the maker's socket (NFT_TABLE_F_OWNER,
// Linux 5.12).
enum class Ownership { shared, owned };

void add_table(NftBatch& batch, std::string_view table, std::string_view comment,
               Ownership ownership = Ownership::shared);
void delete_table(NftBatch& batch, std::string_view table);

void add_counter(NftBatch& batch, std::string_view table, std::string_view name, std::string_view comment);

enum class KeyType { ipv4_addr, ipv6_addr, inet_service };

struct SetSpec {
  std::string name{};
  std::string comment{};
  KeyType key = KeyType::ipv4_addr;
  bool interval = false;  // ranges instead of single keys
  bool timeout = false;
  bool dynamic = false;    // filled by rules (update @set)
  bool counter = false;    // a packet counter for each element
  std::uint32_t size = 0;  // 0: no bound
};

[[nodiscard]] KeyType key_type(Family family);

void add_set(NftBatch& batch, std::string_view table, const SetSpec& spec);

// A map from the numbers 0 … chains.size()-1 to `goto chain`, anonymous: it lives with the rule that looks it
// up. `id` is unique within the batch and is what Rule::shard names.
void add_chain_map(NftBatch& batch, std::string_view table, std::span<const std::string> chains,
                   std::uint32_t id);

// A set's element: an address, a port, or a range when the set holds intervals.
struct Element {
  std::vector<std::byte> key{};      // network order
  std::vector<std::byte> key_end{};  // ranges: the first key after it; empty: up to the last key there is
  bool range = false;
  std::optional<std::chrono::milliseconds> timeout{};  // nothing: for ever
  std::string comment{};
};

void add_elements(NftBatch& batch, std::string_view table, std::string_view set,
                  std::span<const Element> elements);
// Deleting an element that the kernel has expired meanwhile fails the whole transaction: delete_elements adds
// it first.
void delete_elements(NftBatch& batch, std::string_view table, std::string_view set,
                     std::span<const Element> elements);
void flush_set(NftBatch& batch, std::string_view table, std::string_view set);

enum class Hook { prerouting, postrouting };

// A base chain of type filter; policy accept.
void add_base_chain(NftBatch& batch, std::string_view table, std::string_view chain, Hook hook, int priority,
                    std::string_view comment);
void add_chain(NftBatch& batch, std::string_view table, std::string_view chain, std::string_view comment);
void flush_chain(NftBatch& batch, std::string_view table, std::string_view chain);
// It must be there, without rules.
void delete_chain(NftBatch& batch, std::string_view table, std::string_view chain);
void add_rule(NftBatch& batch, const Rule& rule);

}  // namespace sipward::enforce
