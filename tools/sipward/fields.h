// Reading a reply without trusting its shape: a daemon of another version may leave fields out.
#pragma once

#include <cstdint>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

namespace sipward::cli {

// The member, or null when it is missing or `object` is none.
[[nodiscard]] inline const nlohmann::json& field(const nlohmann::json& object, const char* key) {
  static const nlohmann::json kNull;
  if (!object.is_object()) return kNull;
  const auto found = object.find(key);
  return found == object.end() ? kNull : *found;
}

// "" for what is no string.
[[nodiscard]] inline std::string text_of(const nlohmann::json& object, const char* key) {
  const auto& value = field(object, key);
  return value.is_string() ? value.get<std::string>() : std::string();
}

// 0 for what is no number.
[[nodiscard]] inline std::int64_t number_of(const nlohmann::json& object, const char* key) {
  const auto& value = field(object, key);
  return value.is_number() ? value.get<std::int64_t>() : 0;
}

[[nodiscard]] inline bool flag_of(const nlohmann::json& object, const char* key) {
  const auto& value = field(object, key);
  return value.is_boolean() && value.get<bool>();
}

// An empty array for what is no array.
[[nodiscard]] inline const nlohmann::json& list_of(const nlohmann::json& object, const char* key) {
  static const nlohmann::json kEmpty = nlohmann::json::array();
  const auto& value = field(object, key);
  return value.is_array() ? value : kEmpty;
}

// An array's strings and numbers as texts.
[[nodiscard]] inline std::vector<std::string> texts_of(const nlohmann::json& object, const char* key) {
  std::vector<std::string> texts;
  for (const auto& value : list_of(object, key))
    texts.push_back(value.is_string() ? value.get<std::string>() : value.dump());
  return texts;
}

}  // namespace sipward::cli
