// Rows of the database as records. Inside lib/store only.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <vector>

#include "base/one_line.h"
#include "store/database.h"
#include "store/store.h"

namespace sipward::store {

[[nodiscard]] inline std::int64_t to_ms(WallTime time) {
  return time.time_since_epoch().count();
}
[[nodiscard]] inline WallTime from_ms(std::int64_t ms) {
  return WallTime(std::chrono::milliseconds(ms));
}

[[nodiscard]] inline std::optional<std::int64_t> to_ms(const std::optional<WallTime>& time) {
  return time ? std::optional(to_ms(*time)) : std::nullopt;
}
[[nodiscard]] inline std::optional<WallTime> from_ms(std::optional<std::int64_t> ms) {
  return ms ? std::optional(from_ms(*ms)) : std::nullopt;
}

// Somebody may have edited the file by hand: such a row is an error that shows it, not a crash or a silent
// gap.
template <class T>
bool read_net(const Row& row, int column, Result<std::vector<T>>& rows, Prefix& net) {
  const auto parsed = Prefix::parse(row.bytes(column));
  if (parsed)
    net = *parsed;
  else if (rows)
    rows = fail("a stored row is wrong: {}", one_line(parsed.error().text));
  return rows.has_value();
}

// Without their nets, which read_net() reads.
[[nodiscard]] WhitelistEntry whitelist_entry(const Row& row);
[[nodiscard]] BanRecord ban_record(const Row& row);
[[nodiscard]] EvidenceRecord evidence_record(const Row& row, const Address& source);

}  // namespace sipward::store
