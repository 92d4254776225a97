#include "config/settings_file.h"

#include <toml++/toml.h>

#include <algorithm>
#include <map>
#include <numeric>
#include <optional>
#include <utility>

#include "base/file.h"
#include "base/one_line.h"
#include "config/settings_table.h"

namespace sipward::config {
namespace {

constexpr std::size_t kFileSizeMax = 1U << 20U;

// ---- TOML nodes to values

Position position_of(const toml::source_region& region) {
  return {region.begin.line, region.begin.column};
}

Value to_value(const toml::node& node);

void add_items(const toml::table& table, Value& value) {
  for (const auto& [key, node] : table) {
    value.items.push_back(to_value(node));
    value.items.back().key = key.str();
    value.items.back().key_at = position_of(key.source());
  }
}

std::string_view name_of_other(toml::node_type type) {
  switch (type) {
    case toml::node_type::date:
      return "a date";
    case toml::node_type::time:
      return "a time of day";
    case toml::node_type::date_time:
      return "a date and time";
    default:
      return "nothing";
  }
}

Value to_value(const toml::node& node) {
  Value value;
  value.at = position_of(node.source());
  if (const auto* boolean = node.as_boolean()) {
    value.type = Value::Type::boolean;
    value.boolean = boolean->get();
  } else if (const auto* integer = node.as_integer()) {
    value.type = Value::Type::integer;
    value.integer = integer->get();
  } else if (const auto* text = node.as_string()) {
    value.type = Value::Type::text;
    value.text = text->get();
  } else if (const auto* list = node.as_array()) {
    value.type = Value::Type::list;
    for (const toml::node& item : *list) value.items.push_back(to_value(item));
  } else if (const auto* table = node.as_table()) {
    value.type = Value::Type::table;
    add_items(*table, value);
  } else if (const auto* fraction = node.as_floating_point()) {
    value.text = fmt::format("the fraction {}", fraction->get());
  } else {
    value.text = name_of_other(node.type());
  }
  return value;
}

// ---- unknown names

// Levenshtein distance, letter case left out.
std::size_t edit_distance(std::string_view a, std::string_view b) {
  const auto lower = [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; };
  std::vector<std::size_t> row(b.size() + 1);
  std::iota(row.begin(), row.end(), std::size_t{0});
  for (std::size_t i = 0; i < a.size(); ++i) {
    std::size_t diagonal = row[0];
    row[0] = i + 1;
    for (std::size_t j = 0; j < b.size(); ++j) {
      const std::size_t replaced = diagonal + (lower(a[i]) == lower(b[j]) ? 0 : 1);
      diagonal = row[j + 1];
      row[j + 1] = std::min({replaced, row[j] + 1, diagonal + 1});
    }
  }
  return row[b.size()];
}

// One letter in three may be wrong, and one more.
bool is_near(std::size_t distance, std::string_view name) {
  return distance <= 1 + name.size() / 3;
}

// The key of the same section wins over an equally near one elsewhere.
std::string nearest_setting(std::string_view section, std::string_view key) {
  std::size_t best = std::string::npos;
  std::string name;
  for (const Setting& setting : settings_table()) {
    const std::size_t distance = edit_distance(key, setting.key);
    const std::size_t rank = 2 * distance + (setting.section == section ? 0 : 1);
    if (!is_near(distance, key) || rank >= best) continue;
    best = rank;
    name = setting.name();
  }
  return name;
}

std::string keys_of(std::string_view section) {
  std::string keys;
  for (const Setting& setting : settings_table())
    if (setting.section == section) keys += fmt::format("{}{}", keys.empty() ? "" : ", ", setting.key);
  return keys;
}

bool is_section(std::string_view name) {
  return std::ranges::find(sections(), name, &Section::name) != sections().end();
}

const Section& nearest_section(std::string_view name) {
  return *std::ranges::min_element(sections(), {},
                                   [&](const Section& section) { return edit_distance(name, section.name); });
}

std::string unknown_key(std::string_view section, const Value& value) {
  const std::string& key = value.key;
  const Section& table = nearest_section(fmt::format("{}.{}", section, key));
  const bool is_inside = table.name.starts_with(fmt::format("{}.", section));
  if (value.type == Value::Type::table && is_inside)
    return fmt::format("no such table; did you mean [{}]?", table.name);
  const std::string nearest = nearest_setting(section, key);
  if (nearest.empty()) return fmt::format("no such key; [{}] has {}", section, keys_of(section));
  return fmt::format("no such key; did you mean {}?", nearest);
}

std::string unknown_section(const Value& value) {
  const Section& nearest = nearest_section(value.key);
  if (value.type != Value::Type::table) {
    const std::string setting = nearest_setting("", value.key);
    if (!setting.empty()) return fmt::format("no such key outside of a table; did you mean {}?", setting);
  } else if (is_near(edit_distance(value.key, nearest.name), value.key)) {
    return fmt::format("no such table; did you mean [{}]?", nearest.name);
  }
  std::string names;
  for (const Section& section : sections())
    names += fmt::format("{}[{}]", names.empty() ? "" : ", ", section.name);
  return fmt::format("no such table; there are {}", names);
}

// ---- reading

class Reader {
 public:
  void read(const Value& root) {
    for (const Value& section : root.items) read_section(section.key, section);
    for (const CrossCheck& check : cross_checks()) read_together(check);
    std::ranges::stable_sort(problems_, {}, &Problem::at);
  }

