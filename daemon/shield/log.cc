#include "log.h"

#include <unistd.h>

#include <atomic>
#include <cstdlib>
#include <string>

namespace sipward::shield {
namespace {

std::atomic<config::LogLevel> level_max{config::LogLevel::info};

std::string_view journal_prefix(config::LogLevel level) {
  switch (level) {
    case config::LogLevel::error:
      return "<3>";
    case config::LogLevel::warning:
      return "<4>";
    case config::LogLevel::info:
      return "<6>";
    case config::LogLevel::debug:
      break;
  }
  return "<7>";
}

std::string_view plain_prefix(config::LogLevel level) {
  if (level == config::LogLevel::error) return "error: ";
  return level == config::LogLevel::warning ? "warning: " : "";
}

}  // namespace

void set_log_level(config::LogLevel level) {
  level_max = level;
}

void write_log(config::LogLevel level, std::string_view text) {
  if (level > level_max.load(std::memory_order_relaxed)) return;
  static const bool journal = std::getenv("JOURNAL_STREAM") != nullptr;
  std::string line(journal ? journal_prefix(level) : plain_prefix(level));
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if (byte < 0x20 || byte == 0x7f)
      line += fmt::format("\\x{:02x}", byte);
    else
      line += c;
  }
  line += '\n';
  // One write, so that lines of several threads do not mix. There is nowhere to report that it failed.
  [[maybe_unused]] const auto written = ::write(STDERR_FILENO, line.data(), line.size());
}

}  // namespace sipward::shield
