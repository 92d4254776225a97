// What the kernel holds: tables, counters, elements.
#pragma once

#include <chrono>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/address.h"
#include "enforce/nft_batch.h"

namespace sipward::enforce {

struct TableInfo {
  std::uint64_t handle = 0;  // unique in this boot and network namespace: a table made anew has another
  std::string comment;
  std::uint32_t owner = 0;  // netlink port of the owning socket; 0: shared
};

// Nothing when there is no such table.
[[nodiscard]] Result<std::optional<TableInfo>> find_table(NftSocket& socket, std::string_view table);

struct CounterValue {
  std::uint64_t packets = 0;
  std::uint64_t bytes = 0;
};

// All named counters of the table.
[[nodiscard]] Result<std::map<std::string, CounterValue>> read_counters(NftSocket& socket,
                                                                        std::string_view table);

struct ElementInfo {
  Prefix net;
  std::optional<std::chrono::milliseconds> left;  // nothing: for ever
  std::optional<std::uint64_t> packets;           // nothing: the set keeps no counters
};

// Every element of a hash set, whose keys are addresses, or nets of `length` bits.
[[nodiscard]] Result<std::vector<ElementInfo>> read_elements(NftSocket& socket, std::string_view table,
                                                             std::string_view set, unsigned length);
// One element; nothing when it is not in the set.
[[nodiscard]] Result<std::optional<ElementInfo>> read_element(NftSocket& socket, std::string_view table,
                                                              std::string_view set, const Prefix& net);

// The ruleset's generation: another number means that somebody, perhaps this process, has changed it.
[[nodiscard]] Result<std::uint32_t> read_generation(NftSocket& socket);

}  // namespace sipward::enforce
