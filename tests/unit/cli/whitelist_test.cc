#include "cli_run.h"
#include "replies.h"

using namespace sipward;
using namespace sipward::test;

namespace {

// Answers WhitelistAdd as the daemon does, with the entry as it was given.
Result<json> add(const json& parameters) {
  auto entry = entry_reply();
  for (const char* key : {"net", "class", "comment"}) entry[key] = parameters[key];
  return json{{"entry", entry}, {"lifted", json::array()}, {"updated", false}};
}

json call(const char* net, const char* source_class, const char* comment, json for_ms) {
  return {{"net", net}, {"class", source_class}, {"comment", comment}, {"for_ms", std::move(for_ms)}};
}

}  // namespace

TEST_CASE("adding tells the entry and the bans that were lifted") {
  FakeDaemon daemon({{"WhitelistAdd", [](const json& parameters) -> Result<json> {
                        auto answer = add(parameters).value();
                        answer["lifted"] = {"198.51.100.7", "198.51.100.64/26"};
                        return answer;
                      }}});
  const RunOptions options{.socket = daemon.socket(), .input = ""};
  const auto result =
      run({"whitelist", "add", "198.51.100.0/24", "--comment", "carrier", "--for", "30d", "--class", "peer"},
          options);
  CHECK(result.code == 0);
  CHECK(result.out ==
        "whitelisted 198.51.100.0/24 (peer, carrier)\n"
        "lifted the ban of 198.51.100.7\n"
        "lifted the ban of 198.51.100.64/26\n");
  CHECK(daemon.calls("WhitelistAdd") ==
        std::vector<json>{call("198.51.100.0/24", "peer", "carrier", 2592000000)});
}

TEST_CASE("nets that are too wide are refused with the hint, before the daemon is asked") {
  FakeDaemon daemon({{"WhitelistAdd", add}});
  const RunOptions options{.socket = daemon.socket(), .input = ""};
  for (const char* net : {"0.0.0.0/0", "::/0", "10.0.0.0/7", "2000::/15"}) {
    INFO(net);
    const auto result = run({"whitelist", "add", net}, options);
    CHECK(result.code == 6);
    CHECK_THAT(result.err, ContainsSubstring("sipward mode observe"));
  }
  CHECK(daemon.calls("WhitelistAdd").empty());
  CHECK(run({"whitelist", "add", "10.0.0.0/8"}, options).code == 0);
  CHECK(run({"whitelist", "add", "2000::/16"}, options).code == 0);
}

TEST_CASE("wrong nets, classes and comments are wrong usage") {
  for (const std::vector<std::string>& args : {std::vector<std::string>{"192.0.2.7/24"},
                                               {"example.com"},
                                               {"192.0.2.1", "--class", "friend"},
                                               {"192.0.2.1", "--comment", "a\x1b[2J"}}) {
    auto command = args;
    command.insert(command.begin(), {"whitelist", "add"});
    const auto result = run(command);
    CHECK(result.code == 2);
    CHECK_FALSE(has_control_characters(result.err));
  }
  CHECK_THAT(run({"whitelist", "add", "192.0.2.7/24"}).err, ContainsSubstring("did you mean 192.0.2.0/24?"));
}

TEST_CASE("check says what covers an address, or that nothing does") {
  FakeDaemon daemon({{"WhitelistCheck", [](const json& parameters) -> Result<json> {
                        if (parameters["address"] == "198.51.100.1")
                          return json{{"covered", true}, {"entries", json::array({entry_reply()})}};
                        return json{{"covered", false}, {"entries", json::array()}};
                      }}});
  const RunOptions options{.socket = daemon.socket(), .input = ""};
  const auto covered = run({"whitelist", "check", "198.51.100.1"}, options);
  CHECK(covered.code == 0);
  CHECK_THAT(covered.out, ContainsSubstring("198.51.100.0/24"));
  const auto not_covered = run({"whitelist", "check", "192.0.2.9"}, options);
  CHECK(not_covered.code == 4);
  CHECK(not_covered.out == "192.0.2.9 is not whitelisted\n");
  const auto as_json = run({"whitelist", "check", "192.0.2.9", "-o", "json"}, options);
  CHECK(as_json.code == 4);
  CHECK(json::parse(as_json.out)["covered"] == false);
}

TEST_CASE("remove tells what is gone, or that it was not there") {
  FakeDaemon daemon({{"WhitelistRemove", [](const json& parameters) -> Result<json> {
                        if (parameters["net"] == "198.51.100.0/24") return json{{"entry", entry_reply()}};
                        return fail(ErrorKind::not_found, "no such entry");
                      }}});
  const RunOptions options{.socket = daemon.socket(), .input = ""};
  CHECK(run({"whitelist", "remove", "198.51.100.0/24"}, options).out ==
        "removed 198.51.100.0/24 (trusted, carrier, \"east\")\n");
  const auto missing = run({"whitelist", "remove", "192.0.2.0/24"}, options);
  CHECK(missing.code == 4);
  CHECK_THAT(missing.err, ContainsSubstring("192.0.2.0/24 is not in the whitelist"));
}

