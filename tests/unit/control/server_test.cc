#include "control/server.h"

#include <fcntl.h>
#include <sys/un.h>

#include <atomic>
#include <fstream>

#include "control/client.h"
#include "control/framing.h"
#include "raw_client.h"
#include "server_thread.h"
#include "support/catch.h"

using namespace sipward;
using namespace sipward::control;
using nlohmann::json;
using sipward::test::RawClient;
using sipward::test::ServerThread;
using sipward::test::TempDir;

namespace {

constexpr const char* kPing = R"({"method": "sipward.shield.Ping", "parameters": {}})";

std::map<std::string, Method> methods() {
  std::map<std::string, Method> table;
  table["Ping"] = {false, [](const json&, const Caller& caller) -> Result<json> {
                     return json{{"user", caller.user}, {"may_change", caller.may_change}};
                   }};
  table["Change"] = {true, [](const json&, const Caller&) -> Result<json> {
                       return json{{"changed", true}};
                     }};
  table["Echo"] = {false, [](const json& parameters, const Caller&) -> Result<json> { return parameters; }};
  table["Bytes"] = {false, [](const json& parameters, const Caller&) -> Result<json> {
                      return json{{"text", std::string(parameters.at("size").get<std::size_t>(), 'x')}};
                    }};
  table["Raw"] = {false, [](const json&, const Caller&) -> Result<json> {
                    return json{{"text", "a\xff\xc3z"}};
                  }};
  table["Fail"] = {false, [](const json&, const Caller&) -> Result<json> {
                     return fail(ErrorKind::refused, "not '{}'", "that");
                   }};
  return table;
}

std::string call_text(const std::string& method, const json& parameters = json::object()) {
  return json{{"method", "sipward.shield." + method}, {"parameters", parameters}}.dump();
}

}  // namespace

TEST_CASE("a call has its reply, a failure its kind and text") {
  const ServerThread server(methods());
  auto client = Client::connect(server.path());
  REQUIRE(client);
  CHECK(client->call("sipward.shield.Echo", {{"a", {1, "ä", nullptr}}}).value() ==
        json{{"a", {1, "ä", nullptr}}});
  const auto failed = client->call("sipward.shield.Fail", json::object());
  REQUIRE_FALSE(failed);
  CHECK(failed.error().kind == ErrorKind::refused);
  CHECK(failed.error().text == "not 'that'");
  CHECK(client->call("sipward.shield.Raw", json::object()).value()["text"] == "a\xef\xbf\xbd\xef\xbf\xbdz");
}

TEST_CASE("unknown methods and wrong parameters are told and the connection stays") {
  const ServerThread server(methods());
  auto client = Client::connect(server.path());
  REQUIRE(client);
  for (const char* name : {"sipward.shield.Nothing", "Ping", "sipward.tracker.Ping", ""}) {
    INFO(name);
    const auto reply = client->call(name, json::object());
    REQUIRE_FALSE(reply);
    CHECK(reply.error().kind == ErrorKind::not_found);
    CHECK_THAT(reply.error().text, ContainsSubstring("MethodNotFound"));
  }
  const auto wrong = client->call("sipward.shield.Bytes", {{"size", "many"}});
  REQUIRE_FALSE(wrong);
  CHECK(wrong.error().kind == ErrorKind::invalid);
  CHECK(client->call("sipward.shield.Ping", json::object()));
}

TEST_CASE("what is no call is answered Invalid and closed") {
  const ServerThread server(methods());
  for (const char* text : {"no json", "", "[]", "{}", R"({"method": 7})",
                           R"({"method": "sipward.shield.Ping", "parameters": []})"}) {
    INFO(text);
    RawClient client(server.path());
    REQUIRE(client.send_message(text));
    client.send_message(kPing);
    CHECK(client.receive_error() == "sipward.Invalid");
    CHECK(client.receive_error() == "closed");
  }
  RawClient nested(server.path());
  REQUIRE(nested.send_message("{\"method\":" + std::string(1'000'000, '[')));
  CHECK(nested.receive_error() == "sipward.Invalid");
}

