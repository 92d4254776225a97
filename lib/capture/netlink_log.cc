#include "capture/netlink_log.h"

#include <arpa/inet.h>
#include <libmnl/libmnl.h>
#include <linux/netfilter/nfnetlink.h>
#include <linux/netfilter/nfnetlink_log.h>

#include <array>
#include <utility>

#include "capture/queue_status.h"

namespace sipward::capture {
namespace {

// Beside the packet: marks, interfaces, the hardware's header, the rule's prefix (at most 128 bytes).
constexpr std::size_t kRoomForAttributes = 1024;
// Copies per message. More are cheaper and come later, by up to the kernel's flush timeout: too late, when an
// answer's nonce is back from the client before the answer was read.
constexpr std::uint32_t kCopiesPerMessage = 1;

int keep_attribute(const nlattr* attribute, void* to) {
  auto& attributes = *static_cast<std::array<const nlattr*, NFULA_MAX + 1>*>(to);
  if (const std::uint16_t type = mnl_attr_get_type(attribute); type <= NFULA_MAX)
    attributes[type] = attribute;
  return MNL_CB_OK;
}

// What the IP header says; 0 when it leaves it open (segmentation offload of more than 64 KiB).
std::size_t declared_size(std::span<const std::byte> packet) {
  const auto u16 = [&](std::size_t at) {
    return std::to_integer<std::size_t>(packet[at]) << 8U | std::to_integer<std::size_t>(packet[at + 1]);
  };
  constexpr std::size_t kHeader4 = 20;
  constexpr std::size_t kHeader6 = 40;
  if (packet.size() < kHeader4) return kHeader4;
  if (std::to_integer<unsigned>(packet[0] >> 4U) != 6) return u16(2);
  return u16(4) == 0 ? 0 : kHeader6 + u16(4);
}

}  // namespace

NetlinkLog::NetlinkLog(Fd fd, const LogOptions& options)
    : fd_(std::move(fd)), options_(options), inbox_(options.copy_range + kRoomForAttributes) {
  copies_.reserve(kBatch);
}

Result<std::unique_ptr<NetlinkLog>> NetlinkLog::open(const LogOptions& options) {
  auto fd = open_netfilter_socket("a packet log");
  if (!fd) return tl::unexpected(fd.error());
  std::unique_ptr<NetlinkLog> log(new NetlinkLog(std::move(*fd), options));
  if (auto done = log->configure(); !done) return tl::unexpected(done.error());
  return log;
}

Result<void> NetlinkLog::configure() {
  std::array<char, 512> buffer{};
  nlmsghdr* message = mnl_nlmsg_put_header(buffer.data());
  message->nlmsg_type = (NFNL_SUBSYS_ULOG << 8U) | NFULNL_MSG_CONFIG;
  message->nlmsg_flags = NLM_F_REQUEST;
  auto* header = static_cast<nfgenmsg*>(mnl_nlmsg_put_extra_header(message, sizeof(nfgenmsg)));
  header->nfgen_family = AF_UNSPEC;
  header->version = NFNETLINK_V0;
  header->res_id = htons(options_.group);
  const nfulnl_msg_config_cmd bind{.command = NFULNL_CFG_CMD_BIND};
  mnl_attr_put(message, NFULA_CFG_CMD, sizeof bind, &bind);
  const nfulnl_msg_config_mode mode{
      .copy_range = htonl(options_.copy_range), .copy_mode = NFULNL_COPY_PACKET, ._pad = 0};
  mnl_attr_put(message, NFULA_CFG_MODE, sizeof mode, &mode);
  mnl_attr_put_u32(message, NFULA_CFG_QTHRESH, htonl(kCopiesPerMessage));
  mnl_attr_put_u16(message, NFULA_CFG_FLAGS, htons(NFULNL_CFG_F_SEQ));
  // Before the first copy can come.
  make_room(fd_.get(), options_.buffer_bytes);
  const int error = ask(fd_.get(), message);
  if (error == 0) return {};
  // The kernel says EPERM both to the unprivileged and when the group has another reader.
  const auto owner = log_owner(options_.group);
  if (error == EPERM && owner)
    return fail(ErrorKind::busy, "log group {} is read by {}", options_.group, *owner);
  return fail_errno(error, fmt::format("cannot bind log group {}", options_.group));
}

void NetlinkLog::count_gap(std::uint32_t sequence) {
  lost_ += sequence - next_sequence_;
  next_sequence_ = sequence + 1;
}

void NetlinkLog::read_message(std::span<char> message) {
  const auto* header = reinterpret_cast<const nlmsghdr*>(message.data());
  int left = static_cast<int>(message.size());
  for (; mnl_nlmsg_ok(header, left); header = mnl_nlmsg_next(header, &left)) {
    if (header->nlmsg_type != ((NFNL_SUBSYS_ULOG << 8U) | NFULNL_MSG_PACKET)) continue;
    std::array<const nlattr*, NFULA_MAX + 1> attributes{};
    if (mnl_attr_parse(header, sizeof(nfgenmsg), keep_attribute, &attributes) < 0) continue;
    if (const nlattr* sequence = attributes[NFULA_SEQ]) count_gap(ntohl(mnl_attr_get_u32(sequence)));
    const nlattr* payload = attributes[NFULA_PAYLOAD];
    if (!payload) continue;
    const std::span bytes(static_cast<const std::byte*>(mnl_attr_get_payload(payload)),
                          mnl_attr_get_payload_len(payload));
    const std::size_t declared = declared_size(bytes);
    copies_.push_back(
        {bytes, declared > bytes.size() || (declared == 0 && bytes.size() >= options_.copy_range)});
  }
}

std::span<const Copy> NetlinkLog::receive() {
  copies_.clear();
  if (inbox_.receive(fd_.get()) != 0) ++errors_;
  for (std::size_t i = 0; i < inbox_.size(); ++i) read_message(inbox_.message(i));
  return copies_;
}

std::uint64_t NetlinkLog::take_lost() {
  return std::exchange(lost_, 0);
}

std::uint64_t NetlinkLog::take_errors() {
  return std::exchange(errors_, 0);
}

}  // namespace sipward::capture
