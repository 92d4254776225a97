#include <poll.h>

#include "cli_run.h"
#include "replies.h"

using namespace sipward;
using namespace sipward::test;

TEST_CASE("stats tell since when, where every packet went, and who sent them") {
  FakeDaemon daemon({{"Stats", reply(stats_reply())}});
  const auto result = run({"stats", "--sources", "5"}, {.socket = daemon.socket(), .input = ""});
  CHECK(result.code == 0);
  CHECK(result.out.starts_with("since 2026-11-01T10:00:00.000Z ("));
  for (const char* line :
       {"\noffered            2,000     100.0 %\n", "\ntrusted, not read    500      25.0 %\n",
        "\npassed             1,000      50.0 %\n", "\ndropped              490      24.5 %\n",
        "\n  signature          400      20.0 %\n", "\n  queue_full           8       0.4 %\n",
        "\nin queue               4       0.2 %\n", "\nunaccounted            0       0.0 %\n"})
    CHECK_THAT(result.out, ContainsSubstring(line));
  for (const char* expected : {"friendly-scanner", "321", "OPTIONS", "490", "192.0.2.9"})
    CHECK_THAT(result.out, ContainsSubstring(expected));
  // A reason that never occurred has no line, and there is no rate without a second sample.
  CHECK_FALSE(result.out.find("peer") != std::string::npos);
  CHECK_FALSE(result.out.find("/s") != std::string::npos);
  CHECK(daemon.calls("Stats") == std::vector<json>{{{"sources", 5}}});
}

TEST_CASE("intervals at the limits are taken, beyond them not") {
  for (const char* wrong : {"0.09", "3600.5", "-1", "x", "2s", "nan"}) {
    INFO(wrong);
    CHECK(run({"stats", fmt::format("--watch={}", wrong)}).code == 2);
  }
  CHECK(run({"stats", "--watch", "--socket", "/nowhere"}).code == 3);
  for (const char* right : {"0.1", "3600"})
    CHECK(run({"stats", "--watch", right, "--socket", "/nowhere"}).code == 3);
}

TEST_CASE("stats --watch shows rates and ends well with Ctrl-C") {
  std::int64_t offered = 1000;
  FakeDaemon daemon({{"Stats", [&offered](const json&) -> Result<json> {
                        auto stats = stats_reply();
                        stats["packets"]["offered"] = offered += 1000;
                        return stats;
                      }}});
  Command command({"stats", "--watch", "0.1"}, {.socket = daemon.socket(), .input = ""});
  std::array<int, 2> ends{};
  REQUIRE(::pipe2(ends.data(), O_CLOEXEC) == 0);
  const Fd reader(ends[0]);
  Fd writer(ends[1]);
  const pid_t pid = ::fork();
  if (pid == 0) {
    ::dup2(writer.get(), 1);
    command.exec();
  }
  writer.reset();
  std::string out;
  std::array<char, 4096> chunk{};
  while (out.find("/s") == std::string::npos) {
    const ssize_t n = ::read(reader.get(), chunk.data(), chunk.size());
    REQUIRE(n > 0);
    out.append(chunk.data(), static_cast<std::size_t>(n));
  }
  ::kill(pid, SIGINT);
  CHECK(exit_status(pid) == 0);
  // Blocks, not a redrawn screen, because this is no terminal.
  CHECK_FALSE(has_control_characters(out));
  CHECK(out.find("since") != out.rfind("since"));
}

TEST_CASE("stats --watch ends when the daemon does, and when nobody reads any more") {
  FakeDaemon once({{"Stats", [n = 0](const json&) mutable -> Result<json> {
                      if (n++ == 0) return stats_reply();
                      return fail(ErrorKind::failed, "gone");
                    }}});
  CHECK(run({"stats", "--watch", "0.1"}, {.socket = once.socket(), .input = ""}).code == 1);
}

TEST_CASE("stats --watch as JSON is a line for each sample") {
  FakeDaemon twice({{"Stats", [n = 0](const json&) mutable -> Result<json> {
                       if (n++ < 2) return stats_reply();
                       return fail(ErrorKind::failed, "enough");
                     }}});
  const auto result = run({"stats", "--watch=0.1", "-o", "json"}, {.socket = twice.socket(), .input = ""});
  CHECK(std::count(result.out.begin(), result.out.end(), '\n') == 2);
  CHECK(json::parse(result.out.substr(0, result.out.find('\n')))["packets"]["offered"] == 2000);
}
