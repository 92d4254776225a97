#include "cli_run.h"
#include "replies.h"

using namespace sipward;
using namespace sipward::test;

namespace {

json known_reply(const char* address) {
  return {{"address", address},
          {"since", "2000-01-01T00:00:00.000Z"},
          {"until", "2000-01-02T00:00:00.000Z"},
          {"how", "register"}};
}

}  // namespace

TEST_CASE("known sources are listed as a table") {
  FakeDaemon daemon({{"KnownList", reply({{"total", 1042}, {"known", {known_reply("203.0.113.1")}}})}});
  const auto result = run({"known", "list", "--limit", "1"}, {.socket = daemon.socket(), .input = ""});
  CHECK(result.code == 0);
  CHECK(result.out.starts_with("address      since"));
  CHECK_THAT(result.out, ContainsSubstring("203.0.113.1  ") && ContainsSubstring("register\n"));
  CHECK(result.err == "the 1 that stay known longest, of 1,042; all of them: sipward known list --limit 0\n");
  CHECK(daemon.calls("KnownList") == std::vector<json>{{{"limit", 1}}});
}

TEST_CASE("nobody known is told apart from the data") {
  FakeDaemon daemon({{"KnownList", reply({{"total", 0}, {"known", json::array()}})}});
  const auto result = run({"known", "list"}, {.socket = daemon.socket(), .input = ""});
  CHECK(result.code == 0);
  CHECK(result.out.empty());
  CHECK(result.err == "no source is known\n");
}

TEST_CASE("known sources as JSON") {
  FakeDaemon daemon({{"KnownList", reply({{"total", 1}, {"known", {known_reply("2001:db8::1")}}})}});
  const auto result = run({"known", "list", "-o", "json"}, {.socket = daemon.socket(), .input = ""});
  CHECK(result.code == 0);
  CHECK(json::parse(result.out)["known"][0] == known_reply("2001:db8::1"));
}

TEST_CASE("an address is forgotten, or was not known") {
  FakeDaemon daemon({{"KnownForget", [](const json& parameters) -> Result<json> {
                        if (parameters["address"] == "203.0.113.1")
                          return json{{"forgotten", known_reply("203.0.113.1")}};
                        return fail(ErrorKind::not_found, "2001:db8::1 is not known");
                      }}});
  const RunOptions options{.socket = daemon.socket(), .input = ""};
  const auto forgotten = run({"known", "forget", "203.0.113.1"}, options);
  CHECK(forgotten.code == 0);
  CHECK(forgotten.out == "forgotten: 203.0.113.1 (register)\n");
  const auto none = run({"known", "forget", "2001:DB8::1"}, options);
  CHECK(none.code == 4);
  CHECK(none.err == "sipward: 2001:db8::1 is not known\n");
  CHECK(run({"known", "forget", "203.0.113.0/24"}, options).code == 2);
  CHECK(run({"known", "forget"}, options).code == 2);
}
