// What each row of the table does, and that everything that speaks of it agrees.
#include "config/settings_table.h"

#include <set>

#include "config/settings_file.h"
#include "support/catch.h"
#include "support/temporary_folder.h"

namespace sipward::config {
namespace {

using namespace std::chrono_literals;

// Nothing in it is a default.
constexpr std::string_view kEveryKeyChanged = R"toml(
[shield]
mode = "observe"
udp_ports = [5060, 5080]
tcp_ports = []
tls_ports = [5062]
ws_ports = [8080, 8443]
protected = ["192.0.2.10", "2001:db8::/32"]
workers = 7
first_queue = 100
queue_length = 1024
fail_open = false
on_stop = "remove"
[guard]
source_rate = 1
source_burst = 2
unknown_rate = 3
unknown_burst = 4
known_rate = 9
known_burst = 10
connection_rate = 5
connection_burst = 6
connections_max = 7
sources_max = 2048
[tcp]
connections_max = 2000
connections_per_source = 20
memory_mib = 9
message_max = 4000
[policy]
unknown = "drop"
not_sip = "pass"
malformed = "drop"
refuse_ban_after = 5
refuse_window = "1h30m"
[methods.unknown]
default = "refuse"
OPTIONS = "allow"
"X'Y" = "drop"
[methods.known]
default = "drop"
[methods.peer]
default = "drop"
INVITE = "allow"
[limits]
memory_mib = 8
budget = "off"
reply_budget = "3/s burst 4"
drop_all_after = "1s"
ban_after = "2s"
[limits.unknown]
requests = "1/s"
sustained = "2/s"
register = "3/s"
invite = "4/s"
other = "5/s"
not_sip = "6/s"
packets = "7/s"
prefix_requests = "8/s"
prefix_sustained = "9/s"
prefix_register = "10/s"
prefix_invite = "11/s"
prefix_other = "12/s"
prefix_not_sip = "13/s"
flows = 14
prefix_flows = 15
open = 16
prefix_open = 17
[limits.known]
requests = "18/s"
sustained = "19/s"
register = "20/s"
invite = "21/s"
other = "22/s"
not_sip = "23/s"
packets = "24/s"
prefix_requests = "25/s"
prefix_sustained = "26/s"
prefix_register = "27/s"
prefix_invite = "28/s"
prefix_other = "29/s"
prefix_not_sip = "30/s"
flows = 31
prefix_flows = 32
open = 33
prefix_open = 34
[behaviour]
refused_credentials = 35
unknown_targets = 36
prefix_offences = 37
window = "38s"
known_refused_users = 39
[known]
for = "40m"
max = 4100
[score]
ban_at = 250
half_life = "45m"
[bans]
unverified = "500s"
steps = ["9m", "2w"]
forgive = "1h"
prefix_offenders = 0
addresses_max = 5000
[paths]
rules = "/r \"q\" \\ ü"
database = "/d"
runtime = "/t"
[control]
read_group = "voip"
admin_group = "Voip_Admins.1"
[log]
level = "debug"
)toml";

Settings parsed(std::string_view text) {
  const auto settings = parse_settings(text, "sipward.toml");
  if (!settings) FAIL(settings.error().text);
  return *settings;
}

std::string source_file(const char* path) {
  return test::content(std::filesystem::path(SIPWARD_SOURCE_DIR) / path);
}

// The lines of a table as printed: {"default = \"allow\"", ...}.
std::vector<std::string> lines_of(std::string_view text) {
  std::vector<std::string> lines;
  while (!text.empty()) {
    const auto end = text.find('\n');
    lines.emplace_back(text.substr(0, end));
    text.remove_prefix(end == std::string_view::npos ? text.size() : end + 1);
  }
  return lines;
}

}  // namespace

TEST_CASE("an empty file means the defaults", "[config]") {
  CHECK(print_settings(parsed("")) == print_settings(Settings{}));
  CHECK(print_settings(parsed("# only a comment\n[shield]\n")) == print_settings(Settings{}));
}

