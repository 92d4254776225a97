#include "cli_run.h"
#include "replies.h"

using namespace sipward;
using namespace sipward::test;

TEST_CASE("status of a healthy shield") {
  FakeDaemon daemon({{"Status", reply(status_reply())}});
  const auto result = run({"status"}, {.socket = daemon.socket(), .input = ""});
  CHECK(result.code == 0);
  CHECK(result.err.empty());
  for (const char* expected :
       {"healthy, sipwardd 0.1.0, pid 4711, up 2h 3m", "enforce", "udp 5060 5080, tcp 5060", "1,234,567",
        "alive", "57 (30 ban, 10 drop, 10 score, 7 log)", "12 of at most 65,536",
        "1,000 of 262,144 entries (0.4 %)", "inet sipward is in the kernel", "passing packets unread"})
    CHECK_THAT(result.out, ContainsSubstring(expected));
  CHECK_FALSE(has_control_characters(result.out));
}

TEST_CASE("status of a degraded shield lists the problems and exits with 1") {
  auto degraded = status_reply();
  degraded["problems"] = {"queue 100: nobody reads it", "the table was removed by 'nft'"};
  degraded["queues"][0]["alive"] = false;
  degraded["table"]["present"] = false;
  degraded["conntrack"] = nullptr;
  FakeDaemon daemon({{"Status", reply(degraded)}});
  const auto result = run({"status"}, {.socket = daemon.socket(), .input = ""});
  CHECK(result.code == 1);
  for (const char* expected : {"degraded", "queue 100: nobody reads it", "the table was removed by 'nft'",
                               "dead", "missing", "not in use"})
    CHECK_THAT(result.out, ContainsSubstring(expected));
  CHECK(run({"status", "-o", "json"}, {.socket = daemon.socket(), .input = ""}).code == 1);
}

TEST_CASE("status tells that another program has locked the database") {
  auto locked = status_reply();
  CHECK(locked["problems"].empty());
  locked["store"] = {
      {"path", "/var/lib/sipward/sipward.db"}, {"errors", 0}, {"waiting", 1234}, {"locked", true}};
  FakeDaemon daemon({{"Status", reply(locked)}});
  CHECK_THAT(run({"status"}, {.socket = daemon.socket(), .input = ""}).out,
             ContainsSubstring("sipward.db, locked by another program, 1,234 changes wait"));
}

TEST_CASE("JSON is the reply with schema_version, on one line, colourless even when colour is asked for") {
  FakeDaemon daemon({{"Status", reply(status_reply())}});
  const auto result =
      run({"-o", "json", "--color", "always", "status"}, {.socket = daemon.socket(), .input = ""});
  CHECK(result.code == 0);
  auto expected = status_reply();
  expected["schema_version"] = 1;
  CHECK(json::parse(result.out) == expected);
  CHECK(std::count(result.out.begin(), result.out.end(), '\n') == 1);
}

TEST_CASE("a reply of another version is shown as far as it goes") {
  FakeDaemon daemon({{"Status", reply(json::object())},
                     {"Stats", reply({{"packets", 7}, {"by_rule", "x"}})},
                     {"Explain", reply({{"ban", 1}})}});
  for (const char* command : {"status", "stats"})
    CHECK(run({command}, {.socket = daemon.socket(), .input = ""}).code == 0);
  CHECK(run({"explain", "192.0.2.9"}, {.socket = daemon.socket(), .input = ""}).code == 0);
}

TEST_CASE("the socket is taken from the option before and after the subcommand, and from the environment") {
  FakeDaemon daemon({{"Status", reply(status_reply())}});
  CHECK(run({"--socket", daemon.socket(), "status"}).code == 0);
  CHECK(run({"status", "--socket", daemon.socket()}).code == 0);
  CHECK(run({"status"}, {.socket = daemon.socket(), .input = ""}).code == 0);
  CHECK(run({"status", "--socket", "/nowhere"}, {.socket = daemon.socket(), .input = ""}).code == 3);
}

TEST_CASE("mode is shown and set, also for a while") {
  const auto observe = json{{"mode", "observe"}, {"until", "2999-01-01T00:00:00.000Z"}, {"then", "enforce"}};
  FakeDaemon daemon({{"Mode", reply({{"mode", "enforce"}, {"until", nullptr}, {"then", nullptr}})},
                     {"SetMode", reply(observe)}});
  const RunOptions options{.socket = daemon.socket(), .input = ""};
  CHECK(run({"mode"}, options).out == "enforce\n");
  const auto set = run({"mode", "observe", "--for", "10m"}, options);
  CHECK(set.code == 0);
  CHECK_THAT(set.out, ContainsSubstring("observe for another ") && ContainsSubstring(", then enforce\n"));
  CHECK(run({"mode", "enforce"}, options).code == 0);
  CHECK(daemon.calls("SetMode") == std::vector<json>{{{"mode", "observe"}, {"for_ms", 600000}},
                                                     {{"mode", "enforce"}, {"for_ms", nullptr}}});
  CHECK(run({"mode", "off"}, options).code == 2);
  CHECK(run({"mode", "--for", "10m"}, options).code == 2);
}
