// sipward rules and reload, against canned replies; rules test, without any.
#include "cli_run.h"
#include "replies.h"
#include "support/temporary_folder.h"

namespace sipward::test {
namespace {

constexpr const char* kRuleFile = R"toml(
[[rule]]
id = "scanner"
description = "A scanner"
scope = "user-agent"
match = "prefix"
pattern = "friendly-"
action = "ban"
source = "a test"
added = 2026-11-23
catches = ["friendly-scanner", "Friendly-Scanner"]
passes = ["Friendly Phone"]

[[rule]]
id = "options-of-nobody"
description = "Two conditions"
conditions = [
  { scope = "method", match = "exact", pattern = "OPTIONS" },
  { scope = "from-user", match = "exact", pattern = "nobody" },
]
action = "drop"
source = "a test"
added = 2026-11-23
catches = ["OPTIONS"]
passes = ["INVITE"]
)toml";

constexpr const char* kScan =
    "OPTIONS sip:100@192.0.2.1 SIP/2.0\nVia: SIP/2.0/UDP 192.0.2.9;branch=z9hG4bK1\n"
    "From: <sip:nobody@192.0.2.1>;tag=1\nTo: <sip:100@192.0.2.1>\nCall-ID: 1\nCSeq: 1 OPTIONS\n"
    "User-Agent: Friendly-\x1b[2Jscanner\n\n";

std::string with(std::string text, const std::string& from, const std::string& to) {
  const auto at = text.find(from);
  REQUIRE(at != std::string::npos);
  return text.replace(at, from.size(), to);
}

json rule_row(const std::string& id, const std::string& state, json override, json last_hit) {
  return {{"id", id},
          {"state", state},
          {"override", std::move(override)},
          {"action", "score"},
          {"weight", 20},
          {"scope", "user-agent"},
          {"match", "contains"},
          {"pattern", "^\x1b[2J"},
          {"hits", last_hit.is_null() ? 0 : 1234},
          {"last_hit", std::move(last_hit)},
          {"file", "/usr/share/sipward/rules/" + id + ".toml"},
          {"line", 7}};
}

json said_by_alice(const char* state) {
  return {{"rule", "loud"},
          {"state", state},
          {"comment", "our own \x1b dialer"},
          {"created", nullptr},
          {"origin", "cli:alice"}};
}

json list_reply() {
  return {{"rules",
           {rule_row("loud", "observe", said_by_alice("observe"), "2999-01-01T00:00:00.000Z"),
            rule_row("old", "enforce", nullptr, "2020-01-01T00:00:00.000Z"),
            rule_row("quiet", "disabled", said_by_alice("disabled"), nullptr)}},
          {"without_rule", {{{"rule", "gone"}, {"state", "observe"}, {"origin", "cli:bob"}}}},
          {"since", "2020-01-01T00:00:00.000Z"}};
}

std::vector<std::string> ids(const RunResult& result) {
  const json reply = json::parse(result.out);
  std::vector<std::string> found;
  for (const json& rule : reply["rules"]) found.push_back(rule["id"]);
  return found;
}

}  // namespace

TEST_CASE("rules are listed with their state, who set it, and their hits") {
  FakeDaemon daemon({{"RulesList", reply(list_reply())}});
  const auto result = run({"rules", "list"}, {.socket = daemon.socket(), .input = ""});
  CHECK(result.code == 0);
  for (const char* expected : {"loud   observe   cli:alice  score 20", "old    enforce   file ", "disabled",
                               "1,234", "ago", "never", "^\\x1b[2J"})
    CHECK_THAT(result.out, ContainsSubstring(expected));
  CHECK_FALSE(has_control_characters(result.out));
  CHECK(result.err == "gone: observe by cli:bob, but no such rule is loaded; sipward rules reset gone\n");
}

TEST_CASE("status tells of rules that are observed or disabled") {
  json status = status_reply();
  status["rules"].update({{"score", 5}, {"observe", 2}, {"disabled", 1}});
  FakeDaemon daemon({{"Status", reply(status)}});
  CHECK_THAT(run({"status"}, {.socket = daemon.socket(), .input = ""}).out,
             ContainsSubstring("57 (30 ban, 10 drop, 5 score, 7 log, 2 of them observed, 1 more disabled)"));
}

TEST_CASE("a rule that is not counted is said to be so, and is not called cold") {
  json list = list_reply();
  list["rules"][2]["hits"] = nullptr;
  FakeDaemon daemon({{"RulesList", reply(list)}, {"RulesShow", reply({{"rule", list["rules"][2]}})}});
  const RunOptions options{.socket = daemon.socket(), .input = ""};
  CHECK_THAT(run({"rules", "list"}, options).out, ContainsSubstring(" -  not counted"));
  CHECK_THAT(run({"rules", "show", "quiet"}, options).out, ContainsSubstring("not counted"));
  CHECK(ids(run({"rules", "list", "--cold", "30d", "-o", "json"}, options)) ==
        std::vector<std::string>{"old"});
}