TEST_CASE("every key sets its member", "[config]") {
  const Settings s = parsed(kEveryKeyChanged);
  CHECK(s.shield.mode == Mode::observe);
  CHECK(s.shield.udp_ports == std::vector<std::uint16_t>{5060, 5080});
  CHECK(s.shield.tcp_ports.empty());
  CHECK(s.shield.tls_ports == std::vector<std::uint16_t>{5062});
  CHECK(s.shield.ws_ports == std::vector<std::uint16_t>{8080, 8443});
  CHECK(s.shield.protected_nets ==
        std::vector{Prefix::parse("192.0.2.10").value(), Prefix::parse("2001:db8::/32").value()});
  CHECK(s.shield.workers == 7);
  CHECK(s.shield.first_queue == 100);
  CHECK(s.shield.queue_length == 1024);
  CHECK_FALSE(s.shield.fail_open);
  CHECK(s.shield.on_stop == OnStop::remove);
  CHECK(s.tcp.connections_max == 2000);
  CHECK(s.tcp.connections_per_source == 20);
  CHECK(s.tcp.memory_mib == 9);
  CHECK(s.tcp.message_max == 4000);
  CHECK(s.guard.source_rate_per_s == 1);
  CHECK(s.guard.source_burst == 2);
  CHECK(s.guard.unknown_rate_per_s == 3);
  CHECK(s.guard.unknown_burst == 4);
  CHECK(s.guard.known_rate_per_s == 9);
  CHECK(s.guard.known_burst == 10);
  CHECK(s.guard.connection_rate_per_s == 5);
  CHECK(s.guard.connection_burst == 6);
  CHECK(s.guard.connections_max == 7);
  CHECK(s.guard.sources_max == 2048);
  CHECK_FALSE(s.policy.serve_unknown);
  CHECK_FALSE(s.policy.drop_not_sip);
  CHECK(s.policy.drop_malformed);
  CHECK(s.policy.refuse_ban_after == 5);
  CHECK(s.policy.refuse_window == 90min);
  CHECK(s.policy.unknown.otherwise == decide::MethodAction::refuse);
  CHECK(s.policy.unknown.by_method ==
        decltype(s.policy.unknown.by_method){{"OPTIONS", decide::MethodAction::allow},
                                             {"X'Y", decide::MethodAction::drop}});
  CHECK(s.policy.known.otherwise == decide::MethodAction::drop);
  CHECK(s.policy.peer.otherwise == decide::MethodAction::drop);
  CHECK(s.policy.peer.by_method ==
        decltype(s.policy.peer.by_method){{"INVITE", decide::MethodAction::allow}});
  CHECK(s.policy.score_ban_at == 250);
  CHECK(s.policy.score_half_life == 45min);
  CHECK(s.policy.ban_unverified == 500s);
  CHECK(s.policy.ban_steps == std::vector<std::chrono::milliseconds>{9min, 14 * 24h});
  CHECK(s.policy.ban_forgive == 1h);
  CHECK(s.policy.prefix_offenders == 0);
  CHECK(s.bans.addresses_max == 5000);
  CHECK(s.paths.rules == "/r \"q\" \\ ü");
  CHECK(s.paths.database == "/d");
  CHECK(s.paths.runtime == "/t");
  CHECK(s.control.read_group == "voip");
  CHECK(s.control.admin_group == "Voip_Admins.1");
  CHECK(s.log_level == LogLevel::debug);
}

TEST_CASE("every limit sets its member", "[config]") {
  const Settings s = parsed(kEveryKeyChanged);
  CHECK(s.limits.memory_mib == 8);
  CHECK_FALSE(s.policy.budget.limited());
  CHECK(s.policy.reply_budget == limit::Rate(3, 1s, 4));
  CHECK(s.policy.excess_drop_all_after == 1s);
  CHECK(s.policy.excess_ban_after == 2s);
  CHECK(s.policy.refused_credentials_max == 35);
  CHECK(s.policy.unknown_targets_max == 36);
  CHECK(s.policy.offences_prefix_max == 37);
  CHECK(s.policy.offence_window == 38s);
  CHECK(s.policy.known_refused_users_max == 39);
  CHECK(s.policy.known_for == 40min);
  CHECK(s.known.max == 4100);
}

TEST_CASE("every limit of a class sets its member", "[config]") {
  const auto per_second = [](std::uint32_t count) { return limit::Rate(count, 1s, count); };
  const Settings s = parsed(kEveryKeyChanged);
  std::uint32_t next = 1;  // the figures of the file, in its order
  for (const auto* allowance : {&s.policy.unknown_allowance, &s.policy.known_allowance}) {
    INFO("the table that begins with " << next);
    const auto rates = [&](const limit::Rates& of) {
      CHECK(of.requests == per_second(next++));
      CHECK(of.sustained == per_second(next++));
      for (const auto group :
           {limit::Group::register_, limit::Group::invite, limit::Group::other, limit::Group::not_sip})
        CHECK(of.of(group) == per_second(next++));
    };
    rates(allowance->address);
    CHECK(allowance->packets == per_second(next++));
    rates(allowance->prefix);
    CHECK(allowance->flows == limit::Caps{next, next + 1});
    CHECK(allowance->open == limit::Caps{next + 2, next + 3});
    next += 4;
  }
}