TEST_CASE("parameters may be left out") {
  const ServerThread server(methods());
  RawClient client(server.path());
  REQUIRE(client.send_message(R"({"method": "sipward.shield.Ping"})"));
  CHECK(client.receive_error().empty());
}

TEST_CASE("root may read and change") {
  const ServerThread server(methods());
  auto client = Client::connect(server.path());
  REQUIRE(client);
  CHECK(client->call("sipward.shield.Ping", json::object()).value() ==
        json{{"user", "root"}, {"may_change", true}});
  CHECK(client->call("sipward.shield.Change", json::object()));
}

TEST_CASE("strangers are denied whatever they send") {
  const ServerThread server(methods());
  std::vector<std::string> answers;
  REQUIRE(test::as_user(65534, 65534, {}, [&] {
    RawClient client(server.path());
    client.send(std::string(4U << 20U, 'x'));
    answers = {client.receive_error(), client.receive_error()};
  }));
  CHECK(answers == std::vector<std::string>{"sipward.Denied", "closed"});
  Result<json> reply;
  REQUIRE(test::as_user(65534, 65534, {}, [&] {
    auto client = Client::connect(server.path());
    if (client) reply = client->call("sipward.shield.Ping", json::object());
  }));
  REQUIRE_FALSE(reply);
  CHECK(reply.error().kind == ErrorKind::denied);
  CHECK_THAT(reply.error().text, ContainsSubstring("usermod -aG sipward"));
}

TEST_CASE("the groups give their rights, as primary and as supplementary ones") {
  ServerOptions options;
  options.read_group = "nogroup";
  options.admin_group = "daemon";
  const gid_t admin = ::getgrnam("daemon")->gr_gid;
  const ServerThread server(methods(), options);
  struct Case {
    gid_t group;
    std::vector<gid_t> more;
    bool reads;
    bool changes;
  };
  // More groups than the first look has room for.
  std::vector<gid_t> many(100);
  for (std::size_t i = 0; i < many.size(); ++i) many[i] = static_cast<gid_t>(70000 + i);
  many.push_back(admin);
  for (const Case& c : {Case{65534, {}, true, false}, Case{70000, {65534}, true, false},
                        Case{admin, {}, true, true}, Case{70000, {admin}, true, true},
                        Case{70000, many, true, true}, Case{70000, {70001}, false, false}}) {
    INFO(c.group << " and " << c.more.size());
    std::string read;
    std::string change;
    REQUIRE(test::as_user(65533, c.group, c.more, [&] {
      RawClient client(server.path());
      client.send_message(kPing);
      read = client.receive_error();
      client.send_message(call_text("Change"));
      change = client.receive_error();
    }));
    CHECK(read == (c.reads ? "" : "sipward.Denied"));
    CHECK(change == (c.changes ? "" : c.reads ? "sipward.Denied" : "closed"));
  }
}

TEST_CASE("groups that do not exist give nobody rights") {
  ServerOptions options;
  options.read_group = "sipward-no-such-group";
  options.admin_group = "sipward-no-such-group";
  const ServerThread server(methods(), options);
  std::string answer;
  REQUIRE(test::as_user(65534, 65534, {}, [&] { answer = RawClient(server.path()).receive_error(); }));
  CHECK(answer == "sipward.Denied");
}

TEST_CASE("a client that does not read holds nobody up and loses nothing") {
  const ServerThread server(methods());
  RawClient slow(server.path());
  const std::size_t size = 4U << 20U;
  REQUIRE(slow.send_message(call_text("Bytes", {{"size", size}})));
  REQUIRE(slow.send_message(kPing));
  auto quick = Client::connect(server.path());
  REQUIRE(quick);
  for (int i = 0; i < 100; ++i) REQUIRE(quick->call("sipward.shield.Ping", json::object()));
  const auto big = slow.receive();
  REQUIRE(big);
  CHECK(json::parse(*big)["parameters"]["text"].get<std::string>().size() == size);
  CHECK(slow.receive_error().empty());
}