TEST_CASE("import reads every form of a line") {
  FakeDaemon daemon({{"WhitelistAdd", add}});
  const auto result =
      run({"whitelist", "import", "-"}, {.socket = daemon.socket(),
                                         .input = "# peers\n\n  192.0.2.1  \r\n"
                                                  "198.51.100.0/24,30d\n"
                                                  "2001:DB8::/32, ,\"east, \"\"old\"\"\" , peer\n"
                                                  "203.0.113.1,,plain\n"
                                                  "203.0.113.2,2020-01-01T00:00:00.000Z,over\n"
                                                  "203.0.113.3,2999-01-01"});
  CHECK(result.code == 0);
  CHECK(result.out == "5 added, 0 updated, 1 expired, 0 failed\n");
  CHECK(result.err == "stdin:7: 203.0.113.2 has expired, skipped\n");
  const auto calls = daemon.calls("WhitelistAdd");
  REQUIRE(calls.size() == 5);
  CHECK(calls[0] == call("192.0.2.1", "trusted", "", nullptr));
  CHECK(calls[1] == call("198.51.100.0/24", "trusted", "", 2592000000));
  CHECK(calls[2] == call("2001:db8::/32", "peer", "east, \"old\"", nullptr));
  CHECK(calls[3] == call("203.0.113.1", "trusted", "plain", nullptr));
  CHECK(calls[4]["for_ms"].get<std::int64_t>() > 0);
}

TEST_CASE("one wrong line and nothing is imported; every wrong line is named") {
  FakeDaemon daemon({{"WhitelistAdd", add}});
  const TempDir directory;
  const auto path = (directory / "peers.csv").string();
  std::ofstream(path)
      << "192.0.2.1\n192.0.2.7/24\n192.0.2.2,soon\n192.0.2.3,,\"open\n192.0.2.4,,,friend\n192.0.2.1,1h\n"
         "0.0.0.0/0\n192.0.2.5,,a,peer,more\n192.0.2.6,,\x1b[2J\n192.0.2.8,2026-02-30\n192.0.2.9,,\"a\"b\n";
  const auto result = run({"whitelist", "import", path}, {.socket = daemon.socket(), .input = ""});
  CHECK(result.code == 2);
  CHECK(daemon.calls("WhitelistAdd").empty());
  for (const char* expected : {":2: '192.0.2.7/24' has host bits set", ":3: 'soon' is neither",
                               ":4: a quoted field does not end", ":5: 'friend' is no class",
                               ":6: 192.0.2.1 stands in line 1 already", ":7: 0.0.0.0/0 is wider than /8",
                               ":8: 5 fields", ":9: '\\x1b[2J' holds control", ":10: '2026-02-30' is neither",
                               ":11: 'b' stands after a quoted field", "10 wrong lines, nothing was changed"})
    CHECK_THAT(result.err, ContainsSubstring(expected));
  CHECK(result.err.starts_with(path));
  CHECK_FALSE(has_control_characters(result.err));
}

TEST_CASE("a file whose only fault is policy exits with 6, a missing one with 4") {
  CHECK(run({"whitelist", "import", "-"}, {.socket = "/nowhere", .input = "0.0.0.0/0\n"}).code == 6);
  CHECK(run({"whitelist", "import", "/tmp/sipward-no-such-file"}).code == 4);
}

TEST_CASE("entries that the daemon refuses leave the others in, exit code 7") {
  FakeDaemon daemon({{"WhitelistAdd", [](const json& parameters) -> Result<json> {
                        if (parameters["net"] == "192.0.2.2") return fail(ErrorKind::refused, "not that one");
                        return add(parameters);
                      }}});
  const auto some = run({"whitelist", "import", "-"},
                        {.socket = daemon.socket(), .input = "192.0.2.1\n192.0.2.2\n192.0.2.3\n"});
  CHECK(some.code == 7);
  CHECK(some.out == "2 added, 0 updated, 0 expired, 1 failed\n");
  CHECK(some.err == "stdin:2: not that one\n");
  const auto as_json = run({"-o", "json", "whitelist", "import", "-"},
                           {.socket = daemon.socket(), .input = "192.0.2.1\n192.0.2.2\n"});
  CHECK(json::parse(as_json.out)["failed"][0]["line"] == 2);
  CHECK(run({"whitelist", "import", "-"}, {.socket = daemon.socket(), .input = "192.0.2.2\n"}).code == 6);
  CHECK(run({"whitelist", "import", "-"}, {.socket = "/nowhere", .input = "192.0.2.2\n"}).code == 3);
}

TEST_CASE("import reads back what export writes") {
  json entries = json::array();
  for (const char* comment :
       {"", "plain", "a, b", "\"quoted\"", " blanks ", "# hash", "größe", "a,\"b\",", "\""}) {
    auto entry = entry_reply();
    entry.update({{"net", fmt::format("192.0.2.{}", entries.size() + 1)},
                  {"comment", comment},
                  {"class", entries.size() % 2 ? "peer" : "trusted"}});
    if (entries.size() == 3) entry["expires"] = "2999-12-31T23:59:59.999Z";
    entries.push_back(entry);
  }
  FakeDaemon daemon({{"WhitelistList", reply({{"entries", entries}})}, {"WhitelistAdd", add}});
  const auto exported = run({"whitelist", "export"}, {.socket = daemon.socket(), .input = ""});
  REQUIRE(exported.code == 0);
  REQUIRE(run({"whitelist", "import", "-"}, {.socket = daemon.socket(), .input = exported.out}).code == 0);
  const auto calls = daemon.calls("WhitelistAdd");
  REQUIRE(calls.size() == entries.size());
  for (std::size_t i = 0; i < calls.size(); ++i) {
    for (const char* key : {"net", "comment", "class"}) CHECK(calls[i][key] == entries[i][key]);
    CHECK(calls[i]["for_ms"].is_null() == entries[i]["expires"].is_null());
  }
}
