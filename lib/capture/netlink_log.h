// Copies of packets that a rule with `log group` sends (kernel: net/netfilter/nfnetlink_log.c).
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "base/handle.h"
#include "base/result.h"
#include "capture/netlink_socket.h"

namespace sipward::capture {

struct LogOptions {
  std::uint16_t group = 0;
  std::uint32_t copy_range = 4096;       // bytes of each packet, from its IP header on
  std::uint32_t buffer_bytes = 4 << 20;  // how much may wait to be received
};

// The packet itself is on its way: there is no verdict, and nothing here can delay or lose it.
struct Copy {
  std::span<const std::byte> bytes;  // an IP packet
  bool truncated = false;            // the end is missing: longer than the copy range
};

// One group, one thread.
class NetlinkLog {
 public:
  // `busy` names the program that has the group already; `denied` without CAP_NET_ADMIN.
  [[nodiscard]] static Result<std::unique_ptr<NetlinkLog>> open(const LogOptions& options);

  [[nodiscard]] int fd() const { return fd_.get(); }

  // What has arrived, at most kBatch copies, without waiting. Valid until the next call.
  [[nodiscard]] std::span<const Copy> receive();

  // Since the last call: copies that found no room while nobody received. Told by the gap before the next
  // copy, so the last of a burst are missed only when it arrives.
  [[nodiscard]] std::uint64_t take_lost();
  // Since the last call: receives that failed.
  [[nodiscard]] std::uint64_t take_errors();

  static constexpr std::size_t kBatch = Inbox::kMessages;

 private:
  NetlinkLog(Fd fd, const LogOptions& options);
  [[nodiscard]] Result<void> configure();
  void read_message(std::span<char> message);
  void count_gap(std::uint32_t sequence);

  Fd fd_;
  LogOptions options_;
  Inbox inbox_;
  std::vector<Copy> copies_;
  std::uint32_t next_sequence_ = 0;  // the kernel counts a group's copies from 0
  std::uint64_t lost_ = 0;
  std::uint64_t errors_ = 0;
};

}  // namespace sipward::capture
