// What the kernel says of its queues and log groups (/proc/net/netfilter/nfnetlink_queue, nfnetlink_log;
// readable by root alone).
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/result.h"

namespace sipward::capture {

struct QueueStatus {
  std::uint16_t number = 0;
  std::uint32_t port = 0;           // netlink port of its reader, usually the process's id
  std::uint32_t depth = 0;          // packets that wait for a verdict
  std::uint64_t queue_dropped = 0;  // lost: the queue was full and not fail-open
  std::uint64_t user_dropped = 0;   // lost: the reader's socket buffer was full
  std::uint64_t id_sequence = 0;    // packets queued so far
};

// `denied` without the right to read the file.
[[nodiscard]] Result<std::vector<QueueStatus>> read_queue_status();

// "process 123 (suricata)" for the queue's reader; nothing when it has none or nobody may know.
[[nodiscard]] std::optional<std::string> queue_owner(std::uint16_t number);
// The same for a log group.
[[nodiscard]] std::optional<std::string> log_owner(std::uint16_t group);

}  // namespace sipward::capture
