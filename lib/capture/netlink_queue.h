// Packets from an NFQUEUE queue, verdicts back (kernel: net/netfilter/nfnetlink_queue.c).
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

struct QueueOptions {
  std::uint16_t number = 0;
  std::uint32_t length_max = 8192;  // packets
  bool fail_open = true;            // a full queue lets packets pass (NFQA_CFG_F_FAIL_OPEN)
  std::uint32_t pass_mark = 0;      // or-ed into the mark of every packet that passes
};

class NetlinkQueue;

// What the kernel says of a packet's bytes.
struct Traits {
  bool truncated = false;  // the end is missing: larger than the copy range
  bool merged = false;  // of several packets that arrived together (GRO), or that were to be cut later (GSO)
};

// A packet that waits for its verdict. If it leaves scope without one it passes: no bug may hold a call up.
// Move-only; lives no longer than the batch it came with.
class Packet {
 public:
  Packet(NetlinkQueue& queue, std::uint32_t id, std::uint32_t mark, std::span<const std::byte> bytes,
         Traits traits)
      : queue_(&queue), id_(id), mark_(mark), bytes_(bytes), traits_(traits) {}
  Packet(Packet&& other) noexcept;
  Packet& operator=(Packet&&) = delete;
  Packet(const Packet&) = delete;
  Packet& operator=(const Packet&) = delete;
  ~Packet();

  // The IP packet; up to 65,531 bytes of it.
  [[nodiscard]] std::span<const std::byte> bytes() const { return bytes_; }
  [[nodiscard]] std::uint32_t mark() const { return mark_; }
  [[nodiscard]] Traits traits() const { return traits_; }

  // The first verdict counts. It is sent with the batch's others.
  void pass();
  void drop();

 private:
  NetlinkQueue* queue_;
  std::uint32_t id_;
  std::uint32_t mark_;
  std::span<const std::byte> bytes_;
  Traits traits_;
};

// One queue, one thread.
class NetlinkQueue {
 public:
  // `busy` names the program that has the queue already; `denied` without CAP_NET_ADMIN.
  [[nodiscard]] static Result<std::unique_ptr<NetlinkQueue>> open(const QueueOptions& options);
  ~NetlinkQueue();  // the packets of the last batch get their verdicts

  [[nodiscard]] int fd() const { return fd_.get(); }

  // What has arrived, at most kBatch packets, without waiting. The packets and their bytes are valid until
  // the next call, which first sends the verdicts of this batch.
  [[nodiscard]] std::vector<Packet>& receive();
  // Gives the packets of the last batch their default verdict if they have none, and sends all verdicts.
  void flush();

  // Since the last call: verdicts that the kernel refused, and sends that failed.
  [[nodiscard]] std::uint64_t take_errors();

  static constexpr std::size_t kBatch = Inbox::kMessages;

 private:
  friend class Packet;
  NetlinkQueue(Fd fd, const QueueOptions& options);
  [[nodiscard]] Result<void> configure();
  void put_verdict(std::uint32_t id, std::uint32_t verdict, std::uint32_t mark);
  void read_message(std::span<char> message);

  Fd fd_;
  QueueOptions options_;
  Inbox inbox_;
  std::vector<Packet> packets_;
  std::vector<char> verdicts_;
  std::uint64_t errors_ = 0;
};

}  // namespace sipward::capture
