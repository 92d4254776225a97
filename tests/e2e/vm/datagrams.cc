// UDP for the virtual machine, whose busybox has none.
//   sipward_datagrams listen PORT      every datagram to standard output, in IPv4 and IPv6
//   sipward_datagrams send FROM TO PORT      standard input, in one datagram, from address FROM
#include <netdb.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <string>

namespace {

constexpr std::size_t kDatagramMax = 65535;

int fail(const std::string& what) {
  std::fprintf(stderr, "sipward_datagrams: %s: %s\n", what.c_str(), std::strerror(errno));
  return 1;
}

// A UDP socket of the address's family, after `use` (bind or connect) on it, or on `fd` when there is one;
// -1: errno.
template <class Use>
int with_address(int fd, const char* address, const char* port, Use use) {
  addrinfo wanted{};
  wanted.ai_flags = AI_NUMERICHOST | AI_NUMERICSERV | AI_PASSIVE;
  wanted.ai_socktype = SOCK_DGRAM;
  addrinfo* found = nullptr;
  if (getaddrinfo(address, port, &wanted, &found) != 0) {
    errno = EINVAL;
    return -1;
  }
  if (fd < 0) fd = socket(found->ai_family, SOCK_DGRAM, 0);
  const bool good = fd >= 0 && use(fd, found->ai_addr, found->ai_addrlen) == 0;
  freeaddrinfo(found);
  return good ? fd : -1;
}

int listen_on(const char* port) {
  const int fd = with_address(-1, "::", port, bind);
  if (fd < 0) return fail("bind");
  std::array<char, kDatagramMax> data{};
  for (;;) {
    const ssize_t length = recv(fd, data.data(), data.size(), 0);
    if (length < 0) return fail("recv");
    if (write(STDOUT_FILENO, data.data(), static_cast<std::size_t>(length)) != length) return fail("write");
  }
}

int send_one(const char* from, const char* to, const char* port) {
  std::array<char, kDatagramMax> data{};
  const std::size_t length = std::fread(data.data(), 1, data.size(), stdin);
  const int fd = with_address(-1, from, "0", bind);
  if (fd < 0) return fail(from);
  if (with_address(fd, to, port, connect) < 0) return fail(to);
  if (send(fd, data.data(), length, 0) != static_cast<ssize_t>(length)) return fail("send");
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  const std::string command = argc > 1 ? argv[1] : "";
  if (command == "listen" && argc == 3) return listen_on(argv[2]);
  if (command == "send" && argc == 5) return send_one(argv[2], argv[3], argv[4]);
  std::fputs("usage: sipward_datagrams listen PORT | send FROM TO PORT\n", stderr);
  return 2;
}
