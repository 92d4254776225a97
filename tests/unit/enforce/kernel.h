// The kernel's side of a test: a network namespace of its own, and what the nft program says of it.
#pragma once

#include <sched.h>

#include <array>
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <sstream>
#include <string>
#include <type_traits>
#include <vector>

#include "enforce/shield_table.h"
#include "unit/base/nets.h"

namespace sipward::test {

// What a shell command prints, both streams, and whether it succeeded.
struct Shell {
  std::string text;
  bool ok = false;
};

inline Shell shell(const std::string& command) {
  Shell result;
  std::FILE* pipe = ::popen(("PATH=$PATH:/usr/sbin:/sbin; " + command + " 2>&1").c_str(), "r");
  REQUIRE(pipe != nullptr);
  std::array<char, 4096> chunk{};
  for (std::size_t n = 0; (n = std::fread(chunk.data(), 1, chunk.size(), pipe)) > 0;)
    result.text.append(chunk.data(), n);
  result.ok = ::pclose(pipe) == 0;
  return result;
}

inline std::string nft(const std::string& words) {
  const Shell result = shell("nft '" + words + "'");
  INFO("nft " << words << ": " << result.text);
  REQUIRE(result.ok);
  return result.text;
}

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

// Moves this thread into a network namespace of its own: nothing that a test does there is seen elsewhere.
// Needs root.
class Kernel {
 public:
  Kernel() {
    INFO("these tests need root (CAP_SYS_ADMIN, CAP_NET_ADMIN): they make network namespaces");
    REQUIRE(::unshare(CLONE_NEWNET) == 0);
    REQUIRE(nft("list tables").empty());
  }

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
  return done(table.banned(address(text))).has_value();
}

// What is left of a ban; FAILs when there is none.
inline std::optional<std::chrono::milliseconds> left(enforce::ShieldTable& table, std::string_view text) {
  const auto element = done(table.banned(address(text)));
  if (!element) FAIL(text << " is not banned");
  return element->left;
}

inline bool about(std::optional<std::chrono::milliseconds> time, std::chrono::milliseconds expected) {
  return time && *time <= expected && *time > expected - std::chrono::minutes(1);
}

}  // namespace sipward::test
