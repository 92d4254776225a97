// A second network namespace behind a wire, from which packets come to the shielded one.
#pragma once

#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sched.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cstring>
#include <string>
#include <string_view>

#include "base/handle.h"
#include "kernel.h"

namespace sipward::test {

inline constexpr std::string_view kHost4 = "192.0.2.1";
inline constexpr std::string_view kHost6 = "2001:db8:ffff::1";

struct SocketAddress {
  sockaddr_storage storage{};
  socklen_t size = 0;
  SocketAddress(std::string_view text, std::uint16_t port) {
    const Address parsed = address(text);
    if (parsed.family() == Family::ipv4) {
      auto* in4 = reinterpret_cast<sockaddr_in*>(&storage);
      in4->sin_family = AF_INET;
      in4->sin_port = htons(port);
      std::memcpy(&in4->sin_addr, parsed.bytes().data(), 4);
      size = sizeof(sockaddr_in);
    } else {
      auto* in6 = reinterpret_cast<sockaddr_in6*>(&storage);
      in6->sin6_family = AF_INET6;
      in6->sin6_port = htons(port);
      std::memcpy(&in6->sin6_addr, parsed.bytes().data(), 16);
      size = sizeof(sockaddr_in6);
    }
  }
  [[nodiscard]] const sockaddr* get() const { return reinterpret_cast<const sockaddr*>(&storage); }
};

// The test's own namespace is the near one. In the far one every address of 198.18.0.0/15 and 2001:db8::/33
// is local.
class Wire : public Kernel {
 public:
  Wire() : near_(this_namespace()) {
    REQUIRE(::unshare(CLONE_NEWNET) == 0);
    far_ = this_namespace();
    run("ip link add far type veth peer name near");
    run("ip link set near netns /proc/" + std::to_string(::getpid()) + "/fd/" + std::to_string(near_.get()));
    run("ip link set lo up; ip link set far up; sysctl -qw net.ipv6.ip_nonlocal_bind=1");
    run("ip addr add 10.0.0.2/30 dev far; ip -6 addr add fe80::2/64 dev far nodad");
    run("ip route add local 198.18.0.0/15 dev lo; ip -6 route add local 2001:db8::/33 dev lo");
    run("ip route add 192.0.2.1 via 10.0.0.1; ip -6 route add 2001:db8:ffff::1 via fe80::1 dev far");
    enter(near_);
    run("ip link set lo up; ip link set near up");
    run("ip addr add 10.0.0.1/30 dev near; ip addr add 192.0.2.1/32 dev near");
    run("ip -6 addr add fe80::1/64 dev near nodad; ip -6 addr add 2001:db8:ffff::1/128 dev near nodad");
    run("ip route add default via 10.0.0.2; ip -6 route add default via fe80::2 dev near");
  }

  // A datagram socket of `source` in the far namespace.
  [[nodiscard]] Fd far_udp(std::string_view source, std::uint16_t port) {
    return far_bound(SOCK_DGRAM, source, port);
  }
  [[nodiscard]] Fd far_tcp(std::string_view source, std::uint16_t port) {
    return far_bound(SOCK_STREAM, source, port);
  }
  [[nodiscard]] static Fd near_udp(std::string_view host, std::uint16_t port) {
    return bound(SOCK_DGRAM, host, port);
  }
  [[nodiscard]] static Fd near_listener(std::string_view host, std::uint16_t port) {
    Fd fd = bound(SOCK_STREAM, host, port);
    REQUIRE(::listen(fd.get(), 1000) == 0);
    return fd;
  }

 private:
  static void run(const std::string& command) {
    const Shell result = shell(command);
    INFO(command << ": " << result.text);
    REQUIRE(result.ok);
  }
  static Fd this_namespace() { return Fd(::open("/proc/thread-self/ns/net", O_RDONLY | O_CLOEXEC)); }
  static void enter(const Fd& space) { REQUIRE(::setns(space.get(), CLONE_NEWNET) == 0); }

  static Fd bound(int type, std::string_view source, std::uint16_t port) {
    const SocketAddress from(source, port);
    Fd fd(::socket(from.get()->sa_family, type | SOCK_CLOEXEC, 0));
    const int one = 1;
    REQUIRE(::setsockopt(fd.get(), SOL_SOCKET, SO_REUSEADDR, &one, sizeof one) == 0);
    INFO(source << " port " << port);
    REQUIRE(::bind(fd.get(), from.get(), from.size) == 0);
    return fd;
  }

  // A socket stays in the namespace that it was made in.
  Fd far_bound(int type, std::string_view source, std::uint16_t port) const {
    enter(far_);
    Fd fd = bound(type, source, port);
    enter(near_);
    return fd;
  }

  Fd near_;
  Fd far_;
};

}  // namespace sipward::test
