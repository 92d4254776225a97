// The shield's tables in a network namespace of their own, and what the nft program says of them.
#pragma once

#include <memory>
#include <sstream>
#include <string>
#include <type_traits>
#include <vector>

#include "enforce/shield_table.h"
#include "support/net_namespace.h"
#include "unit/base/nets.h"

namespace sipward::test {

// "sipward", "sipward_queue": the tables there are, in the order of their making.
inline std::vector<std::string> tables() {
  std::istringstream listing(nft("list tables"));
  std::vector<std::string> names;
  for (std::string line; std::getline(listing, line);) {
    std::istringstream words(line);  // "table inet NAME", perhaps with the owner behind it
    std::string name;
    for (int i = 0; i < 3; ++i) words >> name;
    names.push_back(name);
  }
  return names;
}

inline bool holds(const std::string& set, const std::string& element) {
  return shell("nft 'get element inet sipward " + set + " { " + element + " }'").ok;
}

// A namespace, and the tables in it.
class Kernel : public NetNamespace {
 public:
  static enforce::ShieldTableOptions options() {
    enforce::ShieldTableOptions options;
    options.udp_ports = {5060};
    options.tcp_ports = {5060, 5061};
    options.workers = 2;
    options.source_rate_per_s = 100;
    options.source_burst = 300;
    options.unknown_rate_per_s = 10000;
    options.unknown_burst = 4000;
    return options;
  }

  // Tables cannot be copied: the socket that owns one is inside.
  static std::unique_ptr<enforce::ShieldTable> open(
      const enforce::ShieldTableOptions& options = Kernel::options()) {
    auto table = enforce::ShieldTable::open(options);
    if (!table) FAIL(table.error().text);
    return std::make_unique<enforce::ShieldTable>(std::move(*table));
  }
};

template <class T>
T done(Result<T> result) {
  if (!result) FAIL(result.error().text);
  if constexpr (!std::is_void_v<T>) return std::move(*result);
}

using Entries = std::vector<TimedPrefix>;
using Texts = std::vector<std::string>;

inline std::unique_ptr<enforce::ShieldTable> installed(
    const enforce::Lists& lists = {}, const enforce::ShieldTableOptions& options = Kernel::options()) {
  auto table = Kernel::open(options);
  done(table->install(lists, kNow));
  return table;
}

inline bool is_banned(enforce::ShieldTable& table, std::string_view text) {
  return done(table.banned(net(text))).has_value();
}

// What is left of a ban; FAILs when there is none.
inline std::optional<std::chrono::milliseconds> left(enforce::ShieldTable& table, std::string_view text) {
  const auto element = done(table.banned(net(text)));
  if (!element) FAIL(text << " is not banned");
  return element->left;
}

inline bool about(std::optional<std::chrono::milliseconds> time, std::chrono::milliseconds expected) {
  return time && *time <= expected && *time > expected - std::chrono::minutes(1);
}

}  // namespace sipward::test
