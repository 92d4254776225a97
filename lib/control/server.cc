#include "control/server.h"

#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/timerfd.h>
#include <sys/un.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <optional>

#include "base/clock.h"
#include "control/framing.h"
#include "control/message.h"
#include "control/peer.h"

namespace sipward::control {
namespace {

using nlohmann::json;

constexpr int kBacklog = 64;
constexpr std::size_t kReadSize = 65536;  // at a time, so that no caller holds the others up
constexpr std::chrono::seconds kAcceptPause{1};
constexpr std::size_t kQuotedMax = 100;

struct Connection {
  Fd fd;
  Caller caller;
  Unframer in;
  std::string out;        // the reply that is being sent; while there is one, nothing is read
  std::size_t sent = 0;   // of out
  bool at_end = false;    // the caller sends no more: answer what came, then close
  bool finished = false;  // answer nothing more: close when out is sent
  Instant last_active;    // when it last asked a whole question or took a part of an answer
  std::uint32_t events = EPOLLIN;
};

bool would_block(int error_number) {
  return error_number == EAGAIN || error_number == EINTR;
}

Result<sockaddr_un> socket_address(const std::string& path) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  if (path.empty() || path.size() >= sizeof address.sun_path)
    return fail(ErrorKind::invalid, "'{}' is no socket path: 1 to {} characters", path,
                sizeof address.sun_path - 1);
  path.copy(address.sun_path, path.size());
  return address;
}

const sockaddr* generic(const sockaddr_un& address) {
  return reinterpret_cast<const sockaddr*>(&address);
}

// Removes a socket file that nobody listens on; anything else that is in the way is an error.
Result<void> clear_stale(const std::string& path, const sockaddr_un& address) {
  struct stat status {};
  if (::lstat(path.c_str(), &status) != 0) return {};
  if (!S_ISSOCK(status.st_mode)) return fail(ErrorKind::refused, "{} is in the way and is no socket", path);
  const Fd probe(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  if (!probe.valid()) return fail_errno(errno, "cannot make a socket");
  if (::connect(probe.get(), generic(address), sizeof address) == 0 || errno == EAGAIN)
    return fail(ErrorKind::busy, "another daemon answers at {}", path);
  if (errno != ECONNREFUSED)
    return fail_errno(errno, fmt::format("cannot tell whether somebody listens at {}", path));
  if (::unlink(path.c_str()) != 0)
    return fail_errno(errno, fmt::format("cannot remove the stale socket {}", path));
  return {};
}

Result<Fd> bind_socket(const std::string& path, const sockaddr_un& address) {
  Fd fd(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  if (!fd.valid() || ::bind(fd.get(), generic(address), sizeof address) != 0 ||
      ::chmod(path.c_str(), 0666) != 0 || ::listen(fd.get(), kBacklog) != 0)
    return fail_errno(errno, fmt::format("cannot listen at {}", path));
  return fd;
}

std::string reply_text(const Result<json>& result) {
  std::string text = frame(result ? json{{"parameters", *result}} : error_reply(result.error()));
  if (text.size() <= kMessageSizeMax + 1) return text;
  return frame(error_reply(
      {ErrorKind::failed, fmt::format("the answer of {} bytes is longer than {}; ask for less (limit)",
                                      text.size(), kMessageSizeMax)}));
}

}  // namespace

class Server::Impl {
 public:
  Impl(ServerOptions options, std::map<std::string, Method> methods)
      : options_(std::move(options)), methods_(std::move(methods)) {}
  ~Impl();
  Impl(const Impl&) = delete;
  Impl& operator=(const Impl&) = delete;

  Result<void> listen();
  [[nodiscard]] int fd() const { return epoll_.get(); }
  void poll();

 private:
  void accept_all(Instant now);
  void admit(Fd fd, Instant now);
  bool serve(Connection& connection, Instant now);
  bool receive(Connection& connection);
  bool flush(Connection& connection, Instant now);
  void answer(Connection& connection, std::string_view text);
  Result<json> run(const std::string& name, const json& parameters, const Caller& caller);
  Result<json> run_guarded(const Method& method, const json& parameters, const Caller& caller);
  void watch(Connection& connection);
  void drop_idle(Instant now);
  void arm_timer(Instant now);
  void accept_events(std::uint32_t events);

  ServerOptions options_;
  std::map<std::string, Method> methods_;
  AccessGroups groups_;
  Fd listener_;
  Fd epoll_;
  Fd timer_;  // expires when an idle client is to be dropped, so that fd() becomes readable then
  struct stat file_ {};
  std::map<int, Connection> connections_;
  std::optional<Instant> accept_again_;
};

Server::Impl::~Impl() {
  struct stat status {};
  const bool is_ours = listener_.valid() && ::lstat(options_.path.c_str(), &status) == 0 &&
                       status.st_dev == file_.st_dev && status.st_ino == file_.st_ino;
  if (is_ours) ::unlink(options_.path.c_str());
}

Result<void> Server::Impl::listen() {
  const auto address = socket_address(options_.path.native());
  if (!address) return tl::unexpected(address.error());
  if (auto cleared = clear_stale(options_.path.native(), *address); !cleared) return cleared;
  epoll_ = Fd(::epoll_create1(EPOLL_CLOEXEC));
  timer_ = Fd(::timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK));
  if (!epoll_.valid() || !timer_.valid())
    return fail_errno(errno, "cannot make the control socket's epoll and timer");
  auto listener = bind_socket(options_.path.native(), *address);
  if (!listener) return tl::unexpected(listener.error());
  listener_ = *std::move(listener);
  if (::lstat(options_.path.c_str(), &file_) != 0)
    return fail_errno(errno, fmt::format("cannot find {} again", options_.path.native()));
  groups_ = {find_group(options_.read_group), find_group(options_.admin_group)};
  for (const int fd : {listener_.get(), timer_.get()}) {
    epoll_event event{EPOLLIN, {.fd = fd}};
    if (::epoll_ctl(epoll_.get(), EPOLL_CTL_ADD, fd, &event) != 0)
      return fail_errno(errno, "cannot watch the control socket");
  }
  return {};
}

void Server::Impl::poll() {
  const Instant now = std::chrono::steady_clock::now();
  std::array<epoll_event, 64> events{};
  const int n = ::epoll_wait(epoll_.get(), events.data(), static_cast<int>(events.size()), 0);
  for (std::size_t i = 0; i < static_cast<std::size_t>(std::max(n, 0)); ++i) {
    const int fd = events[i].data.fd;
    if (fd == listener_.get()) accept_all(now);
    // A number that was closed and given out again in this round only costs a read that finds nothing.
    const auto found = connections_.find(fd);
    if (found != connections_.end() && !serve(found->second, now)) connections_.erase(found);
  }
  drop_idle(now);
  arm_timer(now);
}

void Server::Impl::accept_all(Instant now) {
  for (int i = 0; i < kBacklog; ++i) {
    Fd fd(::accept4(listener_.get(), nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK));
    if (fd.valid()) {
      admit(std::move(fd), now);
    } else if (errno != ECONNABORTED && errno != EINTR) {
      // Out of descriptors or memory: without a pause the readable listener would keep the loop spinning.
      if (errno != EAGAIN) {
        accept_again_ = now + kAcceptPause;
        accept_events(0);
      }
      return;
    }
  }
}

void Server::Impl::accept_events(std::uint32_t events) {
  epoll_event event{events, {.fd = listener_.get()}};
  ::epoll_ctl(epoll_.get(), EPOLL_CTL_MOD, listener_.get(), &event);
}

// A caller without rights, or one too many, gets one answer, which a fresh socket's buffer always takes, and
// is closed: nothing of what it sent is read.
void Server::Impl::admit(Fd fd, Instant now) {
  const auto refuse = [&fd](const Error& error) {
    const std::string text = frame(error_reply(error));
    (void)::send(fd.get(), text.data(), text.size(), MSG_NOSIGNAL);
  };
  auto caller = identify(fd.get(), groups_);
  if (!caller) return refuse(caller.error());
  if (!caller->may_read)
    return refuse(
        {ErrorKind::denied,
         fmt::format("user {} may not ask the shield; root and the groups {} and {} may, for "
                     "example: usermod -aG {} $USER",
                     caller->user, options_.read_group, options_.admin_group, options_.read_group)});
  if (connections_.size() >= options_.connections_max)
    return refuse(
        {ErrorKind::busy, fmt::format("{} clients are connected already; try again", connections_.size())});
  const int number = fd.get();
  epoll_event event{EPOLLIN, {.fd = number}};
  if (::epoll_ctl(epoll_.get(), EPOLL_CTL_ADD, number, &event) != 0) return;
  Connection& connection = connections_[number];
  connection.fd = std::move(fd);
  connection.caller = *std::move(caller);
  connection.last_active = now;
}

// One step of a connection; false when it is over.
bool Server::Impl::serve(Connection& connection, Instant now) {
  if (!flush(connection, now)) return false;
  const bool reads = connection.out.empty() && !connection.at_end && !connection.finished;
  if (reads && !receive(connection)) return false;
  while (connection.out.empty() && !connection.finished) {
    const auto message = connection.in.next();
    if (!message) break;
    connection.last_active = now;
    answer(connection, *message);
    if (!flush(connection, now)) return false;
  }
  if (!flush(connection, now)) return false;
  watch(connection);
  return !connection.out.empty() || !(connection.at_end || connection.finished);
}

bool Server::Impl::receive(Connection& connection) {
  std::array<char, kReadSize> chunk;  // NOLINT: filled by recv
  const ssize_t n = ::recv(connection.fd.get(), chunk.data(), chunk.size(), 0);
  if (n < 0) return would_block(errno);
  if (n == 0) connection.at_end = true;
  const auto fed = connection.in.feed({chunk.data(), static_cast<std::size_t>(n)});
  if (!fed) {
    connection.out = frame(error_reply(fed.error()));
    connection.finished = true;
  }
  return true;
}

bool Server::Impl::flush(Connection& connection, Instant now) {
  while (connection.sent < connection.out.size()) {
    const ssize_t n = ::send(connection.fd.get(), connection.out.data() + connection.sent,
                             connection.out.size() - connection.sent, MSG_NOSIGNAL);
    if (n < 0) return would_block(errno);
    connection.sent += static_cast<std::size_t>(n);
    connection.last_active = now;
  }
  connection.out = std::string();
  connection.sent = 0;
  return true;
}

// A caller whose message is no call has lost the thread: it is told and closed.
void Server::Impl::answer(Connection& connection, std::string_view text) {
  const auto malformed = [&connection](Error error) {
    connection.out = frame(error_reply(error));
    connection.finished = true;
  };
  const auto message = parse_message(text);
  if (!message) return malformed(message.error());
  const auto method = message->find("method");
  if (method == message->end() || !method->is_string())
    return malformed({ErrorKind::invalid, "the message has no \"method\" string"});
  const json parameters = message->value("parameters", json::object());
  if (!parameters.is_object()) return malformed({ErrorKind::invalid, "\"parameters\" is not an object"});
  connection.out = reply_text(run(method->get<std::string>(), parameters, connection.caller));
}

Result<json> Server::Impl::run(const std::string& name, const json& parameters, const Caller& caller) {
  const std::string prefix = options_.interface + ".";
  const auto method = name.starts_with(prefix) ? methods_.find(name.substr(prefix.size())) : methods_.end();
  if (method == methods_.end())
    return fail(ErrorKind::not_found, "MethodNotFound: '{}' is no method of {}", name.substr(0, kQuotedMax),
                options_.interface);
  if (method->second.changes && !caller.may_change)
    return fail(
        ErrorKind::denied,
        "user {} may look but not change anything; root and the group {} may, for example: usermod -aG {} {}",
        caller.user, options_.admin_group, options_.admin_group, caller.user);
  return run_guarded(method->second, parameters, caller);
}

// What a caller sends must not end the daemon, whatever types it chose.
Result<json> Server::Impl::run_guarded(const Method& method, const json& parameters,
                                       const Caller& caller) try {
  return method.run(parameters, caller);
} catch (const json::exception& error) {
  return fail(ErrorKind::invalid, "wrong parameters: {}", error.what());
}

void Server::Impl::watch(Connection& connection) {
  const std::uint32_t events = connection.out.empty() ? EPOLLIN : EPOLLOUT;
  if (events == connection.events) return;
  connection.events = events;
  epoll_event event{events, {.fd = connection.fd.get()}};
  ::epoll_ctl(epoll_.get(), EPOLL_CTL_MOD, connection.fd.get(), &event);
}

void Server::Impl::drop_idle(Instant now) {
  std::erase_if(connections_,
                [&](const auto& entry) { return now - entry.second.last_active >= options_.idle_max; });
  if (accept_again_ && *accept_again_ <= now) {
    accept_again_.reset();
    accept_events(EPOLLIN);
  }
}

// To the next thing that happens by itself; off when there is none. Setting it also makes it unreadable
// again.
void Server::Impl::arm_timer(Instant now) {
  std::optional<Instant> next = accept_again_;
  for (const auto& [fd, connection] : connections_) {
    const Instant end = connection.last_active + options_.idle_max;
    next = next ? std::min(*next, end) : end;
  }
  itimerspec spec{};
  if (next) {
    const auto left = std::max<std::chrono::nanoseconds>(*next - now, std::chrono::milliseconds(1));
    spec.it_value.tv_sec = std::chrono::floor<std::chrono::seconds>(left).count();
    spec.it_value.tv_nsec = (left % std::chrono::seconds(1)).count();
  }
  ::timerfd_settime(timer_.get(), 0, &spec, nullptr);
}

Server::Server(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
Server::~Server() = default;

Result<std::unique_ptr<Server>> Server::listen(ServerOptions options, std::map<std::string, Method> methods) {
  auto impl = std::make_unique<Impl>(std::move(options), std::move(methods));
  if (auto listening = impl->listen(); !listening) return tl::unexpected(listening.error());
  return std::unique_ptr<Server>(new Server(std::move(impl)));
}

int Server::fd() const {
  return impl_->fd();
}

void Server::poll() {
  impl_->poll();
}

}  // namespace sipward::control
