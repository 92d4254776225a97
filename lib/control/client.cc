#include "control/client.h"

#include <poll.h>
#include <sys/socket.h>
#include <sys/un.h>

#include <array>
#include <cerrno>

#include "base/clock.h"
#include "control/message.h"

namespace sipward::control {
namespace {

using nlohmann::json;

tl::unexpected<Error> connect_error(int error_number, const std::string& path) {
  switch (error_number) {
    case ENOENT:
    case ENOTDIR:
    case ECONNREFUSED:
      return fail(ErrorKind::unreachable,
                  "the shield is not running (no answer at {}); start it with: systemctl start sipwardd",
                  path);
    case EACCES:
    case EPERM:
      return fail(ErrorKind::denied,
                  "no permission for {}; members of the group sipward may read, those of sipward-admin may "
                  "change, for "
                  "example: usermod -aG sipward $USER",
                  path);
    case EAGAIN:
      return fail(ErrorKind::busy, "the shield at {} has too many callers waiting; try again", path);
    default:
      return fail(ErrorKind::unreachable, "cannot connect to {}: {}", path, std::strerror(error_number));
  }
}

// False when the deadline passed first.
bool wait_for(int fd, short events, Instant deadline) {
  for (;;) {
    const auto left =
        std::chrono::ceil<std::chrono::milliseconds>(deadline - std::chrono::steady_clock::now());
    if (left.count() <= 0) return false;
    pollfd entry{fd, events, 0};
    const int n = ::poll(&entry, 1, static_cast<int>(left.count()));
    if (n > 0) return true;
    if (n == 0 || errno != EINTR) return false;
  }
}

// Stops early when the other side has closed: it may have said why before, so the caller goes on to read.
void send_all(int fd, std::string_view text, Instant deadline) {
  while (!text.empty()) {
    const ssize_t n = ::send(fd, text.data(), text.size(), MSG_NOSIGNAL);
    if (n > 0) text.remove_prefix(static_cast<std::size_t>(n));
    if (n < 0 && errno == EAGAIN && !wait_for(fd, POLLOUT, deadline)) return;
    if (n < 0 && errno != EAGAIN && errno != EINTR) return;
  }
}

Result<std::string> receive(int fd, Unframer& unframer, Instant deadline) {
  std::array<char, 65536> chunk;  // NOLINT: filled by recv
  for (;;) {
    if (auto message = unframer.next()) return *std::move(message);
    const ssize_t n = ::recv(fd, chunk.data(), chunk.size(), 0);
    if (n > 0) {
      if (auto fed = unframer.feed({chunk.data(), static_cast<std::size_t>(n)}); !fed)
        return fail(ErrorKind::failed, "the shield's answer cannot be read: {}", fed.error().text);
    } else if (n < 0 && errno == EAGAIN) {
      if (!wait_for(fd, POLLIN, deadline))
        return fail(ErrorKind::unreachable, "the shield did not answer in time");
    } else if (n == 0 || errno != EINTR) {
      return fail(ErrorKind::unreachable, "the shield closed the connection without an answer");
    }
  }
}

Result<json> result_of(std::string_view text) {
  auto reply = parse_message(text);
  if (!reply) return fail(ErrorKind::failed, "the shield's answer cannot be read: {}", reply.error().text);
  json parameters = reply->value("parameters", json::object());
  if (!parameters.is_object()) return fail(ErrorKind::failed, "the shield's answer has no parameters object");
  const auto error = reply->find("error");
  if (error == reply->end()) return parameters;
  const std::string name = error->is_string() ? error->get<std::string>() : error->dump();
  const auto said = parameters.find("text");
  return tl::unexpected(Error{
      error_kind(name), said != parameters.end() && said->is_string() ? said->get<std::string>() : name});
}

}  // namespace

Result<Client> Client::connect(const std::filesystem::path& path) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  if (path.empty() || path.native().size() >= sizeof address.sun_path)
    return fail(ErrorKind::invalid, "'{}' is no socket path: 1 to {} characters", path.string(),
                sizeof address.sun_path - 1);
  path.native().copy(address.sun_path, path.native().size());
  Fd fd(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  if (!fd.valid()) return fail_errno(errno, "cannot make a socket");
  if (::connect(fd.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0)
    return connect_error(errno, path.string());
  return Client(std::move(fd));
}

Result<json> Client::call(std::string_view method, const json& parameters,
                          std::chrono::milliseconds timeout) {
  if (!fd_.valid()) return fail(ErrorKind::unreachable, "the connection to the shield is closed");
  const Instant deadline = std::chrono::steady_clock::now() + timeout;
  send_all(fd_.get(), frame({{"method", method}, {"parameters", parameters}}), deadline);
  const auto text = receive(fd_.get(), unframer_, deadline);
  if (text) return result_of(*text);
  // An answer that came now would be taken for the next call's.
  fd_.reset();
  return tl::unexpected(text.error());
}

}  // namespace sipward::control
