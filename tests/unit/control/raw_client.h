// A client that knows no manners, and a way to ask as another user.
#pragma once

#include <grp.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/un.h>

#include <array>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <thread>

#include "base/handle.h"

namespace sipward::test {

class RawClient {
 public:
  explicit RawClient(const std::filesystem::path& path) {
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    path.native().copy(address.sun_path, sizeof address.sun_path - 1);
    connected_ = ::connect(fd_.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0;
    // Far beyond anything the server may take: a hang becomes a failure.
    const timeval patience{100, 0};
    ::setsockopt(fd_.get(), SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
    ::setsockopt(fd_.get(), SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof patience);
  }

  [[nodiscard]] bool connected() const { return connected_; }

  // False when the other side took no more.
  bool send(std::string_view bytes) {
    while (!bytes.empty()) {
      const ssize_t n = ::send(fd_.get(), bytes.data(), bytes.size(), MSG_NOSIGNAL);
      if (n <= 0) return false;
      bytes.remove_prefix(static_cast<std::size_t>(n));
    }
    return true;
  }
  bool send_message(std::string_view text) { return send(std::string(text) + '\0'); }
  void end_sending() { ::shutdown(fd_.get(), SHUT_WR); }

  // The next message; nothing when the connection ended (or its patience did).
  std::optional<std::string> receive() {
    std::array<char, 65536> chunk{};
    for (;;) {
      const auto end = buffer_.find('\0');
      if (end != std::string::npos) {
        std::string message = buffer_.substr(0, end);
        buffer_.erase(0, end + 1);
        return message;
      }
      const ssize_t n = ::recv(fd_.get(), chunk.data(), chunk.size(), 0);
      if (n <= 0) {
        timed_out_ = n < 0 && errno == EAGAIN;
        return std::nullopt;
      }
      buffer_.append(chunk.data(), static_cast<std::size_t>(n));
    }
  }
  // The kind of the next error reply, "" for a reply without, "closed" at the end.
  std::string receive_error() {
    const auto text = receive();
    if (!text) return timed_out_ ? "timeout" : "closed";
    return nlohmann::json::parse(*text).value("error", "");
  }

 private:
  Fd fd_{::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0)};
  bool connected_ = false;
  bool timed_out_ = false;
  std::string buffer_;
};

// Runs `f` in a thread that has this user's credentials and no supplementary groups but `groups`. The system
// calls are made directly because they then change the calling thread alone (nptl(7)). False when not
// permitted.
template <class F>
bool as_user(uid_t uid, gid_t gid, std::vector<gid_t> groups, F f) {
  bool is_permitted = false;
  std::thread([&] {
    is_permitted = ::syscall(SYS_setgroups, groups.size(), groups.data()) == 0 &&
                   ::syscall(SYS_setresgid, gid, gid, gid) == 0 &&
                   ::syscall(SYS_setresuid, uid, uid, uid) == 0;
    if (is_permitted) f();
  }).join();
  return is_permitted;
}

}  // namespace sipward::test
