// Lines for people and the journal: to stderr, with the journal's priority prefix (sd-daemon(3)) when it
// listens.
#pragma once

#include <fmt/format.h>

#include <string_view>

#include "config/settings.h"

namespace sipward::shield {

void set_log_level(config::LogLevel level);

// One line; line breaks and control characters in it are made visible. Any thread.
void write_log(config::LogLevel level, std::string_view text);

template <class... Args>
void log_error(fmt::format_string<Args...> format, Args&&... args) {
  write_log(config::LogLevel::error, fmt::format(format, std::forward<Args>(args)...));
}
template <class... Args>
void log_warning(fmt::format_string<Args...> format, Args&&... args) {
  write_log(config::LogLevel::warning, fmt::format(format, std::forward<Args>(args)...));
}
template <class... Args>
void log_info(fmt::format_string<Args...> format, Args&&... args) {
  write_log(config::LogLevel::info, fmt::format(format, std::forward<Args>(args)...));
}

}  // namespace sipward::shield
