// Stores as tests need them.
#pragma once

#include <array>
#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "store/store.h"
#include "support/catch.h"
#include "support/temporary_folder.h"

namespace sipward::store {

namespace fs = std::filesystem;
using test::TemporaryFolder;

inline constexpr WallTime kNow{std::chrono::milliseconds(1'800'000'000'000)};

inline BanRecord numbered_ban(std::uint32_t n) {
  const std::array bytes{std::byte{10}, static_cast<std::byte>(n >> 16U), static_cast<std::byte>(n >> 8U),
                         static_cast<std::byte>(n)};
  return {.net = Address::v4(bytes),
          .reason = "signature",
          .rule = "r",
          .origin = "auto:r",
          .verified = false,
          .created = kNow,
          .expires = {}};
}

inline std::vector<BanRecord> numbered_bans(std::uint32_t count) {
  std::vector<BanRecord> bans;
  for (std::uint32_t n = 0; n < count; ++n) bans.push_back(numbered_ban(n));
  return bans;
}

// A closed store with some bans in it.
inline fs::path made_store(const TemporaryFolder& folder, std::uint32_t bans) {
  const fs::path path = folder / "sipward.db";
  const auto store = Store::open(path);
  REQUIRE(store);
  REQUIRE((*store)->put(numbered_bans(bans), {}));
  return path;
}

inline Error refusal(const fs::path& path) {
  const auto store = Store::open(path);
  REQUIRE_FALSE(store);
  CHECK_THAT(store.error().text, ContainsSubstring("cannot open the database " + path.string()));
  CHECK(store.error().text.find('\n') == std::string::npos);
  return store.error();
}

}  // namespace sipward::store
