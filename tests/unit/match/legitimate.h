// What honest devices send, from tests/corpus/legitimate.
#pragma once

#include <fmt/format.h>

#include <algorithm>
#include <filesystem>
#include <string>
#include <vector>

#include "base/file.h"
#include "support/catch.h"

namespace sipward::match::testing {

inline std::filesystem::path legitimate_directory() {
  return std::filesystem::path(SIPWARD_SOURCE_DIR) / "tests/corpus/legitimate";
}

inline std::string corpus_file(const std::filesystem::path& path) {
  auto text = read_file(path);
  if (!text) FAIL(text.error().text);
  return std::move(*text);
}

// `text` cut at each `mark`.
inline std::vector<std::string> cut(const std::string& text, const std::string& mark) {
  std::vector<std::string> parts;
  std::size_t begin = 0;
  for (std::size_t end = text.find(mark); end != std::string::npos; end = text.find(mark, begin)) {
    parts.push_back(text.substr(begin, end - begin));
    begin = end + mark.size();
  }
  parts.push_back(text.substr(begin));
  return parts;
}

inline std::vector<std::string> legitimate_agents() {
  std::vector<std::string> lines = cut(corpus_file(legitimate_directory() / "user-agents.txt"), "\n");
  std::erase(lines, "");
  return lines;
}

// As it is on the wire.
inline std::string on_the_wire(const std::string& text) {
  std::string wire;
  for (const std::string& line : cut(text, "\n")) wire += (wire.empty() ? "" : "\r\n") + line;
  const std::string length = "{length}";
  const std::size_t at = wire.find(length);
  const std::size_t body = wire.find("\r\n\r\n") + 4;
  if (at != std::string::npos) wire.replace(at, length.size(), std::to_string(wire.size() - body));
  return wire;
}

struct Device {
  std::string name;
  std::vector<std::string> messages;
};

inline std::vector<Device> legitimate_devices() {
  std::vector<Device> devices;
  for (const auto& entry : std::filesystem::directory_iterator(legitimate_directory())) {
    if (entry.path().extension() != ".sip") continue;
    Device device{entry.path().stem().string(), {}};
    for (const std::string& text : cut(corpus_file(entry.path()), "=====\n"))
      device.messages.push_back(on_the_wire(text));
    devices.push_back(std::move(device));
  }
  std::ranges::sort(devices, {}, &Device::name);
  return devices;
}

}  // namespace sipward::match::testing