TEST_CASE("a half message holds nobody up") {
  const ServerThread server(methods());
  RawClient half(server.path());
  const std::string text = std::string(kPing) + '\0';
  REQUIRE(half.send(text.substr(0, 10)));
  auto other = Client::connect(server.path());
  REQUIRE(other);
  REQUIRE(other->call("sipward.shield.Ping", json::object()));
  REQUIRE(half.send(text.substr(10)));
  CHECK(half.receive_error().empty());
}

TEST_CASE("calls sent at once are answered in order, also after the caller has sent its last") {
  const ServerThread server(methods());
  RawClient client(server.path());
  std::string calls;
  for (int i = 0; i < 200; ++i) calls += call_text("Echo", {{"i", i}}) + '\0';
  REQUIRE(client.send(calls));
  client.end_sending();
  for (int i = 0; i < 200; ++i) {
    const auto reply = client.receive();
    REQUIRE(reply);
    REQUIRE(json::parse(*reply)["parameters"]["i"] == i);
  }
  CHECK(client.receive_error() == "closed");
}

TEST_CASE("a question of the limit is answered, a longer one is not") {
  ServerOptions options;
  options.idle_max = std::chrono::minutes(5);  // sanitizers take long over 16 MiB
  const ServerThread server(methods(), options);
  const std::string frame = call_text("Ping", {{"x", ""}});
  RawClient exact(server.path());
  REQUIRE(exact.send_message(call_text("Ping", {{"x", std::string(kMessageSizeMax - frame.size(), 'x')}})));
  CHECK(exact.receive_error().empty());
  RawClient longer(server.path());
  longer.send(std::string(kMessageSizeMax + 1, ' '));
  CHECK(longer.receive_error() == "sipward.Invalid");
  CHECK(longer.receive_error() == "closed");
}

TEST_CASE("an answer of the limit is given, a longer one is an error") {
  constexpr std::chrono::minutes kPatience{5};  // sanitizers take long over 16 MiB
  ServerOptions options;
  options.idle_max = kPatience;
  const ServerThread server(methods(), options);
  auto client = Client::connect(server.path());
  REQUIRE(client);
  const std::size_t frame = json{{"parameters", {{"text", ""}}}}.dump().size();
  CHECK(client->call("sipward.shield.Bytes", {{"size", kMessageSizeMax - frame}}, kPatience));
  const auto longer =
      client->call("sipward.shield.Bytes", {{"size", kMessageSizeMax - frame + 1}}, kPatience);
  REQUIRE_FALSE(longer);
  CHECK(longer.error().kind == ErrorKind::failed);
  CHECK_THAT(longer.error().text, ContainsSubstring("ask for less"));
}

TEST_CASE("as many clients as allowed are served, one more is told so, and a place becomes free again") {
  ServerOptions options;
  options.connections_max = 3;
  const ServerThread server(methods(), options);
  std::vector<std::unique_ptr<RawClient>> clients;
  for (int i = 0; i < 3; ++i) {
    clients.push_back(std::make_unique<RawClient>(server.path()));
    clients.back()->send_message(kPing);
    REQUIRE(clients.back()->receive_error().empty());
  }
  RawClient surplus(server.path());
  CHECK(surplus.receive_error() == "sipward.Busy");
  CHECK(surplus.receive_error() == "closed");
  clients.pop_back();
  // The place is free when the server has seen the end of the other: until then the answer is Busy again.
  std::string answer = "sipward.Busy";
  while (answer == "sipward.Busy") {
    RawClient again(server.path());
    again.send_message(kPing);
    answer = again.receive_error();
  }
  CHECK(answer.empty());
}

