// Reading TOML tables so that every mistake in a file is told at once, with its place and what was expected.
#pragma once

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <toml++/toml.h>

#include <algorithm>
#include <cstddef>
#include <numeric>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/one_line.h"

namespace sipward::match {

using Words = std::span<const std::string_view>;

// All errors of a file, told in the order of their places.
class Problems {
 public:
  explicit Problems(std::string_view file_name) : file_name_(file_name) {}

  template <class... Args>
  void add(const toml::source_position& place, fmt::format_string<Args...> format, Args&&... args) {
    lines_.push_back({place.line, place.column, fmt::format(format, std::forward<Args>(args)...)});
  }
  template <class... Args>
  void add(const toml::node& at, fmt::format_string<Args...> format, Args&&... args) {
    add(at.source().begin, format, std::forward<Args>(args)...);
  }

  [[nodiscard]] bool none() const { return lines_.empty(); }
  [[nodiscard]] std::string place(unsigned line, unsigned column) const {
    return fmt::format("{}:{}:{}", file_name_, line, column);
  }
  [[nodiscard]] std::string text() {
    std::stable_sort(lines_.begin(), lines_.end(), [](const Line& a, const Line& b) {
      return std::pair(a.line, a.column) < std::pair(b.line, b.column);
    });
    std::vector<std::string> told;
    for (const Line& line : lines_) {
      told.push_back(fmt::format("{}: error: {}", place(line.line, line.column), one_line(line.text)));
    }
    return fmt::format("{}", fmt::join(told, "\n"));
  }

 private:
  struct Line {
    unsigned line;
    unsigned column;
    std::string text;
  };
  std::string file_name_;
  std::vector<Line> lines_;
};

// Levenshtein distance.
[[nodiscard]] inline std::size_t distance(std::string_view a, std::string_view b) {
  std::vector<std::size_t> row(b.size() + 1);
  std::iota(row.begin(), row.end(), std::size_t{0});
  for (std::size_t i = 0; i < a.size(); ++i) {
    std::size_t diagonal = std::exchange(row[0], i + 1);
    for (std::size_t j = 0; j < b.size(); ++j) {
      const std::size_t changed = diagonal + (a[i] == b[j] ? 0 : 1);
      diagonal = std::exchange(row[j + 1], std::min({changed, row[j] + 1, row[j + 1] + 1}));
    }
  }
  return row.back();
}

// `; did you mean "catches"?`, or nothing when no word is near.
[[nodiscard]] inline std::string did_you_mean(std::string_view written, Words words) {
  const auto nearest = std::min_element(words.begin(), words.end(), [&](auto a, auto b) {
    return distance(written, a) < distance(written, b);
  });
  const std::size_t away = distance(written, *nearest);
  if (away > 2 || away >= nearest->size()) return "";
  return fmt::format("; did you mean \"{}\"?", *nearest);
}

[[nodiscard]] inline std::string one_of(Words words) {
  return fmt::format("one of \"{}\"", fmt::join(words, "\", \""));
}

// One TOML table with the keys it may have.
class TableReader {
 public:
  TableReader(const toml::table& table, Words keys, Problems& problems) : table_(table), problems_(problems) {
    for (const auto& [key, node] : table) {
      if (std::find(keys.begin(), keys.end(), key.str()) != keys.end()) continue;
      problems.add(key.source().begin, "unknown key \"{}\"{}", key.str(), did_you_mean(key.str(), keys));
    }
  }

  // The node of a key that must be there.
  const toml::node* need(std::string_view key, std::string_view expected) {
    const toml::node* node = table_.get(key);
    if (node == nullptr) problems_.add(table_, "missing key \"{}\" (expected {})", key, expected);
    return node;
  }

  std::optional<std::string> text(const toml::node& node, std::string_view key) {
    const auto value = node.value_exact<std::string>();
    if (!value) {
      problems_.add(node, "\"{}\" must be a string, this is {}", key, type_name(node));
    } else if (value->empty()) {
      problems_.add(node, "\"{}\" must not be empty", key);
    } else {
      return value;
    }
    return std::nullopt;
  }

  std::optional<std::string> need_text(std::string_view key, std::string_view expected) {
    const toml::node* node = need(key, expected);
    return node == nullptr ? std::nullopt : text(*node, key);
  }

  // The index of the string in `words`.
  std::optional<std::size_t> choice(const toml::node& node, std::string_view key, Words words) {
    const auto value = text(node, key);
    if (!value) return std::nullopt;
    const auto found = std::find(words.begin(), words.end(), *value);
    if (found != words.end()) return static_cast<std::size_t>(found - words.begin());
    problems_.add(node, "{} = \"{}\": expected {}{}", key, *value, one_of(words),
                  did_you_mean(*value, words));
    return std::nullopt;
  }

  std::optional<std::size_t> need_choice(std::string_view key, Words words) {
    const toml::node* node = need(key, one_of(words));
    return node == nullptr ? std::nullopt : choice(*node, key, words);
  }

  std::vector<std::string> need_samples(std::string_view key, std::string_view expected) {
    const toml::node* node = need(key, expected);
    if (node == nullptr) return {};
    const toml::array* array = node->as_array();
    if (array == nullptr || array->empty()) {
      problems_.add(*node, "\"{}\" must be an array of at least one string ({})", key, expected);
      return {};
    }
    std::vector<std::string> samples;
    for (const toml::node& sample : *array) {
      if (auto value = text(sample, key)) samples.push_back(std::move(*value));
    }
    return samples;
  }

  const toml::node* find(std::string_view key) { return table_.get(key); }
  const toml::table& table() { return table_; }
  Problems& problems() { return problems_; }

  static std::string type_name(const toml::node& node) {
    switch (node.type()) {
      case toml::node_type::string:
        return "a string";
      case toml::node_type::integer:
        return "an integer";
      case toml::node_type::floating_point:
        return "a number";
      case toml::node_type::boolean:
        return "a boolean";
      case toml::node_type::array:
        return "an array";
      case toml::node_type::table:
        return "a table";
      default:
        return "a date or time";
    }
  }

 private:
  const toml::table& table_;
  Problems& problems_;
};

}  // namespace sipward::match
