// A control server in a thread of its own, at a socket in a directory of its own.
#pragma once

#include <poll.h>
#include <sys/eventfd.h>
#include <sys/stat.h>

#include <array>
#include <cstdlib>
#include <filesystem>
#include <map>
#include <memory>
#include <string>
#include <thread>

#include "base/handle.h"
#include "control/server.h"

namespace sipward::test {

class TempDir {
 public:
  TempDir() {
    std::string name = "/tmp/sipward-test-XXXXXX";
    if (!::mkdtemp(name.data())) std::abort();
    path_ = name;
    ::chmod(name.c_str(), 0755);  // tests ask as other users
  }
  ~TempDir() { std::filesystem::remove_all(path_); }
  TempDir(const TempDir&) = delete;
  TempDir& operator=(const TempDir&) = delete;
  [[nodiscard]] std::filesystem::path operator/(const char* name) const { return path_ / name; }

 private:
  std::filesystem::path path_;
};

class ServerThread {
 public:
  explicit ServerThread(std::map<std::string, control::Method> methods, control::ServerOptions options = {}) {
    options.path = path();
    auto server = control::Server::listen(std::move(options), std::move(methods));
    if (!server) std::abort();
    server_ = *std::move(server);
    thread_ = std::thread([this] { run(); });
  }
  ~ServerThread() {
    ::eventfd_write(stop_.get(), 1);
    thread_.join();
  }
  ServerThread(const ServerThread&) = delete;
  ServerThread& operator=(const ServerThread&) = delete;

  [[nodiscard]] std::filesystem::path path() const { return directory_ / "control.sock"; }

 private:
  // As the daemon's loop does: nothing but the server's descriptor says when it is its turn.
  void run() {
    for (;;) {
      std::array<pollfd, 2> entries{{{server_->fd(), POLLIN, 0}, {stop_.get(), POLLIN, 0}}};
      ::poll(entries.data(), entries.size(), -1);
      if (entries[1].revents != 0) return;
      server_->poll();
    }
  }

  TempDir directory_;
  Fd stop_{::eventfd(0, EFD_CLOEXEC)};
  std::unique_ptr<control::Server> server_;
  std::thread thread_;
};

}  // namespace sipward::test
