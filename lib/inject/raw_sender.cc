#include "inject/raw_sender.h"

#include <netinet/in.h>
#include <sys/socket.h>

#include <algorithm>
#include <cerrno>

namespace sipward::inject {

Result<RawSender> RawSender::open() {
  constexpr int kKind = SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK;
  Fd v4(::socket(AF_INET, kKind, IPPROTO_RAW));  // IPPROTO_RAW: we bring the header
  if (!v4.valid() && errno == EPERM)
    return fail(ErrorKind::denied, "CAP_NET_RAW is missing: TCP connections cannot be ended");
  if (!v4.valid()) return fail_errno(errno, "cannot open a raw socket");
  return RawSender(std::move(v4), Fd(::socket(AF_INET6, kKind, IPPROTO_RAW)));
}

bool RawSender::send(std::span<const std::byte> packet, const Address& destination) const {
  sockaddr_storage to{};
  socklen_t length = 0;
  const auto bytes = std::as_writable_bytes(std::span(&to, 1));
  if (destination.family() == Family::ipv4) {
    to.ss_family = AF_INET;
    length = sizeof(sockaddr_in);
    std::ranges::copy(destination.bytes(), bytes.subspan(offsetof(sockaddr_in, sin_addr)).begin());
  } else {
    to.ss_family = AF_INET6;
    length = sizeof(sockaddr_in6);
    std::ranges::copy(destination.bytes(), bytes.subspan(offsetof(sockaddr_in6, sin6_addr)).begin());
  }
  const Fd& socket = destination.family() == Family::ipv4 ? v4_ : v6_;
  return ::sendto(socket.get(), packet.data(), packet.size(), 0, reinterpret_cast<const sockaddr*>(&to),
                  length) == static_cast<ssize_t>(packet.size());
}

}  // namespace sipward::inject
