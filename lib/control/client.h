// The CLI's side of the control socket (PROTOCOL.md).
#pragma once

#include <chrono>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <string_view>

#include "base/handle.h"
#include "base/result.h"
#include "control/framing.h"

namespace sipward::control {

class Client {
 public:
  // No daemon: `unreachable`, with a text that says how to start it. No permission for the path: `denied`.
  [[nodiscard]] static Result<Client> connect(const std::filesystem::path& path);

  // `method` is the whole name, "sipward.shield.Status". One call, one reply: the reply's parameters, or the
  // daemon's error with its kind. Waits at most `timeout`. After `unreachable` the client is useless: connect
  // again.
  [[nodiscard]] Result<nlohmann::json> call(std::string_view method, const nlohmann::json& parameters,
                                            std::chrono::milliseconds timeout = std::chrono::seconds(10));

 private:
  explicit Client(Fd fd) : fd_(std::move(fd)) {}
  Fd fd_;
  Unframer unframer_;
};

}  // namespace sipward::control
