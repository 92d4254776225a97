// What every subcommand works with: the daemon, the output, and the exit code that follows from an error.
#pragma once

#include <chrono>
#include <filesystem>
#include <functional>
#include <nlohmann/json.hpp>
#include <optional>
#include <string_view>

#include "base/result.h"
#include "control/client.h"
#include "output.h"

namespace sipward::cli {

// Documented in --help and sipward(1); scripts rely on them.
enum ExitCode : int {
  kOk = 0,
  kFailure = 1,  // status: degraded
  kUsage = 2,
  kUnreachable = 3,
  kNotFound = 4,
  kDenied = 5,
  kRefused = 6,
  kPartial = 7,
  kWouldDrop = 10,  // replay: something would be dropped, or judged otherwise than by the running shield
};

[[nodiscard]] ExitCode exit_code(ErrorKind kind);

class Session {
 public:
  Session(std::filesystem::path socket, Output output) : out(output), socket_(std::move(socket)) {}

  // One call of sipward.shield; connects when there is no connection.
  [[nodiscard]] Result<nlohmann::json> call(std::string_view method,
                                            const nlohmann::json& parameters = nlohmann::json::object(),
                                            std::chrono::milliseconds timeout = std::chrono::seconds(10));
  // Before waiting: the daemon drops clients that say nothing.
  void disconnect() { client_.reset(); }

  Output out;

 private:
  std::filesystem::path socket_;
  std::optional<control::Client> client_;
};

// What the command line selected, run once it is read whole. An `invalid` error means wrong usage.
using Run = std::function<Result<ExitCode>(Session&)>;

}  // namespace sipward::cli
