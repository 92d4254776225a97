// The one list of everything that can be configured. A new setting is a member in settings.h and a row in
// settings_table.cc (and its entry in sipward.toml(5)): reading, defaults, checks and --print-config follow
// from the row.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "config/settings.h"

namespace sipward::config {

inline constexpr unsigned kWorkersMax = 64;

// Where something stands in the file, both from 1; column 0: nowhere.
struct Position {
  std::uint32_t line = 0;
  std::uint32_t column = 0;
  friend auto operator<=>(const Position&, const Position&) = default;
};

// A value as the file gives it.
struct Value {
  enum class Type : std::uint8_t { boolean, integer, text, list, table, other };
  Type type = Type::other;
  bool boolean = false;
  std::int64_t integer = 0;
  std::string text;          // also how people would name a value of type other: "the fraction 3.5", "a date"
  std::vector<Value> items;  // of a list or a table
  Position at;
  std::string key;  // inside a table: its name there
  Position key_at;

  // "70000", "the text \"fast\"", "a list", for messages.
  [[nodiscard]] std::string found() const;
};

struct Problem {
  Position at;
  std::string text;
};
using Problems = std::vector<Problem>;

struct Setting {
  std::string_view section;  // "shield", "methods", "limits.unknown"
  std::string_view key;      // "udp_ports", "peer"
  std::string_view
      doc;  // what it does, its unit, and why the default is what it is; lines end in \n but the last
  // What is accepted: "a whole number from 0 to 64".
  std::string (*expected)();
  // Takes over what is right and reports the rest, in words that follow "shield.udp_ports: ".
  void (*read)(const Value&, Settings&, Problems&);
  // As it stands after the "=" in the file; for a table, its lines.
  std::string (*print)(const Settings&);
  bool is_table = false;

  [[nodiscard]] std::string name() const;  // "shield.udp_ports"
};

struct Section {
  std::string_view name;
  std::string_view doc;
};

// In the order in which people read them; each section's settings are neighbours.
[[nodiscard]] std::span<const Section> sections();
[[nodiscard]] std::span<const Setting> settings_table();

// A rule over two settings.
struct CrossCheck {
  std::string_view first;  // "guard.unknown_burst"
  std::string_view second;
  // A sentence that names both and their values; "" if they agree.
  std::string (*check)(const Settings&);
};
[[nodiscard]] std::span<const CrossCheck> cross_checks();

}  // namespace sipward::config
