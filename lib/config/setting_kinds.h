// The kinds of settings: how each is read, printed and described. Used by settings_table.cc,
// limit_rows.h and cross_checks.cc alone.
//
// A kind is a class template over the member it sets (a lambda Settings& -> member&) and its limits, with
// three static functions: expected, read, print.
#pragma once

#include <algorithm>
#include <array>
#include <concepts>
#include <limits>
#include <set>
#include <string>
#include <type_traits>
#include <utility>

#include "base/duration.h"
#include "config/rate_text.h"
#include "config/settings_table.h"

// The member that a row sets.
#define MEMBER(path)            \
  [](auto& settings) -> auto& { \
    return settings.path;       \
  }

namespace sipward::config::kinds {

inline constexpr std::int64_t kSecond_ms = 1000;
inline constexpr std::int64_t kMinute_ms = 60 * kSecond_ms;
inline constexpr std::int64_t kDay_ms = 24 * 60 * kMinute_ms;

// A basic string of TOML 1.0: quotes, backslashes and control characters escaped.
[[nodiscard]] inline std::string toml_string(std::string_view text) {
  std::string result = "\"";
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if (c == '"' || c == '\\') result += '\\';
    if (byte < 0x20 || byte == 0x7f)
      result += fmt::format("\\u{:04X}", byte);
    else
      result += c;
  }
  return result + '"';
}

[[nodiscard]] inline bool has_control_characters(std::string_view text) {
  return std::ranges::any_of(text, [](char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7f; });
}

// "70000 was found; a whole number from 0 to 64 was expected"
inline void report_other(const Value& value, std::string_view expected, Problems& problems) {
  problems.push_back({value.at, fmt::format("{} was found; {} was expected", value.found(), expected)});
}

template <auto field>
using Member = std::remove_cvref_t<decltype(field(std::declval<Settings&>()))>;

template <auto field, std::int64_t min, std::int64_t max>
struct Integer {
  static_assert(std::in_range<Member<field>>(min) && std::in_range<Member<field>>(max));

  static std::string expected() { return fmt::format("a whole number from {} to {}", min, max); }

  static void read(const Value& value, Settings& settings, Problems& problems) {
    if (value.type != Value::Type::integer) return report_other(value, expected(), problems);
    if (value.integer < min || value.integer > max)
      problems.push_back(
          {value.at, fmt::format("{} is out of range; {} was expected", value.integer, expected())});
    else
      field(settings) = static_cast<Member<field>>(value.integer);
  }

  static std::string print(const Settings& settings) { return fmt::format("{}", field(settings)); }
};

template <auto field>
struct Toggle {
  static std::string expected() { return "true or false"; }

  static void read(const Value& value, Settings& settings, Problems& problems) {
    if (value.type != Value::Type::boolean) return report_other(value, expected(), problems);
    field(settings) = value.boolean;
  }

  static std::string print(const Settings& settings) { return field(settings) ? "true" : "false"; }
};

// Words of the file and what they mean.
template <class T, std::size_t n>
using Words = std::array<std::pair<std::string_view, T>, n>;

template <class T, std::size_t n>
[[nodiscard]] std::string any_word_of(const Words<T, n>& words) {
  std::string text;
  for (std::size_t i = 0; i < n; ++i)
    text += fmt::format("{}\"{}\"", i == 0 ? "" : i + 1 < n ? ", " : " or ", words[i].first);
  return text;
}

template <class T, std::size_t n>
[[nodiscard]] const T* meaning_of(const Value& value, const Words<T, n>& words) {
  if (value.type != Value::Type::text) return nullptr;
  const auto it = std::ranges::find(words, value.text, &Words<T, n>::value_type::first);
  return it == words.end() ? nullptr : &it->second;
}

template <class T, std::size_t n>
[[nodiscard]] std::string_view word_for(const T& meaning, const Words<T, n>& words) {
  return std::ranges::find(words, meaning, &Words<T, n>::value_type::second)->first;
}

template <auto field, const auto& words>
struct Choice {
  static std::string expected() { return any_word_of(words); }

  static void read(const Value& value, Settings& settings, Problems& problems) {
    if (const auto* meaning = meaning_of(value, words))
      field(settings) = *meaning;
    else
      report_other(value, expected(), problems);
  }

  static std::string print(const Settings& settings) { return toml_string(word_for(field(settings), words)); }
};

[[nodiscard]] inline std::string duration_between(std::int64_t min_ms, std::int64_t max_ms) {
  const auto spell = [](std::int64_t ms) { return spell_duration(std::chrono::milliseconds(ms)); };
  return fmt::format("a duration from {} to {} (\"90s\", \"10m\", \"1h30m\")", spell(min_ms), spell(max_ms));
}