TEST_CASE("cold rules are those without a hit for so long") {
  FakeDaemon daemon({{"RulesList", reply(list_reply())}});
  const RunOptions options{.socket = daemon.socket(), .input = ""};
  CHECK(ids(run({"rules", "list", "--cold", "30d", "-o", "json"}, options)) ==
        std::vector<std::string>{"old", "quiet"});
  CHECK(ids(run({"rules", "list", "--cold", "520w", "-o", "json"}, options)) ==
        std::vector<std::string>{"quiet"});
  CHECK(ids(run({"rules", "list", "--file", "old.toml", "-o", "json"}, options)) ==
        std::vector<std::string>{"old"});
  CHECK(ids(run({"rules", "list", "--file", "/usr/share/sipward/rules/loud.toml", "-o", "json"}, options)) ==
        std::vector<std::string>{"loud"});
  CHECK_THAT(run({"rules", "list", "--cold", "520w"}, options).err,
             ContainsSubstring("hits are counted since") && ContainsSubstring("earlier ones are not known"));
  CHECK(run({"rules", "list", "--cold", "30d"}, options).err.find("are not known") == std::string::npos);
  const auto none = run({"rules", "list", "--file", "none"}, options);
  CHECK(none.code == 0);
  CHECK_THAT(none.err, ContainsSubstring("no rule is like that"));
  CHECK(run({"rules", "list", "--cold", "soon"}, options).code == 2);
}

TEST_CASE("a rule is shown with its conditions and samples") {
  json rule = rule_row("loud", "observe", said_by_alice("observe"), "2020-01-01T00:00:00.000Z");
  rule.update({{"all_conditions",
                {{{"scope", "method"}, {"match", "exact"}, {"pattern", "INFO"}, {"case_sensitive", true}}}},
               {"catches", {"one\r\n"}},
               {"passes", {"two"}}});
  FakeDaemon daemon({{"RulesShow", reply({{"rule", rule}, {"since", "2020-01-01T00:00:00.000Z"}})}});
  const auto result = run({"rules", "show", "loud"}, {.socket = daemon.socket(), .input = ""});
  CHECK(result.code == 0);
  for (const char* expected :
       {"observe, by cli:alice", "our own \\x1b dialer", "method exact INFO (letter case", "loud.toml:7",
        "    one\\r\\n\n", "    two\n", "score 20"})
    CHECK_THAT(result.out, ContainsSubstring(expected));
  CHECK_FALSE(has_control_characters(result.out));
}

TEST_CASE("what is said about a rule goes to the daemon, and what it is now is told") {
  const json now = rule_row("loud", "disabled", said_by_alice("disabled"), nullptr);
  FakeDaemon daemon({{"RulesOverride", reply({{"rule", now}, {"changed", true}, {"waiting", json::array()}})},
                     {"RulesReset", [](const json& parameters) -> Result<json> {
                        if (parameters["id"] == "gone")
                          return json{{"rule", nullptr}, {"changed", true}, {"waiting", json::array()}};
                        const bool changed = parameters.value("only", "").empty();
                        return json{{"rule", rule_row("loud", "enforce", nullptr, nullptr)},
                                    {"changed", changed},
                                    {"waiting", json::array()}};
                      }}});
  const RunOptions options{.socket = daemon.socket(), .input = ""};
  const auto disabled = run({"rules", "disable", "loud", "--comment", "why"}, options);
  CHECK(disabled.code == 0);
  CHECK_THAT(disabled.out, ContainsSubstring("loud: disabled, by cli:alice"));
  CHECK(run({"rules", "observe", "loud"}, options).code == 0);
  CHECK(run({"rules", "enforce", "loud"}, options).code == 0);
  CHECK(daemon.calls("RulesOverride") ==
        std::vector<json>{{{"id", "loud"}, {"state", "disabled"}, {"comment", "why"}},
                          {{"id", "loud"}, {"state", "observe"}, {"comment", ""}},
                          {{"id", "loud"}, {"state", "enforce"}, {"comment", ""}}});
  CHECK(run({"rules", "enable", "loud"}, options).out ==
        "loud was not disabled: enforce, as its file says\n");
  CHECK(run({"rules", "reset", "loud"}, options).out == "loud: enforce, as its file says\n");
  CHECK_THAT(run({"rules", "reset", "gone"}, options).out, ContainsSubstring("no such rule is loaded"));
  CHECK(daemon.calls("RulesReset") ==
        std::vector<json>{{{"id", "loud"}, {"only", "disabled"}}, {{"id", "loud"}}, {{"id", "gone"}}});
  CHECK(run({"rules", "disable"}, options).code == 2);
  CHECK(run({"rules", "disable", "loud", "--comment", "a\nb"}, options).code == 2);
}

