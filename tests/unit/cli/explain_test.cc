#include "cli_run.h"
#include "replies.h"

using namespace sipward;
using namespace sipward::test;

namespace {

// Line by line, ignoring how long ago things were.
std::string explained(const json& answer, std::vector<std::string> more = {}) {
  FakeDaemon daemon({{"Explain", reply(answer)}});
  std::vector<std::string> args{"explain", "192.0.2.9"};
  args.insert(args.end(), more.begin(), more.end());
  const auto result = run(args, {.socket = daemon.socket(), .input = ""});
  CHECK(result.code == 0);
  CHECK(result.err.empty());
  return result.out;
}

}  // namespace

TEST_CASE("explain traces the decision in its order") {
  const std::string text = explained(explain_reply());
  std::size_t at = 0;
  for (const char* expected :
       {"address     192.0.2.9, unknown\n", "whitelist   not in it\n", "ban         banned, 59m 12s left\n",
        "192.0.2.9: signature, rule friendly-scanner, by auto:friendly-scanner, ",
        "the source is not verified", "4,321 packets dropped in the kernel\n", "evidence    ",
        "ban, rule friendly-scanner, signature; udp from port 5071 to 203.0.113.1:5060",
        "            | OPTIONS sip:100@203.0.113.1 SIP/2.0\n",
        "            | User-Agent: my [[friendly-scanner]] 1\n",
        "counters    12 read, 2 passed, 10 dropped (last: signature)", "history     banned ", "expired",
        "a new OPTIONS would be: dropped (banned), dropped in the kernel: the source is banned\n",
        "to let it in: sipward whitelist add 192.0.2.9\n"}) {
    INFO(expected << "\nin\n" << text);
    const auto found = text.find(expected, at);
    REQUIRE(found != std::string::npos);
    at = found;
  }
}

TEST_CASE("an address nobody has heard of is explained too") {
  const auto text = explained({{"address", "192.0.2.9"},
                               {"class", "unknown"},
                               {"whitelist", json::array()},
                               {"ban", nullptr},
                               {"evidence", json::array()},
                               {"counters", nullptr},
                               {"history", json::array()},
                               {"new_options", {{"verdict", "drop"}, {"reason", "method"}, {"text", ""}}},
                               {"advice", json::array()}});
  for (const char* expected : {"not in it", "not banned", "none kept", "no packet of it was read",
                               "never banned before", "would be: dropped (method)\n"})
    CHECK_THAT(text, ContainsSubstring(expected));
}

TEST_CASE("evidence tells what was only observed, what else is known, and what scores add up to") {
  auto answer = explain_reply();
  answer["evidence"][0].update({{"observed", true},
                                {"reason", "score"},
                                {"action", "score"},
                                {"rule", "sipsak"},
                                {"detail", "score 40 (bans at 100): sipsak 40"}});
  answer["counters"].update({{"score", 40},
                             {"score_with_observed", 55},
                             {"score_ban_at", 100},
                             {"score_rules", json::array({"sipsak 40", "call-id-digits 15 (observed)"})}});
  const auto text = explained(answer);
  CHECK_THAT(text, ContainsSubstring(": only observed: score, rule sipsak, score; udp from port 5071"));
  CHECK_THAT(text, ContainsSubstring("            score 40 (bans at 100): sipsak 40\n"));
  CHECK_THAT(text, ContainsSubstring("score       40 of 100: sipsak 40, call-id-digits 15 (observed)\n"));
  CHECK(explained(explain_reply()).find("score  ") == std::string::npos);
}

TEST_CASE("evidence without a rule tells the reason alone") {
  auto answer = explain_reply();
  answer["evidence"][0].update({{"reason", "method"}, {"action", ""}, {"rule", ""}});
  CHECK_THAT(explained(answer), ContainsSubstring(": method; udp from port 5071"));
}

TEST_CASE("known: since when, by what, for how long") {
  auto answer = explain_reply();
  answer["class"] = "known";
  answer["known"] = {{"address", "192.0.2.9"},
                     {"since", "2000-01-01T00:00:00.000Z"},
                     {"until", "2999-01-01T00:00:00.000Z"},
                     {"how", "register"}};
  const auto text = explained(answer);
  CHECK_THAT(text, ContainsSubstring("address     192.0.2.9, known\n"));
  CHECK_THAT(text, ContainsSubstring("known       since ") && ContainsSubstring(" by register, "));
}

TEST_CASE("whitelisted: the entries that cover it, the narrowest first") {
  auto answer = explain_reply();
  answer["whitelist"] = json::array({entry_reply()});
  CHECK_THAT(explained(answer),
             ContainsSubstring("whitelist   198.51.100.0/24 as trusted, for ever, by cli:root, added "));
}