[[nodiscard]] inline Result<std::chrono::milliseconds> read_duration(const Value& value, std::int64_t min_ms,
                                                                     std::int64_t max_ms) {
  const auto duration =
      value.type == Value::Type::text ? parse_duration(value.text) : fail(ErrorKind::invalid, "no text");
  if (!duration)
    return fail(ErrorKind::invalid, "{} was found; {} was expected", value.found(),
                duration_between(min_ms, max_ms));
  if (duration->count() < min_ms || duration->count() > max_ms)
    return fail(ErrorKind::invalid, "{} is out of range; {} was expected", value.text,
                duration_between(min_ms, max_ms));
  return *duration;
}

template <auto field, std::int64_t min_ms, std::int64_t max_ms>
struct Duration {
  static std::string expected() { return duration_between(min_ms, max_ms); }

  static void read(const Value& value, Settings& settings, Problems& problems) {
    if (const auto duration = read_duration(value, min_ms, max_ms))
      field(settings) = *duration;
    else
      problems.push_back({value.at, duration.error().text});
  }

  static std::string print(const Settings& settings) { return toml_string(spell_duration(field(settings))); }
};

template <auto field>
struct Rate {
  static std::string expected() {
    return fmt::format(
        "a rate (\"10/s\", \"20/60s\", \"10/s burst 20\"; at most {}/s, a burst of 1 to {}) or \"off\"",
        limit::Rate::kPerSecondMax, kBurstMax);
  }

  static void read(const Value& value, Settings& settings, Problems& problems) {
    if (value.type != Value::Type::text) return report_other(value, expected(), problems);
    if (const auto rate = parse_rate(value.text))
      field(settings) = *rate;
    else
      problems.push_back({value.at, fmt::format("{}; {} was expected", rate.error().text, expected())});
  }

  static std::string print(const Settings& settings) { return toml_string(spell_rate(field(settings))); }
};

// Each item of a list that `parse` accepts (Result<T>(const Value&)); an item that came before is a problem,
// too.
template <class T, class Parse>
void read_list(const Value& value, std::string_view expected, std::vector<T>& to, Problems& problems,
               Parse parse) {
  if (value.type != Value::Type::list) return report_other(value, expected, problems);
  const std::size_t problems_before = problems.size();
  std::vector<T> items;
  std::set<T> seen;
  for (const Value& item : value.items) {
    const Result<T> parsed = parse(item);
    if (!parsed)
      problems.push_back({item.at, parsed.error().text});
    else if (!seen.insert(*parsed).second)
      problems.push_back({item.at, fmt::format("{} is listed twice", item.found())});
    else
      items.push_back(*parsed);
  }
  if (problems.size() == problems_before) to = std::move(items);
}

template <class T, class Print>
std::string print_list(const std::vector<T>& items, Print print) {
  std::string text;
  for (const T& item : items) text += fmt::format("{}{}", text.empty() ? "" : ", ", print(item));
  return "[" + text + "]";
}

// Each longer than the one before; at least one.
template <auto field, std::size_t count_max, std::int64_t min_ms, std::int64_t max_ms>
struct RisingDurations {
  static std::string expected() {
    return fmt::format("a list of 1 to {} durations from {} to {}, each longer than the one before",
                       count_max, spell_duration(std::chrono::milliseconds(min_ms)),
                       spell_duration(std::chrono::milliseconds(max_ms)));
  }

  static void read(const Value& value, Settings& settings, Problems& problems) {
    if (value.type == Value::Type::list && (value.items.empty() || value.items.size() > count_max))
      return problems.push_back(
          {value.at, fmt::format("a list of {} was found; {} was expected", value.items.size(), expected())});
    std::chrono::milliseconds before{0};
    read_list(value, expected(), field(settings), problems, [&before](const Value& item) -> ItemResult {
      const auto duration = read_duration(item, min_ms, max_ms);
      if (!duration) return duration;
      if (*duration <= std::exchange(before, *duration))
        return fail(ErrorKind::invalid, "{} is not longer than the one before; {} was expected", item.text,
                    expected());
      return duration;
    });
  }

  static std::string print(const Settings& settings) {
    return print_list(field(settings),
                      [](std::chrono::milliseconds d) { return toml_string(spell_duration(d)); });
  }

 private:
  using ItemResult = Result<std::chrono::milliseconds>;
};

template <auto field>
struct Ports {
  static std::string expected() { return "a list of ports from 1 to 65535"; }

  static void read(const Value& value, Settings& settings, Problems& problems) {
    read_list(value, expected(), field(settings), problems, [](const Value& item) -> Result<std::uint16_t> {
      if (item.type == Value::Type::integer && item.integer >= 1 && item.integer <= 65535)
        return static_cast<std::uint16_t>(item.integer);
      return fail(ErrorKind::invalid, "{} is no port; {} was expected", item.found(), expected());
    });
  }

