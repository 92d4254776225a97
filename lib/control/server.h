// The daemon's side of the control socket (PROTOCOL.md).
#pragma once

#include <sys/types.h>

#include <chrono>
#include <filesystem>
#include <functional>
#include <map>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "base/handle.h"
#include "base/result.h"

namespace sipward::control {

// Who is asking, told by the kernel. A pid is only a hint: it may have been reused.
struct Caller {
  uid_t uid = 0;
  pid_t pid = 0;
  std::string user;  // name of uid, or its number
  bool may_read = false;
  bool may_change = false;
};

// Its key in the map is the name without the interface ("Status"). A nlohmann::json::exception that `run`
// throws because the parameters have the wrong types is answered with `sipward.Invalid`.
struct Method {
  bool changes = false;  // needs Caller::may_change
  std::function<Result<nlohmann::json>(const nlohmann::json& parameters, const Caller& caller)> run;
};

struct ServerOptions {
  std::filesystem::path path;
  std::string read_group = "sipward";
  std::string admin_group = "sipward-admin";
  std::string interface = "sipward.shield";
  std::size_t connections_max = 64;
  std::chrono::seconds idle_max{30};  // a client that neither asks nor reads is dropped after this
};

// Single-threaded: lives in the daemon's control loop. A slow, silent or hostile client costs at most its
// connection: nothing here blocks. When connections_max are open, more are answered `sipward.Busy` and
// closed. Connections of callers who may not read are answered `sipward.Denied` and closed.
class Server {
 public:
  // Binds the socket (mode 0666: who may ask is decided by the caller's credentials, so that the refusal can
  // say why). A stale socket file is replaced; one that somebody listens on is `busy`; any other file is
  // `refused`, untouched.
  [[nodiscard]] static Result<std::unique_ptr<Server>> listen(ServerOptions options,
                                                              std::map<std::string, Method> methods);
  ~Server();  // removes the socket file, if it is still this one

  // For epoll: readable when there is something to do.
  [[nodiscard]] int fd() const;
  // Accepts, reads, answers and drops idle clients; returns at once.
  void poll();

 private:
  class Impl;
  explicit Server(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace sipward::control
