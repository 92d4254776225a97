#include "control/client.h"

#include <sys/stat.h>

#include "raw_client.h"
#include "server_thread.h"
#include "support/catch.h"

using namespace sipward;
using namespace sipward::control;
using nlohmann::json;
using sipward::test::TempDir;

namespace {

// A listener that answers each connection with fixed bytes and closes, or keeps it open and silent.
class FixedAnswer {
 public:
  FixedAnswer(std::string answer, bool closes) : answer_(std::move(answer)), closes_(closes) {
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    path().native().copy(address.sun_path, sizeof address.sun_path - 1);
    REQUIRE(::bind(listener_.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0);
    REQUIRE(::listen(listener_.get(), 4) == 0);
    thread_ = std::thread([this] { run(); });
  }
  ~FixedAnswer() {
    ::shutdown(listener_.get(), SHUT_RDWR);
    thread_.join();
  }
  [[nodiscard]] std::filesystem::path path() const { return directory_ / "s"; }

 private:
  void run() {
    const Fd connection(::accept4(listener_.get(), nullptr, nullptr, SOCK_CLOEXEC));
    if (!connection.valid()) return;
    std::array<char, 4096> chunk{};
    (void)!::recv(connection.get(), chunk.data(), chunk.size(), 0);
    ::send(connection.get(), answer_.data(), answer_.size(), MSG_NOSIGNAL);
    // Until the client has gone.
    if (!closes_) (void)!::recv(connection.get(), chunk.data(), chunk.size(), 0);
  }

  std::string answer_;
  bool closes_;
  TempDir directory_;
  Fd listener_{::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0)};
  std::thread thread_;
};

Error error_of(std::string answer) {
  const FixedAnswer server(std::move(answer), true);
  auto client = Client::connect(server.path());
  REQUIRE(client);
  const auto reply = client->call("sipward.shield.X", json::object());
  REQUIRE_FALSE(reply);
  return reply.error();
}

}  // namespace

TEST_CASE("no daemon is unreachable, with what to do") {
  const TempDir directory;
  const auto client = Client::connect(directory / "none.sock");
  REQUIRE_FALSE(client);
  CHECK(client.error().kind == ErrorKind::unreachable);
  CHECK_THAT(client.error().text, ContainsSubstring("none.sock"));
  CHECK_THAT(client.error().text, ContainsSubstring("systemctl start sipwardd"));
}

TEST_CASE("a socket file without a daemon is unreachable too") {
  const TempDir directory;
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  const auto path = directory / "stale.sock";
  path.native().copy(address.sun_path, sizeof address.sun_path - 1);
  {
    const Fd fd(::socket(AF_UNIX, SOCK_STREAM, 0));
    REQUIRE(::bind(fd.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0);
  }
  CHECK(Client::connect(path).error().kind == ErrorKind::unreachable);
}

TEST_CASE("a path that may not be entered is denied, with the group to join") {
  const TempDir directory;
  const auto closed = directory / "closed";
  std::filesystem::create_directory(closed);
  std::filesystem::permissions(closed, std::filesystem::perms::owner_all);
  Error error;
  REQUIRE(test::as_user(65534, 65534, {}, [&] { error = Client::connect(closed / "control.sock").error(); }));
  CHECK(error.kind == ErrorKind::denied);
  CHECK_THAT(error.text, ContainsSubstring("usermod -aG sipward"));
}

TEST_CASE("a client is told a path that no socket can have") {
  CHECK(Client::connect("").error().kind == ErrorKind::invalid);
  CHECK(Client::connect(std::string(sizeof(sockaddr_un::sun_path), 'x')).error().kind == ErrorKind::invalid);
}

TEST_CASE("answers that are none are told as failures") {
  using namespace std::string_literals;
  CHECK(error_of("").kind == ErrorKind::unreachable);
  CHECK(error_of("{\"parameters\": {}}").kind == ErrorKind::unreachable);  // its end never came
  CHECK(error_of("nonsense\0"s).kind == ErrorKind::failed);
  CHECK(error_of("{\"parameters\": 7}\0"s).kind == ErrorKind::failed);
  CHECK(error_of("{\"error\": 7}\0"s).kind == ErrorKind::failed);
  const Error unknown = error_of("{\"error\": \"x.Y\"}\0"s);
  CHECK(unknown.kind == ErrorKind::failed);
  CHECK(unknown.text == "x.Y");
}

TEST_CASE("a daemon that does not answer is waited for as long as asked, and a late answer is nobody's") {
  const FixedAnswer server("", false);
  auto client = Client::connect(server.path());
  REQUIRE(client);
  const auto reply = client->call("sipward.shield.X", json::object(), std::chrono::milliseconds(50));
  REQUIRE_FALSE(reply);
  CHECK(reply.error().kind == ErrorKind::unreachable);
  CHECK_THAT(reply.error().text, ContainsSubstring("in time"));
  CHECK(client->call("sipward.shield.X", json::object()).error().kind == ErrorKind::unreachable);
}
