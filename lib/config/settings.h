// Everything that can be configured. One table (settings_file.cc) drives reading, defaults, checks and
// --print-config.
#pragma once

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "base/address.h"
#include "decide/policy.h"

namespace sipward::config {

enum class Mode : std::uint8_t { enforce, observe };
enum class OnStop : std::uint8_t { keep_bans, remove };
enum class LogLevel : std::uint8_t { error, warning, info, debug };

struct Settings {
  struct Shield {
    Mode mode = Mode::enforce;  // at the first start; later the mode last set by `sipward mode`
    std::vector<std::uint16_t> udp_ports{5060};
    std::vector<std::uint16_t> tcp_ports{5060};
    // TCP whose content cannot be read: connections are limited and bans hold, nothing else.
    std::vector<std::uint16_t> tls_ports{5061};
    std::vector<std::uint16_t> ws_ports{};
    // Destinations to shield; empty: every SIP packet that enters this host. On a router, list the softswitch
    // here, so that its own traffic toward the world is not read.
    std::vector<Prefix> protected_nets;
    unsigned workers = 0;               // 0: one per core
    std::uint16_t first_queue = 5060;   // workers + 2 of them: the last for known sources and peers
    std::uint32_t queue_length = 8192;  // packets a queue may hold
    bool fail_open = true;              // a full queue lets packets pass instead of dropping them
    OnStop on_stop = OnStop::keep_bans;
  } shield;

  // The kernel's guard before the queues, for unlisted sources.
  struct Guard {
    std::uint32_t source_rate_per_s = 100;
    std::uint32_t source_burst = 300;
    std::uint32_t unknown_rate_per_s = 2000;  // all unlisted sources together
    std::uint32_t unknown_burst = 1000;       // below queue_length, or a burst alone fills the queue
    std::uint32_t known_rate_per_s = 1000;    // one known source
    std::uint32_t known_burst = 8000;
    std::uint32_t connection_rate_per_s = 20;  // new connections of one source to encrypted ports
    std::uint32_t connection_burst = 200;
    std::uint32_t connections_max = 256;  // of one source to encrypted ports
    std::uint32_t sources_max = 131072;   // addresses metered at once, per family
  } guard;

  // TCP connections whose messages are put together.
  struct Tcp {
    std::uint32_t connections_max = 65536;
    std::uint32_t connections_per_source = 1024;
    std::uint32_t memory_mib = 64;
    std::uint32_t message_max = 65535;  // bytes, head and body
  } tcp;

  // [policy], [methods.*], [limits.*], [behaviour], [score], known.for, [bans] but for addresses_max, and
  // [limits] but for memory_mib
  decide::Policy policy;

  struct Limits {
    std::uint32_t memory_mib = 64;  // what is remembered of sources, all workers together
  } limits;

  struct Known {
    std::uint32_t max = 65536;  // per family
  } known;

  struct Bans {
    std::uint32_t addresses_max = 1000000;  // per family
  } bans;

  struct Paths {
    std::filesystem::path rules = "/usr/share/sipward/rules";
    std::filesystem::path database = "/var/lib/sipward/sipward.db";
    std::filesystem::path runtime = "/run/sipward";  // control socket, lock, counters
  } paths;

  struct Control {
    std::string read_group = "sipward";
    std::string admin_group = "sipward-admin";
  } control;

  LogLevel log_level = LogLevel::info;
};

}  // namespace sipward::config
