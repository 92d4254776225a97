// What holds for every subcommand: exit codes, colour, JSON, and what becomes of the output.
#include "cli_run.h"
#include "replies.h"

using namespace sipward;
using namespace sipward::test;

TEST_CASE("help and version exit with 0, wrong usage with 2") {
  const auto help = run({"--help"});
  CHECK(help.code == 0);
  CHECK_THAT(help.out, ContainsSubstring("Exit codes:") && ContainsSubstring("7  done in part") &&
                           ContainsSubstring("SIPWARD_SOCKET"));
  CHECK(run({"bans", "add", "--help"}).code == 0);
  const auto version = run({"--version"});
  CHECK(version.code == 0);
  CHECK(version.out.starts_with("sipward "));
  for (const std::vector<std::string>& args : {std::vector<std::string>{},
                                               {"bans"},
                                               {"nonsense"},
                                               {"status", "more"},
                                               {"explain"},
                                               {"explain", "192.0.2.0/24"},
                                               {"-o", "xml", "status"},
                                               {"--color", "pink", "status"}}) {
    const auto result = run(args);
    CHECK(result.code == 2);
    CHECK(result.out.empty());
    CHECK(result.err.starts_with("sipward: "));
  }
}

TEST_CASE("every kind of error has its exit code") {
  for (const auto& [kind, code] : std::map<ErrorKind, int>{{ErrorKind::failed, 1},
                                                           {ErrorKind::invalid, 2},
                                                           {ErrorKind::not_found, 4},
                                                           {ErrorKind::denied, 5},
                                                           {ErrorKind::refused, 6},
                                                           {ErrorKind::busy, 1}}) {
    FakeDaemon daemon({{"Status", error(kind, "because \x1b[2J")}});
    const auto result = run({"status"}, {.socket = daemon.socket(), .input = ""});
    CHECK(result.code == code);
    CHECK(result.out.empty());
    CHECK(result.err == "sipward: because \\x1b[2J\n");
  }
}

TEST_CASE("without a daemon it says how to start it") {
  const auto result = run({"status", "--socket", "/tmp/sipward-none.sock"});
  CHECK(result.code == 3);
  CHECK(result.err ==
        "sipward: the shield is not running (no answer at /tmp/sipward-none.sock); start it with: systemctl "
        "start sipwardd\n");
}

TEST_CASE("without permission it names the group") {
  FakeDaemon daemon({{"Status", reply(status_reply())}});
  const auto result = run({"status"}, {.socket = daemon.socket(), .input = "", .uid = 65534});
  CHECK(result.code == 5);
  CHECK(result.out.empty());
  CHECK_THAT(result.err, ContainsSubstring("usermod -aG sipward"));
}

TEST_CASE("colour is for terminals that want it") {
  FakeDaemon daemon({{"Status", reply(status_reply())}});
  const auto has_color = [](const RunResult& result) {
    REQUIRE(result.code == 0);
    return result.out.find('\x1b') != std::string::npos;
  };
  const RunOptions plain{.socket = daemon.socket(), .input = ""};
  RunOptions no_color = plain;
  no_color.environment["NO_COLOR"] = "1";
  RunOptions empty_no_color = plain;
  empty_no_color.environment["NO_COLOR"] = "";
  RunOptions dumb = plain;
  dumb.environment["TERM"] = "dumb";
  CHECK_FALSE(has_color(run({"status"}, plain)));
  CHECK(has_color(run({"status", "--color", "always"}, plain)));
  CHECK(has_color(run({"status", "--color=always"}, no_color)));
  CHECK(has_color(run_on_terminal({"status"}, plain)));
  CHECK(has_color(run_on_terminal({"status"}, empty_no_color)));
  CHECK_FALSE(has_color(run_on_terminal({"status"}, no_color)));
  CHECK_FALSE(has_color(run_on_terminal({"status"}, dumb)));
  CHECK_FALSE(has_color(run_on_terminal({"--color", "never", "status"}, plain)));
}

TEST_CASE("JSON is indented on a terminal and keeps control characters off it") {
  auto answer = status_reply();
  answer["store"]["path"] = "/x\x7f\xc2\x9b\xc3\xa4\x1b";
  FakeDaemon daemon({{"Status", reply(answer)}});
  const auto result = run_on_terminal({"status", "-o", "json"}, {.socket = daemon.socket(), .input = ""});
  CHECK_THAT(result.out, ContainsSubstring("\n  \"mode\": {"));
  CHECK(json::parse(result.out)["store"]["path"] == "/x\x7f\xc2\x9b\xc3\xa4\x1b");
  for (const char c : result.out) CHECK((c == '\r' || c == '\n' || (c >= 0x20 && c < 0x7f)));
}

TEST_CASE("a reader who leaves ends the output without a word") {
  json bans = json::array();
  for (int i = 0; i < 3000; ++i) bans.push_back(ban_reply());
  FakeDaemon daemon(
      {{"BansList", reply({{"total", bans.size()}, {"bans", bans}})}, {"Stats", reply(stats_reply())}});
  for (const char* command : {"bans list --limit 0", "stats --watch 0.1"}) {
    INFO(command);
    const std::string script = fmt::format("set -o pipefail; {} {} | head -n 1", SIPWARD_CLI, command);
    const TempDir directory;
    Command shell({"-c", script}, {.socket = daemon.socket(), .input = ""}, "/bin/bash");
    const Fd err(::open((directory / "err").c_str(), O_WRONLY | O_CREAT | O_CLOEXEC, 0600));
    const Fd out(::open("/dev/null", O_WRONLY | O_CLOEXEC));
    const pid_t pid = ::fork();
    if (pid == 0) {
      ::dup2(out.get(), 1);
      ::dup2(err.get(), 2);
      shell.exec();
    }
    CHECK(exit_status(pid) == 0);
    CHECK(read_file(directory / "err").value().empty());
  }
}

TEST_CASE("output that cannot be written is a failure") {
  FakeDaemon daemon({{"Status", reply(status_reply())}});
  const auto result = run({"status"}, {.socket = daemon.socket(), .input = "", .output_path = "/dev/full"});
  CHECK(result.code == 1);
  CHECK(result.err == "sipward: cannot write the output: No space left on device\n");
}