TEST_CASE("each row of the table is changed by the test above", "[config]") {
  const Settings changed = parsed(kEveryKeyChanged);
  for (const Setting& setting : settings_table()) {
    INFO(setting.name());
    CHECK(setting.print(changed) != setting.print(Settings{}));
  }
}

TEST_CASE("what is printed reads back to the same settings", "[config]") {
  for (const Settings& settings : {Settings{}, parsed(kEveryKeyChanged)}) {
    const std::string text = print_settings(settings);
    const Settings again = parsed(text);
    for (const Setting& setting : settings_table()) {
      INFO(setting.name());
      CHECK(setting.print(again) == setting.print(settings));
    }
    CHECK(print_settings(again) == text);
  }
}

TEST_CASE("every setting is printed with its documentation, limits and default", "[config]") {
  const std::string text = print_settings(parsed(kEveryKeyChanged));
  for (const Setting& setting : settings_table()) {
    INFO(setting.name());
    CHECK_FALSE(setting.doc.empty());
    CHECK_THAT(text, ContainsSubstring("\n# " + lines_of(setting.doc).front() + "\n"));
    CHECK_THAT(text, ContainsSubstring("# Accepts " + setting.expected() + "."));
    if (setting.is_table)
      CHECK_THAT(text, ContainsSubstring("\n[" + setting.name() + "]\n"));
    else
      CHECK_THAT(text, ContainsSubstring(" Default: " + setting.print(Settings{}) + "\n" +
                                         std::string(setting.key) + " = "));
  }
  for (const Section& section : sections())
    CHECK_THAT(text, ContainsSubstring("\n## " + std::string(section.doc) + "\n"));
}

TEST_CASE("the manual page has every setting with its limits and default", "[config]") {
  const std::string page = source_file("daemon/shield/sipward.toml.5.scd");
  REQUIRE_FALSE(page.empty());
  std::size_t entries = 0;
  for (const Setting& setting : settings_table()) {
    INFO(setting.name());
    const std::string title =
        "\n# [" + (setting.is_table ? setting.name() : std::string(setting.section)) + "]\n";
    const auto begin = page.find(title);
    REQUIRE(begin != std::string::npos);
    const std::string section = page.substr(begin, page.find("\n# ", begin + 1) - begin);
    const std::string accepts = "Accepts " + setting.expected() + ".\n";
    if (!setting.is_table)
      CHECK_THAT(section, ContainsSubstring(fmt::format("\n*{}* = {}\n\t{}", setting.key,
                                                        setting.print(Settings{}), accepts)));
    else
      CHECK_THAT(section, ContainsSubstring("\n" + accepts));
    entries += setting.is_table ? 0 : 1;
    if (!setting.is_table) continue;
    for (const std::string& line : lines_of(setting.print(Settings{}))) {
      const auto key_end = line.find(" = ");
      CHECK_THAT(section,
                 ContainsSubstring("\n*" + line.substr(0, key_end) + "*" + line.substr(key_end) + "\n"));
      ++entries;
    }
  }
  // And nothing that is no setting: each entry's line is "*key* = default".
  std::size_t listed = 0;
  for (const std::string& line : lines_of(page))
    listed += line.starts_with('*') && line.find("* = ") != std::string::npos;
  CHECK(listed == entries);
}

TEST_CASE("the table is well formed", "[config]") {
  std::set<std::string> names;
  std::vector<std::string> order;
  for (const Setting& setting : settings_table()) {
    CHECK(names.insert(setting.name()).second);
    if (order.empty() || order.back() != setting.section) order.emplace_back(setting.section);
  }
  std::vector<std::string> expected;
  for (const Section& section : sections()) expected.emplace_back(section.name);
  CHECK(order == expected);
  for (const CrossCheck& check : cross_checks()) {
    CHECK(names.contains(std::string(check.first)));
    CHECK(names.contains(std::string(check.second)));
    CHECK(check.check(Settings{}).empty());
  }
}

}  // namespace sipward::config
