#include "capture/netlink_queue.h"

#include <arpa/inet.h>
#include <libmnl/libmnl.h>
#include <libnetfilter_queue/libnetfilter_queue.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nfnetlink_queue.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <cstring>
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

void set_option(int fd, int level, int option, int value) {
  setsockopt(fd, level, option, &value, sizeof value);
}

// Sends one configuration message and reads its acknowledgement; the errno, 0 if it was taken.
int ask(int fd, nlmsghdr* message) {
  message->nlmsg_flags |= NLM_F_ACK;
  if (::send(fd, message, message->nlmsg_len, 0) < 0) return errno;
  std::array<char, 8192> reply;  // NOLINT: filled by recv
  for (;;) {
    const ssize_t n = ::recv(fd, reply.data(), reply.size(), 0);
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return errno;
    const auto* header = reinterpret_cast<const nlmsghdr*>(reply.data());
    if (header->nlmsg_type == NLMSG_ERROR)
      return -static_cast<const nlmsgerr*>(mnl_nlmsg_get_payload(header))->error;
  }
}

}  // namespace

// Receive buffers, kept out of the header's way.
struct NetlinkQueue::Buffers {
  std::vector<char> memory = std::vector<char>(kBatch * kMessageSize);
  std::array<iovec, kBatch> io;
  std::array<mmsghdr, kBatch> messages;

  Buffers() {
    for (std::size_t i = 0; i < kBatch; ++i) {
      io[i] = {memory.data() + i * kMessageSize, kMessageSize};
      messages[i] = {};
      messages[i].msg_hdr.msg_iov = &io[i];
      messages[i].msg_hdr.msg_iovlen = 1;
    }
  }
};

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
    : fd_(std::move(fd)), options_(options), buffers_(std::make_unique<Buffers>()) {
  packets_.reserve(kBatch);
  verdicts_.reserve(kBatch * kVerdictSizeMax);
}

NetlinkQueue::~NetlinkQueue() {
  flush();
}

Result<std::unique_ptr<NetlinkQueue>> NetlinkQueue::open(const QueueOptions& options) {
  Fd fd(::socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_NETFILTER));
  if (!fd.valid()) return fail_errno(errno, "cannot open a netlink socket for a packet queue");
  sockaddr_nl address{};
  address.nl_family = AF_NETLINK;
  if (::bind(fd.get(), reinterpret_cast<sockaddr*>(&address), sizeof address) != 0)
    return fail_errno(errno, "cannot bind a netlink socket for a packet queue");
  std::unique_ptr<NetlinkQueue> queue(new NetlinkQueue(std::move(fd), options));
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

  set_option(fd_.get(), SOL_NETLINK, NETLINK_NO_ENOBUFS, 1);
  const std::uint64_t wanted = std::uint64_t{options_.length_max} * kReceiveBytesPerPacket / 2;
  set_option(fd_.get(), SOL_SOCKET, SO_RCVBUFFORCE,
             static_cast<int>(std::min<std::uint64_t>(wanted, 1U << 30U)));
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
  const int n = ::recvmmsg(fd_.get(), buffers_->messages.data(), kBatch, MSG_DONTWAIT, nullptr);
  if (n < 0 && errno != EAGAIN && errno != EINTR) ++errors_;
  for (int i = 0; i < n; ++i) {
    const auto index = static_cast<std::size_t>(i);
    read_message({static_cast<char*>(buffers_->io[index].iov_base), buffers_->messages[index].msg_len});
  }
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
