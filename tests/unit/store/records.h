// Records as tests need them.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <utility>

#include "store/store.h"
#include "support/catch.h"
#include "support/temporary_folder.h"

namespace sipward::store {

using namespace std::chrono_literals;  // NOLINT: for tests alone
using test::TemporaryFolder;

inline constexpr WallTime kNow{std::chrono::milliseconds(1'800'000'000'123)};

inline std::unique_ptr<Store> open_store(const TemporaryFolder& folder) {
  auto store = Store::open(folder / "sipward.db");
  if (!store) FAIL(store.error().text);
  return std::move(*store);
}

inline Prefix net(const char* text) {
  return Prefix::parse(text).value();
}
inline Address address(const char* text) {
  return Address::parse(text).value();
}

inline BanRecord ban(const char* of, WallTime created = kNow, std::optional<WallTime> expires = kNow + 1h) {
  return {.net = net(of),
          .reason = "signature",
          .rule = "ua-friendly-scanner",
          .origin = "auto:ua-friendly-scanner",
          .verified = true,
          .created = created,
          .expires = expires};
}

inline EndedBan ended(const BanRecord& record, WallTime at, const char* how = "expired") {
  return {record, at, how};
}

inline EvidenceRecord packet(const char* source, const std::string& excerpt) {
  EvidenceRecord record;
  record.time = kNow;
  record.source = address(source);
  record.excerpt = excerpt;
  return record;
}

}  // namespace sipward::store