TEST_CASE("a worker that has not taken the new rules is a failure that is told") {
  FakeDaemon daemon({{"Reload", reply({{"rules", 50}, {"waiting", {5061}}})}});
  const auto result = run({"reload"}, {.socket = daemon.socket(), .input = ""});
  CHECK(result.code == 1);
  CHECK_THAT(result.err, ContainsSubstring("queue 5061"));
}

TEST_CASE("a reload tells what changed, and what needs a restart") {
  FakeDaemon daemon({{"Reload", reply({{"rules", 1050},
                                       {"directory", "/etc/r"},
                                       {"applied", {"policy.not_sip"}},
                                       {"needs_restart", {"shield.workers"}},
                                       {"waiting", json::array()},
                                       {"took_ms", 17}})}});
  const auto result = run({"reload"}, {.socket = daemon.socket(), .input = ""});
  CHECK(result.code == 0);
  CHECK(result.out == "reloaded 1,050 rules from /etc/r in 17 ms\nchanged: policy.not_sip\n");
  CHECK(result.err == "changed in the file, but needs a restart: shield.workers\n");
}

TEST_CASE("each mistake that stops a reload is a line") {
  FakeDaemon daemon(
      {{"Reload", error(ErrorKind::invalid, "a.toml:1:2: error: x\nb.toml:3:4: error: \x1b y")}});
  const auto result = run({"reload"}, {.socket = daemon.socket(), .input = ""});
  CHECK(result.code == 2);
  CHECK(result.err == "sipward: a.toml:1:2: error: x\nsipward: b.toml:3:4: error: \\x1b y\n");
}

TEST_CASE("a rule file's samples are run without a daemon") {
  const TemporaryFolder folder;
  const std::string file = folder / "rules.toml";
  write(file, kRuleFile);
  for (const std::string& path : {file, folder.path().string()}) {
    const auto good = run({"rules", "test", path});
    CHECK(good.code == 0);
    CHECK(good.out == "2 rules, 5 samples, 0 failed\n");
  }
  write(file,
        with(with(kRuleFile, "\"Friendly-Scanner\"", "\"unfriendly\""), "Friendly Phone", "friendly-phone"));
  const auto bad = run({"rules", "test", file});
  CHECK(bad.code == 1);
  CHECK(bad.out == fmt::format("{0}:2: error: scanner: \"unfriendly\" is in catches and is not hit\n"
                               "{0}:2: error: scanner: \"friendly-phone\" is in passes and is hit\n"
                               "2 rules, 5 samples, 2 failed\n",
                               file));
  const auto as_json = json::parse(run({"rules", "test", file, "-o", "json"}).out);
  CHECK(as_json["failures"].size() == 2);
  CHECK(as_json["failures"][0]["line"] == 2);
}

TEST_CASE("a rule file with mistakes is told line by line") {
  const TemporaryFolder folder;
  const std::string file = folder / "rules.toml";
  write(file, with(with(kRuleFile, "\"prefix\"", "\"prefx\""), "\"exact\"", "\"exat\""));
  const auto result = run({"rules", "test", file});
  CHECK(result.code == 2);
  CHECK(result.out.empty());
  CHECK_THAT(result.err, ContainsSubstring("sipward: " + file + ":6:9: error: ") &&
                             ContainsSubstring("\nsipward: " + file + ":18:"));
  CHECK(run({"rules", "test", folder / "none.toml"}).code == 2);
  CHECK(run({"rules", "test"}).code == 2);
}

TEST_CASE("a message is shown with the rules that hit it, and where") {
  const TemporaryFolder folder;
  const std::string file = folder / "rules.toml";
  write(file, kRuleFile);
  write(folder / "scan.sip", kScan);
  for (const auto& [path, input] :
       {std::pair<std::string, std::string>{folder / "scan.sip", ""}, {"-", kScan}}) {
    const auto hit = run({"rules", "test", file, "--message", path}, {.socket = "", .input = input});
    CHECK(hit.code == 0);
    CHECK_THAT(hit.out, ContainsSubstring("scanner (ban) in user-agent\n") &&
                            ContainsSubstring("[[Friendly-]]\\x1b[2Jscanner\n") &&
                            ContainsSubstring("options-of-nobody (drop) in method\n") &&
                            ContainsSubstring("[[OPTIONS]]\n"));
    CHECK_FALSE(has_control_characters(hit.out));
  }
  const std::string harmless = with(with(kScan, "Friendly-", "Phone "), "nobody", "somebody");
  const auto none = run({"rules", "test", file, "--message", "-"}, {.socket = "", .input = harmless});
  CHECK(none.code == 4);
  CHECK(none.err == "none of 2 rules hits it\n");
  const auto response =
      run({"rules", "test", file, "--message", "-"}, {.socket = "", .input = "SIP/2.0 200 OK\r\n\r\n"});
  CHECK(response.code == 4);
  CHECK_THAT(response.err, ContainsSubstring("in requests alone"));
  CHECK(run({"rules", "test", file, "--message", folder / "none"}).code == 2);
}

}  // namespace sipward::test