  static std::string print(const Settings& settings) {
    return print_list(field(settings), [](std::uint16_t port) { return fmt::format("{}", port); });
  }
};

template <auto field>
struct Nets {
  static std::string expected() {
    return "a list of addresses and nets such as \"192.0.2.1\" or \"2001:db8::/32\"";
  }

  static void read(const Value& value, Settings& settings, Problems& problems) {
    read_list(value, expected(), field(settings), problems, [](const Value& item) -> Result<Prefix> {
      if (item.type != Value::Type::text)
        return fail(ErrorKind::invalid, "{} is no address; {} was expected", item.found(), expected());
      return Prefix::parse(item.text);
    });
  }

  static std::string print(const Settings& settings) {
    return print_list(field(settings), [](const Prefix& net) { return toml_string(net.to_string()); });
  }
};

template <auto field>
struct AbsolutePath {
  static std::string expected() { return "an absolute path"; }

  static void read(const Value& value, Settings& settings, Problems& problems) {
    if (value.type != Value::Type::text || !value.text.starts_with('/') || has_control_characters(value.text))
      return report_other(value, expected(), problems);
    field(settings) = value.text;
  }

  static std::string print(const Settings& settings) { return toml_string(field(settings).string()); }
};

// useradd(8): names have at most 32 characters. What else a name may hold differs between systems; what would
// break /etc/group does not.
template <auto field>
struct GroupName {
  static std::string expected() { return "the name of a group (1 to 32 characters)"; }

  static void read(const Value& value, Settings& settings, Problems& problems) {
    if (value.type != Value::Type::text || value.text.empty() || value.text.size() > 32 ||
        value.text.find_first_of(" :,/") != std::string::npos || has_control_characters(value.text))
      return report_other(value, expected(), problems);
    field(settings) = value.text;
  }

  static std::string print(const Settings& settings) { return toml_string(field(settings)); }
};

inline constexpr Words<decide::MethodAction, 3> kMethodActions{{{"allow", decide::MethodAction::allow},
                                                                {"drop", decide::MethodAction::drop},
                                                                {"refuse", decide::MethodAction::refuse}}};

// RFC 3261, section 25.1: token.
[[nodiscard]] inline bool is_token(std::string_view text) {
  constexpr std::string_view kToken =
      "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-.!%*_+`'~";
  return !text.empty() && text.find_first_not_of(kToken) == std::string_view::npos;
}

[[nodiscard]] inline std::string toml_key(std::string_view text) {
  constexpr std::string_view kBare = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
  return text.find_first_not_of(kBare) == std::string_view::npos ? std::string(text) : toml_string(text);
}

// A table METHOD = "allow|drop|refuse"; the key `default` is for all other methods. What the file does not
// name stays.
template <auto field>
struct Methods {
  static std::string expected() { return "METHOD = " + any_word_of(kMethodActions); }

  static void read(const Value& value, Settings& settings, Problems& problems) {
    if (value.type != Value::Type::table) return report_other(value, "a table of " + expected(), problems);
    decide::MethodPolicy& policy = field(settings);
    for (const Value& item : value.items) {
      const decide::MethodAction* action = meaning_of(item, kMethodActions);
      if (!is_token(item.key))
        problems.push_back(
            {item.key_at, fmt::format("{} is no SIP method; a token such as OPTIONS was expected",
                                      toml_string(item.key))});
      else if (!action)
        problems.push_back({item.at, fmt::format("{}: {} was found; {} was expected", item.key, item.found(),
                                                 any_word_of(kMethodActions))});
      else if (item.key == "default")
        policy.otherwise = *action;
      else
        policy.by_method[item.key] = *action;
    }
  }

  static std::string print(const Settings& settings) {
    const decide::MethodPolicy& policy = field(settings);
    const auto line = [](std::string_view method, decide::MethodAction action) {
      return fmt::format("{} = {}\n", toml_key(method), toml_string(word_for(action, kMethodActions)));
    };
    std::string lines = line("default", policy.otherwise);
    for (const auto& [method, action] : policy.by_method) lines += line(method, action);
    return lines;
  }
};

// The row of a kind.
template <class Kind>
[[nodiscard]] constexpr Setting row(std::string_view section, std::string_view key, std::string_view doc) {
  return {section, key, doc, Kind::expected, Kind::read, Kind::print};
}

template <class Kind>
[[nodiscard]] constexpr Setting table_row(std::string_view section, std::string_view key,
                                          std::string_view doc) {
  return {section, key, doc, Kind::expected, Kind::read, Kind::print, true};
}

}  // namespace sipward::config::kinds
