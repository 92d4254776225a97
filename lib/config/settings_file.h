// TOML text -> Settings, and back.
#pragma once

#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "config/settings.h"

namespace sipward::config {

// All errors of the text are in Error::text, one per line: "sipward.toml:12:5: error: shield.udp_ports: 70000
// is no port; a list of ports from 1 to 65535 was expected". Unknown keys are errors with the nearest known
// key. Keys that are absent keep their defaults; values that contradict each other are errors that name both
// keys.
[[nodiscard]] Result<Settings> parse_settings(std::string_view text, std::string_view file_name);

[[nodiscard]] Result<Settings> load_settings(const std::filesystem::path& path);

// Where the settings are, unless somebody says otherwise.
inline constexpr char kSettingsPath[] = "/etc/sipward/sipward.toml";
// What kSettingsPath holds; the defaults if it does not exist.
[[nodiscard]] Result<Settings> load_default_settings();

// A complete configuration file: every key with a comment that tells what it does, its unit, range and
// default. It reads back to the same settings.
[[nodiscard]] std::string print_settings(const Settings& settings);

}  // namespace sipward::config