  [[nodiscard]] const Settings& settings() const { return settings_; }
  [[nodiscard]] const Problems& problems() const { return problems_; }

 private:
  struct Seen {
    Position at;
    bool right = false;
  };

  // A table within a section is a section of its own, [limits.known], or the value of a setting.
  void read_section(const std::string& name, const Value& section) {
    if (!is_section(name))
      return problems_.push_back({section.key_at, fmt::format("{}: {}", name, unknown_section(section))});
    if (section.type != Value::Type::table)
      return problems_.push_back(
          {section.at, fmt::format("{}: {} was found; a table was expected", name, section.found())});
    for (const Value& value : section.items) {
      const std::string inner = fmt::format("{}.{}", name, value.key);
      if (is_section(inner))
        read_section(inner, value);
      else
        read_setting(name, value);
    }
  }

  void read_setting(std::string_view section, const Value& value) {
    const std::string name = fmt::format("{}.{}", section, value.key);
    const auto table = settings_table();
    const auto setting = std::ranges::find(table, name, &Setting::name);
    if (setting == table.end())
      return problems_.push_back({value.key_at, fmt::format("{}: {}", name, unknown_key(section, value))});
    Problems own;
    setting->read(value, settings_, own);
    seen_[name] = {value.at, own.empty()};
    for (const Problem& problem : own)
      problems_.push_back({problem.at, fmt::format("{}: {}", name, problem.text)});
  }

  // Of two settings that disagree at least one is in the file: defaults agree. A setting that is wrong in
  // itself was reported and not taken over, so a contradiction with it would be none of the file's.
  void read_together(const CrossCheck& check) {
    const std::optional<Seen> first = seen(check.first);
    const std::optional<Seen> second = seen(check.second);
    if ((first && !first->right) || (second && !second->right)) return;
    const std::string text = check.check(settings_);
    if (!text.empty()) problems_.push_back({first ? first->at : second ? second->at : Position{}, text});
  }

  [[nodiscard]] std::optional<Seen> seen(std::string_view name) const {
    const auto it = seen_.find(name);
    return it == seen_.end() ? std::nullopt : std::optional(it->second);
  }

  Settings settings_;
  Problems problems_;
  std::map<std::string, Seen, std::less<>> seen_;
};

std::string error_line(std::string_view file_name, Position at, std::string_view text) {
  return fmt::format("{}:{}:{}: error: {}", file_name, at.line, at.column, one_line(text));
}

// ---- printing

std::string comment(std::string_view text) {
  std::string lines = "# ";
  for (const char c : text) lines += c == '\n' ? std::string("\n# ") : std::string(1, c);
  return lines + "\n";
}

std::string print_setting(const Setting& setting, const Settings& settings) {
  static const Settings defaults;
  const std::string doc = comment(setting.doc);
  if (setting.is_table)
    return fmt::format("{}# Accepts {}.\n[{}]\n{}", doc, setting.expected(), setting.name(),
                       setting.print(settings));
  return fmt::format("{}# Accepts {}. Default: {}\n{} = {}\n", doc, setting.expected(),
                     setting.print(defaults), setting.key, setting.print(settings));
}

std::string print_section(const Section& section, const Settings& settings) {
  std::string text = fmt::format("## {}\n", section.doc);
  bool needs_header = true;  // a setting that is a table has its own: [methods.unknown]
  for (const Setting& setting : settings_table()) {
    if (setting.section != section.name) continue;
    if (!setting.is_table && std::exchange(needs_header, false)) text += fmt::format("[{}]\n", section.name);
    text += "\n" + print_setting(setting, settings);
  }
  return text;
}

}  // namespace

Result<Settings> parse_settings(std::string_view text, std::string_view file_name) {
  toml::table root;
  try {
    root = toml::parse(text);
  } catch (const toml::parse_error& error) {
    return fail(ErrorKind::invalid, "{}",
                error_line(file_name, position_of(error.source()), error.description()));
  }
  Reader reader;
  reader.read(to_value(root));
  std::string lines;
  for (const Problem& problem : reader.problems())
    lines += (lines.empty() ? "" : "\n") + error_line(file_name, problem.at, problem.text);
  if (!lines.empty()) return fail(ErrorKind::invalid, "{}", lines);
  return reader.settings();
}

Result<Settings> load_settings(const std::filesystem::path& path) {
  return read_file(path, kFileSizeMax).and_then([&](const std::string& text) {
    return parse_settings(text, path.string());
  });
}

Result<Settings> load_default_settings() {
  std::error_code ignored;  // what may not be looked at is told by the attempt to read it
  if (std::filesystem::status(kSettingsPath, ignored).type() == std::filesystem::file_type::not_found)
    return Settings{};
  return load_settings(kSettingsPath);
}

std::string print_settings(const Settings& settings) {
  std::string text = "# Configuration of Sipward's shield; see sipward.toml(5). Every key may be left out.\n";
  for (const Section& section : sections()) text += "\n\n" + print_section(section, settings);
  return text;
}

}  // namespace sipward::config