TEST_CASE("nothing from a packet reaches the terminal as a command") {
  const std::string hostile = std::string(
                                  "INVITE \x1b]0;owned\x07\x1b[2J\r\nX: \xc2\x9b"
                                  "31m\x7f\t\xff\xfe\xe2\x80\xae"
                                  "abc\rOVERWRITE\r\nUser-Agent: evil\x1b[8m\r\n") +
                              '\0' + "\x0e";
  auto answer = explain_reply();
  auto& evidence = answer["evidence"][0];
  evidence.update({{"excerpt", hostile}, {"value", "evil\x1b[8m"}, {"match_begin", 0}, {"match_end", 8}});
  for (const char* key : {"reason", "rule", "action", "transport", "destination", "time"})
    evidence[key] = hostile;
  for (const char* key : {"reason", "rule", "origin", "net", "created"}) answer["ban"][key] = hostile;
  answer["ban"].update({{"left_ms", nullptr}, {"expires", hostile}});
  answer["history"][0].update(
      {{"reason", hostile}, {"rule", hostile}, {"end", hostile}, {"created", hostile}, {"ended", hostile}});
  answer["counters"].update({{"reason", hostile}, {"first_seen", hostile}, {"last_seen", hostile}});
  answer["new_options"] = {{"verdict", hostile}, {"reason", hostile}, {"text", hostile}};
  answer["advice"] = json::array({hostile});
  answer["address"] = hostile;
  answer["class"] = hostile;
  json entry;
  for (const char* key : {"net", "class", "comment", "expires", "created", "origin"}) entry[key] = hostile;
  answer["whitelist"] = json::array({entry});
  const std::string text = explained(answer);
  CHECK_FALSE(has_control_characters(text));
  CHECK_THAT(text, ContainsSubstring("\n            | INVITE \\x1b]0;owned\\x07\\x1b[2J\n"));
  CHECK_THAT(text, ContainsSubstring("\\x9b31m\\x7f\\t") && ContainsSubstring("\\u{202e}abc\\rOVERWRITE"));
  CHECK_THAT(text, ContainsSubstring("User-Agent: [[evil\\x1b[8m]]"));
  CHECK_FALSE(has_control_characters(explained(answer, {"-o", "json"})));
}

TEST_CASE("wherever the match lies, it is marked within the text that there is") {
  struct Case {
    const char* value;
    int begin;
    int end;
    const char* expected;
  };
  for (const Case& c : {Case{"my friendly-scanner 1", 0, 2, "User-Agent: [[my]] friendly"},
                        Case{"my friendly-scanner 1", 20, 21, "scanner [[1]]\n"},
                        Case{"my friendly-scanner 1", 20, 5000, "scanner [[1]]\n"},
                        Case{"my friendly-scanner 1", 21, 30, "| User-Agent: my friendly-scanner 1\n"},
                        Case{"my friendly-scanner 1", 9, 3, "| User-Agent: my friendly-scanner 1\n"},
                        Case{"my friendly-scanner 1", -5, 2, "User-Agent: [[my]]"},
                        Case{"elsewhere", 0, 4, "            matched: [[else]]where\n"},
                        Case{"", 0, 0, "| User-Agent: my friendly-scanner 1\n"},
                        Case{"SIP/2.0\r\nUser", 0, 13, "[[SIP/2.0]]\n            | [[User]]-Agent"}}) {
    INFO(c.value << " " << c.begin << " " << c.end);
    auto answer = explain_reply();
    answer["evidence"][0].update({{"value", c.value}, {"match_begin", c.begin}, {"match_end", c.end}});
    CHECK_THAT(explained(answer), ContainsSubstring(c.expected));
  }
}

TEST_CASE("the match is coloured on a terminal and in brackets without colour") {
  const std::string text = explained(explain_reply(), {"--color", "always"});
  CHECK_THAT(text, ContainsSubstring("my \x1b[1;31mfriendly-scanner\x1b[0m 1"));
  CHECK(text.find("[[") == std::string::npos);
}

TEST_CASE("an OPTIONS that passes, and a ban that the kernel does not hold, are said") {
  auto answer = explain_reply();
  answer["new_options"] = {{"verdict", "pass"}, {"reason", "request"}, {"text", ""}};
  CHECK(explained(answer).find("the kernel's set does not hold it") == std::string::npos);
  answer["ban"]["in_kernel"] = false;
  CHECK_THAT(explained(answer), ContainsSubstring("a new OPTIONS would be: let through (request)\n"));
  CHECK_THAT(explained(answer), ContainsSubstring("the kernel's set does not hold it yet\n"));
}

TEST_CASE("a long excerpt is cut after twelve lines") {
  auto answer = explain_reply();
  std::string excerpt;
  for (int i = 1; i <= 13; ++i) excerpt += fmt::format("line-{:02}\r\n", i);
  answer["evidence"][0]["excerpt"] = excerpt;
  const auto text = explained(answer);
  CHECK_THAT(text, ContainsSubstring("| line-12\n"));
  CHECK(text.find("line-13") == std::string::npos);
}