TEST_CASE("clients that neither ask nor read are dropped, even when they trickle") {
  ServerOptions options;
  options.idle_max = std::chrono::seconds(1);
  const ServerThread server(methods(), options);
  RawClient silent(server.path());
  RawClient deaf(server.path());
  REQUIRE(deaf.send_message(call_text("Bytes", {{"size", 8U << 20U}})));
  RawClient half(server.path());
  REQUIRE(half.send("{"));
  const auto begin = std::chrono::steady_clock::now();
  CHECK(silent.receive_error() == "closed");
  CHECK(half.receive_error() == "closed");
  CHECK(std::chrono::steady_clock::now() - begin > std::chrono::milliseconds(900));
  // Its answer was cut: what the socket held comes out, the rest never does.
  CHECK_FALSE(deaf.receive());
}

TEST_CASE("the descriptor is readable only when there is something to do") {
  const TempDir directory;
  ServerOptions options;
  options.path = directory / "control.sock";
  const auto server = Server::listen(options, methods());
  REQUIRE(server);
  const auto is_readable = [&] {
    pollfd entry{(*server)->fd(), POLLIN, 0};
    return ::poll(&entry, 1, 0) == 1;
  };
  CHECK_FALSE(is_readable());
  RawClient client(options.path);
  CHECK(is_readable());
  (*server)->poll();
  CHECK_FALSE(is_readable());
  client.send_message(kPing);
  CHECK(is_readable());
  (*server)->poll();
  CHECK_FALSE(is_readable());
  CHECK(client.receive_error().empty());
}

TEST_CASE("everybody may reach the socket: its file has mode 0666 and goes with the server") {
  const TempDir directory;
  ServerOptions options;
  options.path = directory / "control.sock";
  {
    const auto server = Server::listen(options, methods());
    REQUIRE(server);
    struct stat status {};
    REQUIRE(::stat(options.path.c_str(), &status) == 0);
    CHECK((status.st_mode & 0777U) == 0666);
  }
  CHECK_FALSE(std::filesystem::exists(options.path));
}

TEST_CASE("a socket that somebody listens on is busy, and stays") {
  const ServerThread server(methods());
  ServerOptions options;
  options.path = server.path();
  const auto second = Server::listen(options, methods());
  REQUIRE_FALSE(second);
  CHECK(second.error().kind == ErrorKind::busy);
  CHECK_THAT(second.error().text, ContainsSubstring(options.path.native()));
  CHECK(Client::connect(options.path)->call("sipward.shield.Ping", json::object()));
}

TEST_CASE("a stale socket is replaced, another file is not, and a successor's socket is left alone") {
  const TempDir directory;
  ServerOptions options;
  options.path = directory / "control.sock";
  auto first = Server::listen(options, methods());
  REQUIRE(first);
  std::filesystem::rename(options.path, directory / "kept");
  auto second = Server::listen(options, methods());
  REQUIRE(second);
  first->reset();
  CHECK(std::filesystem::exists(options.path));
  // The first one's socket is closed now, its file is stale.
  options.path = directory / "kept";
  CHECK(Server::listen(options, methods()));

  options.path = directory / "file";
  std::ofstream(options.path) << "precious";
  const auto refused = Server::listen(options, methods());
  REQUIRE_FALSE(refused);
  CHECK(refused.error().kind == ErrorKind::refused);
  CHECK(std::filesystem::file_size(options.path) == 8);
}

TEST_CASE("a server cannot listen where no socket can be") {
  ServerOptions options;
  options.path = "/tmp/" + std::string(sizeof(sockaddr_un::sun_path), 'x');
  CHECK(Server::listen(options, methods()).error().kind == ErrorKind::invalid);
  options.path = "/tmp/sipward-no-such-directory/control.sock";
  CHECK(Server::listen(options, methods()).error().kind == ErrorKind::not_found);
}
