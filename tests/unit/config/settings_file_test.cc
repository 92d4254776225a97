// What is accepted, and what each error says.
#include "config/settings_file.h"

#include "support/catch.h"
#include "support/temporary_folder.h"

namespace sipward::config {
namespace {

Settings parsed(std::string_view text) {
  const auto settings = parse_settings(text, "sipward.toml");
  if (!settings) FAIL(settings.error().text);
  return *settings;
}

std::string errors(std::string_view text) {
  const auto settings = parse_settings(text, "sipward.toml");
  REQUIRE_FALSE(settings);
  CHECK(settings.error().kind == ErrorKind::invalid);
  return settings.error().text;
}

bool accepted(std::string_view text) {
  return parse_settings(text, "sipward.toml").has_value();
}

// "[section]\nkey = value\n"
std::string one(std::string_view section, std::string_view key, std::string_view value) {
  return fmt::format("[{}]\n{} = {}\n", section, key, value);
}

}  // namespace

TEST_CASE("both sides of each limit", "[config]") {
  struct Limits {
    std::string section, key;
    std::int64_t min, max;
    std::string with;  // what else the extremes need to agree with
  };
  const std::string long_queue = "[shield]\nqueue_length = 1048576\n";
  const auto limits = GENERATE_COPY(values<Limits>({
      {"shield", "workers", 0, 64, ""},
      {"shield", "first_queue", 0, 65533, "workers = 1\n"},
      {"shield", "queue_length", 64, 1048576, "[guard]\nunknown_burst = 1\n"},
      {"guard", "source_rate", 1, 1000000, ""},
      {"guard", "source_burst", 1, 1000000, ""},
      {"guard", "unknown_rate", 1, 10000000, ""},
      {"guard", "unknown_burst", 1, 1048575, long_queue},
      {"guard", "known_rate", 1, 1000000, ""},
      {"guard", "known_burst", 1, 1000000, ""},
      {"guard", "connection_rate", 1, 1000000, ""},
      {"guard", "connection_burst", 1, 1000000, ""},
      {"guard", "connections_max", 1, 1000000, ""},
      {"guard", "sources_max", 1024, 4194304, ""},
      {"tcp", "connections_max", 1024, 16777216, ""},
      {"tcp", "connections_per_source", 1, 1048576, ""},
      {"tcp", "memory_mib", 8, 65536, ""},
      {"tcp", "message_max", 1024, 65535, ""},
      {"policy", "refuse_ban_after", 1, 1000000, ""},
      {"limits", "memory_mib", 8, 65536, ""},
      {"limits.unknown", "flows", 0, 1000000, "prefix_flows = 0\n"},
      {"limits.unknown", "open", 0, 1000000, "prefix_open = 0\n"},
      {"limits.known", "flows", 0, 1000000, ""},
      {"limits.known", "open", 0, 1000000, ""},
      {"limits.known", "prefix_flows", 0, 1000000, ""},
      {"limits.known", "prefix_open", 0, 1000000, ""},
      {"behaviour", "refused_credentials", 1, 10000, ""},
      {"behaviour", "unknown_targets", 1, 10000, ""},
      {"behaviour", "prefix_offences", 1, 10000, ""},
      {"behaviour", "known_refused_users", 1, 10000, ""},
      {"known", "max", 1024, 4194304, ""},
      {"score", "ban_at", 1, 1000000, ""},
      {"bans", "prefix_offenders", 0, 10000, ""},
      {"bans", "addresses_max", 1024, 16777216, ""},
  }));
  INFO(limits.section << "." << limits.key);
  const auto with = [&](std::int64_t n) {
    return one(limits.section, limits.key, std::to_string(n)) + limits.with;
  };
  CHECK(accepted(with(limits.min)));
  CHECK(accepted(with(limits.max)));
  CHECK_FALSE(accepted(with(limits.min - 1)));
  CHECK_FALSE(accepted(with(limits.max + 1)));
  // 2^32 and 2^64 - 1 must not wrap into the range.
  CHECK_FALSE(accepted(with(limits.min + (std::int64_t{1} << 32))));
  CHECK_FALSE(accepted(one(limits.section, limits.key, "18446744073709551615")));
}

TEST_CASE("both sides of each duration's limits", "[config]") {
  struct Limits {
    std::string section, key, min, below, max, above;
  };
  const auto limits = GENERATE(values<Limits>({
      {"policy", "refuse_window", "1s", "999ms", "24h", "1d1ms"},
      {"score", "half_life", "1m", "59s999ms", "24h", "1d1ms"},
      {"bans", "unverified", "1s", "999ms", "10m", "10m1ms"},
      {"bans", "forgive", "1m", "59s", "3650d", "3650d1ms"},
      {"limits", "drop_all_after", "1s", "999ms", "30s", "30s1ms"},
      {"limits", "ban_after", "10s", "9s", "1d", "1d1ms"},
      {"behaviour", "window", "1s", "999ms", "1d", "1d1ms"},
      {"known", "for", "1m", "59s", "365d", "365d1ms"},
  }));
  const auto accepts = [&](const std::string& text) {
    return accepted(one(limits.section, limits.key, '"' + text + '"'));
  };
  CHECK(accepts(limits.min));
  CHECK_FALSE(accepts(limits.below));
  CHECK(accepts(limits.max));
  CHECK_FALSE(accepts(limits.above));
  CHECK_FALSE(accepts("60"));
  CHECK_FALSE(accepts("1 minute"));
  CHECK_FALSE(accepted(one(limits.section, limits.key, "60")));
}

TEST_CASE("the steps of bans rise", "[config]") {
  const auto steps = [](std::string_view list) { return one("bans", "steps", list); };
  CHECK(parsed(steps("[\"2m\", \"1h\"]")).policy.ban_steps ==
        std::vector<std::chrono::milliseconds>{std::chrono::minutes(2), std::chrono::hours(1)});
  CHECK(accepted(steps("[\"1m\"]")));
  CHECK(accepted(steps("[\"1m\", \"2m\", \"3m\", \"4m\", \"5m\", \"6m\", \"7m\", \"3650d\"]")));
  CHECK(errors(steps("[]")) ==
        "sipward.toml:2:9: error: bans.steps: a list of 0 was found; a list of 1 to 8 durations from 1s to "
        "3650d, each longer than the one before was expected");
  CHECK_FALSE(accepted(steps("[\"1m\", \"2m\", \"3m\", \"4m\", \"5m\", \"6m\", \"7m\", \"8m\", \"9m\"]")));
  CHECK_THAT(errors(steps("[\"1m\", \"3650d1ms\"]")),
             ContainsSubstring("2:16: error: bans.steps: 3650d1ms is"));
  CHECK_THAT(errors(steps("[\"2h\", \"1h\"]")),
             ContainsSubstring("2:16: error: bans.steps: 1h is not longer than the one before"));
  CHECK_THAT(errors(steps("[\"2h\", \"2h\"]")), ContainsSubstring("2h is not longer than the one before"));
  CHECK_THAT(errors(steps("[\"2h\", 3]")), ContainsSubstring("2:16: error: bans.steps: 3 was found"));
  CHECK_THAT(errors(steps("\"2h\"")), ContainsSubstring("the text \"2h\" was found; a list of 1 to 8"));
}

TEST_CASE("rates, and what is wrong in one", "[config]") {
  const auto rate = [](std::string_view value) { return one("limits.unknown", "packets", value); };
  CHECK(parsed(rate("\"20/60s\"")).policy.unknown_allowance.packets ==
        limit::Rate(20, std::chrono::seconds(60), 20));
  CHECK_FALSE(parsed(rate("\"off\"")).policy.unknown_allowance.packets.limited());
  const std::string expected =
      "; a rate (\"10/s\", \"20/60s\", \"10/s burst 20\"; at most 1000/s, a burst of 1 to 100000) or \"off\" "
      "was expected";
  CHECK(errors(rate("\"10\"")) ==
        "sipward.toml:2:11: error: limits.unknown.packets: '10' is no rate" + expected);
  CHECK(errors(rate("\"1001/s\"")) ==
        "sipward.toml:2:11: error: limits.unknown.packets: '1001/s' is more than 1000 per second" + expected);
  CHECK(errors(rate("10")) == "sipward.toml:2:11: error: limits.unknown.packets: 10 was found" + expected);
}

TEST_CASE("a table within a table", "[config]") {
  CHECK(parsed("[limits]\nmemory_mib = 9\n[limits.known]\nopen = 3\n").policy.known_allowance.open.address ==
        3);
  CHECK(parsed("[limits]\nknown = {open = 3}\n").policy.known_allowance.open.address == 3);
  CHECK(parsed("limits.known.open = 3\n").policy.known_allowance.open.address == 3);
  CHECK(errors("[limits]\nknown = 3\n") ==
        "sipward.toml:2:9: error: limits.known: 3 was found; a table was expected");
  CHECK(errors("[limits.unkown]\nopen = 3\n") ==
        "sipward.toml:1:9: error: limits.unkown: no such table; did you mean [limits.unknown]?");
  CHECK(errors("[limits.known]\nopn = 3\n") ==
        "sipward.toml:2:1: error: limits.known.opn: no such key; did you mean limits.known.open?");
  CHECK_THAT(errors("[limits]\nqwertyuiop = 3\n"),
             ContainsSubstring(
                 "no such key; [limits] has memory_mib, budget, reply_budget, drop_all_after, ban_after"));
}

TEST_CASE("ports and nets", "[config]") {
  CHECK(accepted(one("shield", "udp_ports", "[1, 65535]")));
  CHECK(errors(one("shield", "udp_ports", "[5060, 0]")) ==
        "sipward.toml:2:20: error: shield.udp_ports: 0 is no port; a list of ports from 1 to 65535 was "
        "expected");
  CHECK_THAT(errors(one("shield", "tcp_ports", "[65536]")), ContainsSubstring("65536 is no port"));
  CHECK_THAT(
      errors(one("shield", "tcp_ports", "5060")),
      ContainsSubstring("shield.tcp_ports: 5060 was found; a list of ports from 1 to 65535 was expected"));
  CHECK(errors(one("shield", "udp_ports", "[5060, 5061, 5060]")) ==
        "sipward.toml:2:26: error: shield.udp_ports: 5060 is listed twice");
  CHECK_THAT(errors(one("shield", "protected", "[\"192.0.2.7/24\"]")),
             ContainsSubstring("did you mean 192.0.2.0/24?"));
  CHECK_THAT(errors(one("shield", "protected", "[\"example.org\"]")), ContainsSubstring("'example.org'"));
  CHECK_THAT(errors(one("shield", "protected", "[\"::1\", \"0::1\"]")), ContainsSubstring("listed twice"));
}

TEST_CASE("a wrong type says what was found and what was expected", "[config]") {
  CHECK(errors(one("guard", "source_rate", "\"fast\"")) ==
        "sipward.toml:2:15: error: guard.source_rate: the text \"fast\" was found; a whole number from 1 to "
        "1000000 was "
        "expected");
  const auto found = GENERATE(
      values<std::pair<std::string, std::string>>({{"true", "true was found"},
                                                   {"3.5", "the fraction 3.5 was found"},
                                                   {"[1]", "a list was found"},
                                                   {"{a = 1}", "a table was found"},
                                                   {"2026-01-01", "a date was found"},
                                                   {"07:30:00", "a time of day was found"},
                                                   {"2026-01-01T00:00:00Z", "a date and time was found"}}));
  CHECK_THAT(errors(one("guard", "source_rate", found.first)), ContainsSubstring(found.second));
  CHECK_THAT(errors(one("shield", "fail_open", "1")),
             ContainsSubstring("1 was found; true or false was expected"));
  CHECK_THAT(errors(one("shield", "mode", "\"Enforce\"")),
             ContainsSubstring("the text \"Enforce\" was found; \"enforce\" or \"observe\" was expected"));
  // A quoted value cannot break the line or colour the terminal.
  CHECK_THAT(errors(one("shield", "mode", "\"a\\n\\u001b[31m\"")),
             ContainsSubstring(R"(the text "a\u000A\u001B[31m")"));
  CHECK_THAT(errors("shield = 3\n"),
             ContainsSubstring("1:10: error: shield: 3 was found; a table was expected"));
  CHECK_THAT(errors("[[shield]]\n"), ContainsSubstring("a list was found"));
  CHECK_THAT(errors("[methods]\npeer = \"allow\"\n"),
             ContainsSubstring("methods.peer: the text \"allow\" was found; a table of METHOD"));
}

TEST_CASE("paths are absolute, groups are names", "[config]") {
  CHECK_FALSE(accepted(one("paths", "rules", "\"rules\"")));
  CHECK_FALSE(accepted(one("paths", "rules", "\"\"")));
  CHECK_FALSE(accepted(one("paths", "database", "\"/a\\u0000b\"")));
  CHECK(accepted(one("control", "read_group", fmt::format("\"{}\"", std::string(32, 'g')))));
  CHECK_FALSE(accepted(one("control", "read_group", fmt::format("\"{}\"", std::string(33, 'g')))));
  CHECK_FALSE(accepted(one("control", "admin_group", "\"\"")));
  CHECK_FALSE(accepted(one("control", "admin_group", "\"a b\"")));
  CHECK_FALSE(accepted(one("control", "admin_group", "\"a\\nb\"")));
}

TEST_CASE("an unknown name comes with the nearest known one", "[config]") {
  CHECK(errors("[shield]\nudp_port = [5060]\n") ==
        "sipward.toml:2:1: error: shield.udp_port: no such key; did you mean shield.udp_ports?");
  CHECK(errors("[shield]\nsource_rate = 1\n") ==
        "sipward.toml:2:1: error: shield.source_rate: no such key; did you mean guard.source_rate?");
  CHECK(errors("[guard]\nqwertyuiop = 1\n") ==
        "sipward.toml:2:1: error: guard.qwertyuiop: no such key; [guard] has source_rate, source_burst, "
        "unknown_rate, "
        "unknown_burst, known_rate, known_burst, connection_rate, connection_burst, connections_max, "
        "sources_max");
  CHECK(errors("\n  [Sheild]\n") == "sipward.toml:2:4: error: Sheild: no such table; did you mean [shield]?");
  CHECK_THAT(errors("[qwertyuiop]\n"), ContainsSubstring("no such table; there are [shield], [guard]"));
  CHECK_THAT(errors("[methods.pear]\n"),
             ContainsSubstring("methods.pear: no such key; did you mean methods.peer?"));
  CHECK_THAT(
      errors("workers = 3\n"),
      ContainsSubstring("1:1: error: workers: no such key outside of a table; did you mean shield.workers?"));
}

TEST_CASE("methods are tokens, their letter case counts, built-in OPTIONS stays", "[config]") {
  using decide::MethodAction;
  const Settings s =
      parsed("[methods.unknown]\ndefault = \"drop\"\nInvite = \"allow\"\nINVITE = \"refuse\"\n");
  CHECK(s.policy.unknown.action("Invite") == MethodAction::allow);
  CHECK(s.policy.unknown.action("INVITE") == MethodAction::refuse);
  CHECK(s.policy.unknown.action("invite") == MethodAction::drop);
  CHECK(s.policy.unknown.action("OPTIONS") == MethodAction::refuse);
  CHECK(s.policy.peer.action("OPTIONS") == MethodAction::allow);
  CHECK(parsed("[methods.unknown]\nOPTIONS = \"allow\"\n").policy.unknown.action("OPTIONS") ==
        MethodAction::allow);
  CHECK(errors("[methods.peer]\n\"A B\" = \"allow\"\nINVITE = \"block\"\nBYE = true\n") ==
        "sipward.toml:2:1: error: methods.peer: \"A B\" is no SIP method; a token such as OPTIONS was "
        "expected\n"
        "sipward.toml:3:10: error: methods.peer: INVITE: the text \"block\" was found; \"allow\", \"drop\" "
        "or \"refuse\" was expected\n"
        "sipward.toml:4:7: error: methods.peer: BYE: true was found; \"allow\", \"drop\" or \"refuse\" was "
        "expected");
  CHECK(accepted("[methods.peer]\n\"-.!%*_+`'~\" = \"allow\"\n"));
  CHECK_FALSE(accepted("[methods.peer]\n\"\" = \"allow\"\n"));
}

TEST_CASE("values that contradict each other are told by both names", "[config]") {
  CHECK(errors("[shield]\nudp_ports = []\ntcp_ports = []\n") ==
        "sipward.toml:2:13: error: shield.udp_ports and shield.tcp_ports are both empty: there is nothing to "
        "shield");
  CHECK(accepted("[shield]\nudp_ports = []\n"));
  CHECK(accepted("[shield]\ntcp_ports = []\n"));
  CHECK(errors("[shield]\ntls_ports = [5060]\n") ==
        "sipward.toml:2:13: error: port 5060 is in shield.tcp_ports and in shield.tls_ports: either its "
        "content is "
        "read or it is not");
  CHECK(accepted("[shield]\ntcp_ports = [5061]\ntls_ports = [5060]\nws_ports = [5060]\n"));

  CHECK(accepted("[shield]\nfirst_queue = 65524\nworkers = 10\n"));
  CHECK_THAT(errors("[shield]\nfirst_queue = 65525\nworkers = 10\n"),
             ContainsSubstring("2:15: error: shield.first_queue 65525 and shield.workers 10 do not fit") &&
                 ContainsSubstring("at most 65524"));
  CHECK(accepted("[shield]\nfirst_queue = 65470\n"));
  CHECK_THAT(errors("[shield]\nfirst_queue = 65471\n"), ContainsSubstring("shield.workers 0 (up to 64)"));

  CHECK(accepted("[guard]\nunknown_burst = 8191\n"));
  CHECK_THAT(
      errors("[guard]\nunknown_burst = 8192\n"),
      ContainsSubstring("2:17: error: guard.unknown_burst 8192 must be less than shield.queue_length 8192"));
  CHECK_THAT(
      errors("[shield]\nqueue_length = 1000\n"),
      ContainsSubstring("2:16: error: guard.unknown_burst 1000 must be less than shield.queue_length 1000"));

  CHECK(accepted("[bans]\nunverified = \"5m\"\nsteps = [\"5m\"]\n"));
  CHECK_THAT(errors("[bans]\nunverified = \"5m1s\"\nsteps = [\"5m\", \"1h\"]\n"),
             ContainsSubstring("bans.unverified 5m1s is longer than the first of bans.steps, 5m"));

  CHECK(accepted("[limits]\ndrop_all_after = \"30s\"\n"));
  CHECK_THAT(errors("[limits]\ndrop_all_after = \"31s\"\n"),
             ContainsSubstring("2:18: error: limits.drop_all_after 31s is longer than limits.ban_after 30s"));
}

TEST_CASE("no prefix has less than one address in it", "[config]") {
  const auto of = [](const std::string& table, const std::string& key, const std::string& address,
                     const std::string& prefix) {
    return fmt::format("[limits.{}]\n{} = {}\nprefix_{} = {}\n", table, key, address, key, prefix);
  };
  for (const char* table : {"unknown", "known"}) {
    for (const char* key : {"requests", "sustained", "register", "invite", "other", "not_sip"}) {
      INFO(table << "." << key);
      CHECK(accepted(of(table, key, "\"10/s burst 20\"", "\"10/s burst 20\"")));
      CHECK(accepted(of(table, key, "\"10/s burst 20\"", "\"off\"")));
      CHECK(accepted(of(table, key, "\"off\"", "\"off\"")));
      CHECK(accepted(of(table, key, "\"off\"", "\"10/s\"")));
      CHECK_FALSE(accepted(of(table, key, "\"10/s burst 20\"", "\"10/s burst 19\"")));
      CHECK(
          errors(of(table, key, "\"10/s burst 20\"", "\"9/s burst 20\"")) ==
          fmt::format("sipward.toml:2:{}: error: limits.{}.prefix_{} 9/s burst 20 is below limits.{}.{} 10/s "
                      "burst 20: one address alone would be stopped by what all of its prefix may do",
                      std::string_view(key).size() + 4, table, key, table, key));
    }
    for (const char* key : {"flows", "open"}) {
      INFO(table << "." << key);
      CHECK(accepted(of(table, key, "5", "5")));
      CHECK(accepted(of(table, key, "5", "0")));
      CHECK(accepted(of(table, key, "0", "5")));
      CHECK_THAT(errors(of(table, key, "5", "4")),
                 ContainsSubstring(
                     fmt::format("limits.{}.prefix_{} 4 is below limits.{}.{} 5", table, key, table, key)));
    }
  }
}

TEST_CASE("a wrong value is not blamed for a contradiction as well", "[config]") {
  CHECK(errors("[guard]\nunknown_burst = 9000\n[shield]\nqueue_length = \"long\"\n") ==
        "sipward.toml:4:16: error: shield.queue_length: the text \"long\" was found; a whole number from 64 "
        "to 1048576 was "
        "expected");
}

TEST_CASE("all errors are told, in the order of the file", "[config]") {
  CHECK(errors("[shield]\nworkers = 65\nudp_ports = [0, 0]\n[log]\nlevel = 1\n[guard]\nsource_rat = 1\n") ==
        "sipward.toml:2:11: error: shield.workers: 65 is out of range; a whole number from 0 to 64 was "
        "expected\n"
        "sipward.toml:3:14: error: shield.udp_ports: 0 is no port; a list of ports from 1 to 65535 was "
        "expected\n"
        "sipward.toml:3:17: error: shield.udp_ports: 0 is no port; a list of ports from 1 to 65535 was "
        "expected\n"
        "sipward.toml:5:9: error: log.level: 1 was found; \"error\", \"warning\", \"info\" or \"debug\" was "
        "expected\n"
        "sipward.toml:7:1: error: guard.source_rat: no such key; did you mean guard.source_rate?");
}

TEST_CASE("broken TOML is told with its position", "[config]") {
  CHECK_THAT(errors("[shield]\nworkers = \n"),
             ContainsSubstring("sipward.toml:2:") && ContainsSubstring(": error: "));
  CHECK_THAT(errors("[shield]\nworkers = 1\nworkers = 2\n"),
             ContainsSubstring("sipward.toml:3:") && ContainsSubstring("workers"));
  CHECK_THAT(errors("[shield]\n# \xff\xfe\n"), ContainsSubstring("sipward.toml:2:"));
  // A nesting bomb is an error, not a stack overflow.
  CHECK_FALSE(accepted("a = " + std::string(100000, '[')));
  for (const char* text : {"[shield", "[shield]\nworkers = 1 2", "= 3", "\"", "[shield]\nmode = \"enforce"})
    CHECK(errors(text).find('\n') == std::string::npos);
}

TEST_CASE("what an error quotes breaks no line and reaches no terminal", "[config]") {
  for (const char* text :
       {"[shield]\nunknow1= n\n [nets]\n", "\"a\\nb\" = 1\n", "[shield]\nmode = \"o\\nn\"\n"})
    CHECK(errors(text).find('\n') == std::string::npos);
  CHECK_THAT(errors("\"\\u001b[2J\" = 1\n"), ContainsSubstring("\\x1b[2J"));
}

TEST_CASE("a file is read from its path", "[config]") {
  const test::TemporaryFolder folder;
  test::write(folder / "a.toml", "[shield]\nworkers = 3\n");
  CHECK(load_settings(folder / "a.toml")->shield.workers == 3);
  test::write(folder / "b.toml", "[shield]\nworkers = -1\n");
  CHECK_THAT(
      load_settings(folder / "b.toml").error().text,
      ContainsSubstring((folder / "b.toml").string() + ":2:11: error: shield.workers: -1 is out of range"));
  const auto missing = load_settings(folder / "c.toml");
  REQUIRE_FALSE(missing);
  CHECK(missing.error().kind == ErrorKind::not_found);
  CHECK_THAT(missing.error().text, ContainsSubstring("c.toml"));
}

}  // namespace sipward::config
