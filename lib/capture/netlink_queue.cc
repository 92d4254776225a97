#include "capture/netlink_queue.h"

#include <arpa/inet.h>
#include <libmnl/libmnl.h>
#include <libnetfilter_queue/libnetfilter_queue.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nfnetlink_queue.h>
#include <sys/socket.h>

#include <array>
#include <utility>

#include "capture/queue_status.h"

namespace sipward::capture {
namespace {

constexpr std::uint32_t kCopyRange = 0xffff;
constexpr std::size_t kMessageSize = kCopyRange + 1024;
constexpr std::size_t kVerdictSizeMax = 64;
// A queued packet of usual size takes about 1,300 bytes of the receive buffer; the kernel doubles the value
// that is set.
constexpr std::uint32_t kReceiveBytesPerPacket = 1400;

}  // namespace

Packet::Packet(Packet&& other) noexcept
    : queue_(std::exchange(other.queue_, nullptr)),
      id_(other.id_),
      mark_(other.mark_),
      bytes_(other.bytes_),
      traits_(other.traits_) {}

Packet::~Packet() {
  pass();
}

void Packet::pass() {
  if (NetlinkQueue* queue = std::exchange(queue_, nullptr))
    queue->put_verdict(id_, NF_ACCEPT, mark_ | queue->options_.pass_mark);
}

void Packet::drop() {
  if (NetlinkQueue* queue = std::exchange(queue_, nullptr)) queue->put_verdict(id_, NF_DROP, 0);
}

NetlinkQueue::NetlinkQueue(Fd fd, const QueueOptions& options)
    : fd_(std::move(fd)), options_(options), inbox_(kMessageSize) {
  packets_.reserve(kBatch);
  verdicts_.reserve(kBatch * kVerdictSizeMax);
}

NetlinkQueue::~NetlinkQueue() {
  flush();
}

Result<std::unique_ptr<NetlinkQueue>> NetlinkQueue::open(const QueueOptions& options) {
  auto fd = open_netfilter_socket("a packet queue");
  if (!fd) return tl::unexpected(fd.error());
  std::unique_ptr<NetlinkQueue> queue(new NetlinkQueue(std::move(*fd), options));
  if (auto done = queue->configure(); !done) return tl::unexpected(done.error());
  return queue;
}

Result<void> NetlinkQueue::configure() {
  std::array<char, 512> buffer{};
  auto* bind = nfq_nlmsg_put(buffer.data(), NFQNL_MSG_CONFIG, options_.number);
  nfq_nlmsg_cfg_put_cmd(bind, AF_INET, NFQNL_CFG_CMD_BIND);
  if (const int error = ask(fd_.get(), bind); error != 0) {
    // The kernel says EPERM both to the unprivileged and when the queue has another reader.
    const auto owner = queue_owner(options_.number);
    if (error == EPERM && owner)
      return fail(ErrorKind::busy, "queue {} is read by {}", options_.number, *owner);
    return fail_errno(error, fmt::format("cannot bind queue {}", options_.number));
  }
  // Always whole GSO packets: the kernel loses segments otherwise (Linux commit 207b3ebacb61).
  const std::uint32_t flags =
      NFQA_CFG_F_GSO | (options_.fail_open ? std::uint32_t{NFQA_CFG_F_FAIL_OPEN} : 0U);
  auto* config = nfq_nlmsg_put(buffer.data(), NFQNL_MSG_CONFIG, options_.number);
  nfq_nlmsg_cfg_put_params(config, NFQNL_COPY_PACKET, static_cast<int>(kCopyRange));
  mnl_attr_put_u32(config, NFQA_CFG_FLAGS, htonl(flags));
  mnl_attr_put_u32(config, NFQA_CFG_MASK, htonl(NFQA_CFG_F_GSO | NFQA_CFG_F_FAIL_OPEN));
  nfq_nlmsg_cfg_put_qmaxlen(config, options_.length_max);
  if (const int error = ask(fd_.get(), config); error != 0)
    return fail_errno(error, fmt::format("cannot configure queue {}", options_.number));

  make_room(fd_.get(), std::uint64_t{options_.length_max} * kReceiveBytesPerPacket / 2);
  return {};
}

void NetlinkQueue::put_verdict(std::uint32_t id, std::uint32_t verdict, std::uint32_t mark) {
  const std::size_t at = verdicts_.size();
  verdicts_.resize(at + kVerdictSizeMax);
  auto* message = nfq_nlmsg_put(verdicts_.data() + at, NFQNL_MSG_VERDICT, options_.number);
  nfq_nlmsg_verdict_put(message, static_cast<int>(id), static_cast<int>(verdict));
  if (verdict == NF_ACCEPT) nfq_nlmsg_verdict_put_mark(message, mark);
  verdicts_.resize(at + message->nlmsg_len);
}

void NetlinkQueue::read_message(std::span<char> message) {
  auto* header = reinterpret_cast<nlmsghdr*>(message.data());
  int left = static_cast<int>(message.size());
  for (; mnl_nlmsg_ok(header, left); header = mnl_nlmsg_next(header, &left)) {
    if (header->nlmsg_type == NLMSG_ERROR) {
      if (static_cast<const nlmsgerr*>(mnl_nlmsg_get_payload(header))->error != 0) ++errors_;
      continue;
    }
    std::array<nlattr*, NFQA_MAX + 1> attributes{};
    if (nfq_nlmsg_parse(header, attributes.data()) < 0 || !attributes[NFQA_PACKET_HDR]) continue;
    const auto* packet =
        static_cast<const nfqnl_msg_packet_hdr*>(mnl_attr_get_payload(attributes[NFQA_PACKET_HDR]));
    const nlattr* payload = attributes[NFQA_PAYLOAD];
    const auto* bytes = payload ? static_cast<const std::byte*>(mnl_attr_get_payload(payload)) : nullptr;
    const std::size_t size = payload ? mnl_attr_get_payload_len(payload) : 0;
    const std::uint32_t mark = attributes[NFQA_MARK] ? ntohl(mnl_attr_get_u32(attributes[NFQA_MARK])) : 0;
    const std::uint32_t info =
        attributes[NFQA_SKB_INFO] ? ntohl(mnl_attr_get_u32(attributes[NFQA_SKB_INFO])) : 0;
    packets_.emplace_back(*this, ntohl(packet->packet_id), mark, std::span(bytes, size),
                          Traits{attributes[NFQA_CAP_LEN] != nullptr, (info & NFQA_SKB_GSO) != 0});
  }
}

std::vector<Packet>& NetlinkQueue::receive() {
  flush();
  if (inbox_.receive(fd_.get()) != 0) ++errors_;
  for (std::size_t i = 0; i < inbox_.size(); ++i) read_message(inbox_.message(i));
  return packets_;
}

void NetlinkQueue::flush() {
  packets_.clear();
  if (verdicts_.empty()) return;
  // Out of memory for the message: the verdicts are kept and sent with the next ones, or the packets would
  // never leave.
  if (::send(fd_.get(), verdicts_.data(), verdicts_.size(), 0) < 0 && (errno == ENOBUFS || errno == ENOMEM)) {
    ++errors_;
    return;
  }
  verdicts_.clear();
}

std::uint64_t NetlinkQueue::take_errors() {
  return std::exchange(errors_, 0);
}

}  // namespace sipward::capture
