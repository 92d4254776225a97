#include "capture/netlink_socket.h"

#include <libmnl/libmnl.h>
#include <linux/netlink.h>

#include <algorithm>

namespace sipward::capture {
namespace {

void set_option(int fd, int level, int option, int value) {
  setsockopt(fd, level, option, &value, sizeof value);
}

}  // namespace

Result<Fd> open_netfilter_socket(std::string_view purpose) {
  Fd fd(::socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_NETFILTER));
  if (!fd.valid()) return fail_errno(errno, fmt::format("cannot open a netlink socket for {}", purpose));
  sockaddr_nl address{};
  address.nl_family = AF_NETLINK;
  if (::bind(fd.get(), reinterpret_cast<sockaddr*>(&address), sizeof address) != 0)
    return fail_errno(errno, fmt::format("cannot bind a netlink socket for {}", purpose));
  return fd;
}

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

void make_room(int fd, std::uint64_t bytes) {
  set_option(fd, SOL_NETLINK, NETLINK_NO_ENOBUFS, 1);
  set_option(fd, SOL_SOCKET, SO_RCVBUFFORCE, static_cast<int>(std::min<std::uint64_t>(bytes, 1U << 30U)));
}

Inbox::Inbox(std::size_t message_size) : memory_(kMessages * message_size) {
  for (std::size_t i = 0; i < kMessages; ++i) {
    io_[i] = {memory_.data() + i * message_size, message_size};
    messages_[i] = {};
    messages_[i].msg_hdr.msg_iov = &io_[i];
    messages_[i].msg_hdr.msg_iovlen = 1;
  }
}

int Inbox::receive(int fd) {
  size_ = 0;
  const int n = ::recvmmsg(fd, messages_.data(), kMessages, MSG_DONTWAIT, nullptr);
  if (n < 0) return errno == EAGAIN || errno == EINTR ? 0 : errno;
  size_ = static_cast<std::size_t>(n);
  return 0;
}

std::span<char> Inbox::message(std::size_t i) {
  return {static_cast<char*>(io_[i].iov_base), messages_[i].msg_len};
}

}  // namespace sipward::capture
