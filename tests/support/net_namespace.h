// The kernel's side of a test: a network namespace of its own, and the programs that change it.
#pragma once

#include <sched.h>

#include <array>
#include <cstdio>
#include <string>

#include "support/catch.h"

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

// Moves this thread into a network namespace of its own: nothing that a test does there is seen elsewhere.
// Needs root.
class NetNamespace {
 public:
  NetNamespace() {
    INFO("these tests need root (CAP_SYS_ADMIN, CAP_NET_ADMIN): they make network namespaces");
    REQUIRE(::unshare(CLONE_NEWNET) == 0);
    REQUIRE(nft("list tables").empty());
  }
};

}  // namespace sipward::test
