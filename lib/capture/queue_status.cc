#include "capture/queue_status.h"

#include <algorithm>
#include <sstream>

#include "base/file.h"

namespace sipward::capture {
namespace {

std::string program_at(std::uint32_t port) {
  const auto name = read_file(fmt::format("/proc/{}/comm", port), 64);
  if (!name) return fmt::format("netlink port {}", port);
  return fmt::format("process {} ({})", port, name->substr(0, name->find('\n')));
}

}  // namespace

Result<std::vector<QueueStatus>> read_queue_status() {
  const auto text = read_file("/proc/self/net/netfilter/nfnetlink_queue");
  if (!text) return tl::unexpected(text.error());
  std::vector<QueueStatus> queues;
  std::istringstream lines(*text);
  QueueStatus q;
  std::uint32_t copy_mode = 0;
  std::uint32_t copy_range = 0;
  std::uint32_t one = 0;
  while (lines >> q.number >> q.port >> q.depth >> copy_mode >> copy_range >> q.queue_dropped >>
         q.user_dropped >> q.id_sequence >> one)
    queues.push_back(q);
  return queues;
}

std::optional<std::string> queue_owner(std::uint16_t number) {
  const auto queues = read_queue_status();
  if (!queues) return std::nullopt;
  const auto it = std::ranges::find(*queues, number, &QueueStatus::number);
  if (it == queues->end()) return std::nullopt;
  return program_at(it->port);
}

std::optional<std::string> log_owner(std::uint16_t group) {
  const auto text = read_file("/proc/self/net/netfilter/nfnetlink_log");
  if (!text) return std::nullopt;
  std::istringstream lines(*text);
  for (std::string line; std::getline(lines, line);) {
    std::istringstream columns(line);
    std::uint32_t number = 0;
    std::uint32_t port = 0;
    if (columns >> number >> port && number == group) return program_at(port);
  }
  return std::nullopt;
}

}  // namespace sipward::capture
