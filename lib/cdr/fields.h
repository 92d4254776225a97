// A record as named columns, in the order of every export.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <variant>

#include "base/clock.h"
#include "cdr/record.h"

namespace sipward::cdr {

// Written by a stranger: any bytes.
struct Foreign {
  std::string text;
};
// Nothing, theirs, ours (printable ASCII), a number, yes or no.
using Value = std::variant<std::monostate, Foreign, std::string, std::int64_t, bool>;

struct Column {
  std::string_view name;  // stable: lower case, '_', and the unit last
  Value (*value)(const CallRecord& record);
};

// Those that exist keep their names and places.
[[nodiscard]] std::span<const Column> columns();

// "2026-01-31T23:59:59.999Z"
[[nodiscard]] std::string iso(WallTime time);

}  // namespace sipward::cdr
