#include "session.h"

#include <fmt/format.h>

namespace sipward::cli {

ExitCode exit_code(ErrorKind kind) {
  switch (kind) {
    case ErrorKind::invalid:
      return kUsage;
    case ErrorKind::unreachable:
      return kUnreachable;
    case ErrorKind::not_found:
      return kNotFound;
    case ErrorKind::denied:
      return kDenied;
    case ErrorKind::refused:
      return kRefused;
    case ErrorKind::busy:
    case ErrorKind::failed:
      break;
  }
  return kFailure;
}

Result<nlohmann::json> Session::call(std::string_view method, const nlohmann::json& parameters,
                                     std::chrono::milliseconds timeout) {
  if (!client_) {
    auto connected = control::Client::connect(socket_);
    if (!connected) return tl::unexpected(connected.error());
    client_ = *std::move(connected);
  }
  return client_->call(fmt::format("sipward.shield.{}", method), parameters, timeout);
}

}  // namespace sipward::cli
