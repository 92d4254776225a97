#include "cli_run.h"
#include "replies.h"

using namespace sipward;
using namespace sipward::test;

TEST_CASE("bans are listed as a table") {
  auto permanent = ban_reply();
  permanent.update({{"net", "203.0.113.0/24"},
                    {"left_ms", nullptr},
                    {"expires", nullptr},
                    {"dropped", nullptr},
                    {"rule", ""}});
  FakeDaemon daemon({{"BansList", reply({{"total", 5000}, {"bans", {ban_reply(), permanent}}})}});
  const auto result = run({"bans", "list", "--limit", "2"}, {.socket = daemon.socket(), .input = ""});
  CHECK(result.code == 0);
  CHECK(result.out ==
        "address         reason     rule                   left  dropped  origin\n"
        "192.0.2.9       signature  friendly-scanner    59m 12s    1,234  auto:friendly-scanner\n"
        "203.0.113.0/24  signature                    permanent        -  auto:friendly-scanner\n");
  CHECK(result.err == "the newest 2 of 5,000; all of them: sipward bans list --limit 0\n");
  CHECK(daemon.calls("BansList") == std::vector<json>{{{"limit", 2}}});
}

TEST_CASE("no bans are told apart from the data") {
  FakeDaemon daemon({{"BansList", reply({{"total", 0}, {"bans", json::array()}})}});
  const auto result = run({"bans", "list"}, {.socket = daemon.socket(), .input = ""});
  CHECK(result.code == 0);
  CHECK(result.out.empty());
  CHECK(result.err == "nobody is banned\n");
}

TEST_CASE("bans are added for a day, for a while or for ever") {
  FakeDaemon daemon({{"BansAdd", reply({{"ban", ban_reply()}, {"extended", false}})}});
  const RunOptions options{.socket = daemon.socket(), .input = ""};
  const auto result = run({"bans", "add", "192.0.2.9", "--reason", "probing"}, options);
  CHECK(result.code == 0);
  CHECK(result.out ==
        "banned 192.0.2.9 (signature, rule friendly-scanner, auto:friendly-scanner, 59m 12s left)\n");
  CHECK(run({"bans", "add", "2001:DB8::/32", "--for", "1h30m"}, options).code == 0);
  CHECK(run({"bans", "add", "192.0.2.9", "--permanent"}, options).code == 0);
  CHECK(daemon.calls("BansAdd") ==
        std::vector<json>{{{"net", "192.0.2.9"}, {"for_ms", 86400000}, {"reason", "probing"}},
                          {{"net", "2001:db8::/32"}, {"for_ms", 5400000}, {"reason", ""}},
                          {{"net", "192.0.2.9"}, {"for_ms", nullptr}, {"reason", ""}}});
  CHECK(run({"bans", "add", "192.0.2.9", "--permanent", "--for", "1h"}, options).code == 2);
  CHECK(run({"bans", "add", "192.0.2.9", "--for", "0s"}, options).code == 2);
  CHECK(run({"bans", "add", "192.0.2.9", "--reason", "a\nb"}, options).code == 2);
}

TEST_CASE("a refused ban says why and exits with 6") {
  FakeDaemon daemon({{"BansAdd", error(ErrorKind::refused, "192.0.2.9 is whitelisted (carrier)")}});
  const auto result = run({"bans", "add", "192.0.2.9"}, {.socket = daemon.socket(), .input = ""});
  CHECK(result.code == 6);
  CHECK(result.err == "sipward: 192.0.2.9 is whitelisted (carrier)\n");
}

TEST_CASE("removing prints every entry that is gone, or that there was none") {
  FakeDaemon daemon({{"BansRemove", [](const json& parameters) -> Result<json> {
                        if (parameters["net"] == "192.0.2.0/24")
                          return json{{"removed", {ban_reply(), ban_reply()}}};
                        if (parameters["net"] == "192.0.2.1") return json{{"removed", json::array()}};
                        return fail(ErrorKind::not_found, "192.0.2.2 is not banned");
                      }}});
  const RunOptions options{.socket = daemon.socket(), .input = ""};
  const auto removed = run({"bans", "remove", "192.0.2.0/24"}, options);
  CHECK(removed.code == 0);
  CHECK(std::count(removed.out.begin(), removed.out.end(), '\n') == 2);
  CHECK(removed.out.starts_with("removed 192.0.2.9 (signature"));
  for (const char* address : {"192.0.2.1", "192.0.2.2"}) {
    const auto none = run({"bans", "remove", address}, options);
    CHECK(none.code == 4);
    CHECK(none.err == fmt::format("sipward: {} is not banned\n", address));
  }
}

TEST_CASE("flush needs --yes without a terminal and asks on one") {
  FakeDaemon daemon({{"BansFlush", reply({{"removed", 1500}})},
                     {"BansList", reply({{"total", 1500}, {"bans", json::array()}})}});
  const RunOptions options{.socket = daemon.socket(), .input = ""};
  const auto unsure = run({"bans", "flush"}, options);
  CHECK(unsure.code == 2);
  CHECK_THAT(unsure.err, ContainsSubstring("--yes"));
  const auto no = run_on_terminal({"bans", "flush"}, {.socket = daemon.socket(), .input = "n\n"});
  CHECK(no.code == 1);
  CHECK_THAT(no.out, ContainsSubstring("of 1,500 bans? [y/N]") && ContainsSubstring("nothing was changed"));
  CHECK(daemon.calls("BansFlush").empty());

  CHECK(run({"bans", "flush", "--yes", "--origin", "auto"}, options).out == "removed 1,500 bans\n");
  CHECK(run_on_terminal({"bans", "flush"}, {.socket = daemon.socket(), .input = "y\n"}).code == 0);
  CHECK(daemon.calls("BansFlush") == std::vector<json>{{{"origin", "auto"}}, {{"origin", ""}}});
}
