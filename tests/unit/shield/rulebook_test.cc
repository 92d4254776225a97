// Which settings a reload puts in force. The reload itself is tests/e2e/reload.py.
#include "rulebook.h"

#include "config/settings_table.h"
#include "support/catch.h"

namespace sipward::shield {
namespace {

using std::chrono::seconds;

// Each figure another one, from `first` on.
limit::Allowance allowance(std::uint32_t first) {
  const auto rate = [&first] { return limit::Rate(first++, seconds(1), 1); };
  limit::Allowance allowance;
  for (limit::Rates* rates : {&allowance.address, &allowance.prefix}) {
    rates->requests = rate();
    rates->sustained = rate();
    for (limit::Rate& of_group : rates->by_group) of_group = rate();
  }
  allowance.packets = rate();
  allowance.flows = {first, first + 1};
  allowance.open = {first + 2, first + 3};
  return allowance;
}

// No setting has its default.
config::Settings all_different() {
  config::Settings s;
  s.shield.mode = config::Mode::observe;
  s.shield.udp_ports = {5070};
  s.shield.tcp_ports = {5071};
  s.shield.tls_ports = {5072};
  s.shield.ws_ports = {5073, 5072};
  s.shield.protected_nets = {*Prefix::parse("192.0.2.0/24")};
  s.shield.workers = 3;
  s.shield.first_queue = 7;
  s.shield.queue_length = 4096;
  s.shield.fail_open = false;
  s.shield.on_stop = config::OnStop::remove;
  s.guard = {.source_rate_per_s = 1,
             .source_burst = 2,
             .unknown_rate_per_s = 3,
             .unknown_burst = 4,
             .known_rate_per_s = 8,
             .known_burst = 9,
             .connection_rate_per_s = 5,
             .connection_burst = 6,
             .connections_max = 7,
             .sources_max = 2048};
  s.tcp = {.connections_max = 2000, .connections_per_source = 20, .memory_mib = 9, .message_max = 4000};
  s.policy.serve_unknown = false;
  s.policy.drop_not_sip = false;
  s.policy.drop_malformed = true;
  s.policy.refuse_ban_after = 3;
  s.policy.refuse_window = seconds(7);
  s.policy.score_ban_at = 7;
  s.policy.score_half_life = seconds(77);
  s.policy.ban_unverified = seconds(5);
  s.policy.ban_steps = {seconds(6), seconds(7)};
  s.policy.ban_forgive = seconds(8);
  s.policy.prefix_offenders = 9;
  s.policy.unknown_allowance = allowance(1);
  s.policy.known_allowance = allowance(100);
  s.policy.budget = limit::Rate();
  s.policy.reply_budget = limit::Rate();
  s.policy.excess_drop_all_after = seconds(1);
  s.policy.excess_ban_after = seconds(2);
  s.policy.refused_credentials_max = 3;
  s.policy.unknown_targets_max = 4;
  s.policy.offences_prefix_max = 5;
  s.policy.offence_window = seconds(6);
  s.policy.known_refused_users_max = 7;
  s.policy.known_for = seconds(8);
  s.policy.known.by_method["INFO"] = decide::MethodAction::drop;
  s.limits.memory_mib = 9;
  s.known.max = 2049;
  s.policy.unknown.by_method.clear();
  s.policy.peer.by_method["INFO"] = decide::MethodAction::drop;
  s.bans.addresses_max = 2000;
  s.paths = {.rules = "/r", .database = "/d", .runtime = "/t"};
  s.control = {.read_group = "r", .admin_group = "a"};
  s.log_level = config::LogLevel::debug;
  return s;
}

}  // namespace

TEST_CASE("a reload puts in force what the manual says, and leaves the rest") {
  const config::Settings before;
  const config::Settings file = all_different();
  config::Settings after;
  take_over(after, file);
  std::vector<std::string> left;
  for (const config::Setting& setting : config::settings_table()) {
    CAPTURE(setting.name());
    REQUIRE(setting.print(before) != setting.print(file));  // all_different() lacks a setting
    const std::string printed = setting.print(after);
    CHECK((printed == setting.print(before) || printed == setting.print(file)));
    if (printed != setting.print(file)) left.push_back(setting.name());
  }
  // As in sipwardd(8), section RELOADING.
  CHECK(left == std::vector<std::string>{"shield.mode", "shield.workers", "shield.first_queue",
                                         "shield.queue_length", "shield.fail_open", "guard.sources_max",
                                         "tcp.connections_max", "tcp.connections_per_source",
                                         "tcp.memory_mib", "tcp.message_max", "limits.memory_mib",
                                         "known.max", "bans.addresses_max", "paths.database", "paths.runtime",
                                         "control.read_group", "control.admin_group"});
}

TEST_CASE("the kernel's options are the settings'") {
  const config::Settings s = all_different();
  const auto options = table_options(s);
  CHECK(options.udp_ports == s.shield.udp_ports);
  CHECK(options.tcp_ports == s.shield.tcp_ports);
  CHECK(options.encrypted_ports == std::vector<std::uint16_t>{5072, 5073});
  CHECK(options.protected_nets == s.shield.protected_nets);
  CHECK(options.source_rate_per_s == 1);
  CHECK(options.source_burst == 2);
  CHECK(options.unknown_rate_per_s == 3);
  CHECK(options.unknown_burst == 4);
  CHECK(options.known_rate_per_s == 8);
  CHECK(options.known_burst == 9);
  CHECK(options.known_max == 2049);
  CHECK(options.tcp_flows_address == s.policy.unknown_allowance.flows.address);
  CHECK(options.tcp_flows_prefix == s.policy.unknown_allowance.flows.prefix);
  CHECK(options.connection_rate_per_s == 5);
  CHECK(options.connection_burst == 6);
  CHECK(options.connections_max == 7);
  CHECK(options.sources_max == 2048);
  CHECK(options.bans_max == 2000);
  CHECK(options.first_queue == 7);
  CHECK(options.workers == 3);
}

}  // namespace sipward::shield
