// sipwardd: arguments, settings, rules, privileges; then the daemon.
#include <cap-ng.h>
#include <fmt/format.h>
#include <linux/capability.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <csignal>
#include <cstdio>
#include <filesystem>

#include "config/settings_file.h"
#include "daemon.h"
#include "log.h"
#include "match/rule_file.h"

namespace {

using namespace sipward;

// sysexits(3), so that systemd can tell what a restart cannot mend. kExitDenied is for privileges alone: a file
// that may not be written can be mended meanwhile.
constexpr int kExitFailure = 1;
constexpr int kExitUsage = 2;
constexpr int kExitBusy = 75;
constexpr int kExitDenied = 77;
constexpr int kExitConfig = 78;

struct Arguments {
  std::string config;
  bool check_config = false;
  bool print_config = false;
};

int complain(const Error& error, int status) {
  shield::log_error("{}", error.text);
  return error.kind == ErrorKind::busy ? kExitBusy : status;
}

// Several errors of a file come as lines of one text; each is a line of its own here.
int complain_of_file(const Error& error) {
  fmt::print(stderr, "{}\n", error.text);
  return kExitConfig;
}

Result<config::Settings> settings_of(const Arguments& arguments) {
  return arguments.config.empty() ? config::load_default_settings() : config::load_settings(arguments.config);
}

Result<shield::Loaded> load(config::Settings settings) {
  auto rules = match::load_rules(settings.paths.rules);
  if (!rules) return tl::unexpected(rules.error());
  auto matcher = match::make_hyperscan_matcher(*rules);
  if (!matcher) return tl::unexpected(matcher.error());
  return shield::Loaded{std::move(settings), std::move(*rules), std::move(*matcher)};
}

// Root by hand or the unit's user: two capabilities are enough for both.
Result<void> keep_two_capabilities() {
  capng_get_caps_process();
  if (!capng_have_capability(CAPNG_EFFECTIVE, CAP_NET_ADMIN))
    return fail(ErrorKind::denied,
                "CAP_NET_ADMIN is missing: run it as root, or by systemctl start sipwardd");
  const bool raw = capng_have_capability(CAPNG_PERMITTED, CAP_NET_RAW) != 0;
  capng_clear(CAPNG_SELECT_BOTH);
  const auto kept = static_cast<capng_type_t>(CAPNG_EFFECTIVE | CAPNG_PERMITTED);
  capng_update(CAPNG_ADD, kept, CAP_NET_ADMIN);
  if (raw) capng_update(CAPNG_ADD, kept, CAP_NET_RAW);
  if (capng_apply(CAPNG_SELECT_CAPS) != 0) return fail("cannot give up the other capabilities");
  return {};
}

// Before any thread: all of them must leave the signals to the control loop.
void block_signals() {
  sigset_t handled;
  sigemptyset(&handled);
  for (const int signal : {SIGTERM, SIGINT, SIGHUP}) sigaddset(&handled, signal);
  pthread_sigmask(SIG_BLOCK, &handled, nullptr);
  std::signal(SIGPIPE, SIG_IGN);
}

// A file that was there at the start and is gone at a reload is a mistake, and no wish for the defaults.
Arguments with_settings_file(Arguments arguments) {
  std::error_code ignored;
  if (arguments.config.empty() &&
      std::filesystem::status(config::kSettingsPath, ignored).type() != std::filesystem::file_type::not_found)
    arguments.config = config::kSettingsPath;
  return arguments;
}

int run(const Arguments& arguments) {
  auto settings = settings_of(arguments);
  if (!settings) return complain_of_file(settings.error());
  if (arguments.print_config) {
    fmt::print("{}", config::print_settings(*settings));
    return 0;
  }
  shield::set_log_level(settings->log_level);
  auto loaded = load(std::move(*settings));
  if (!loaded) return complain_of_file(loaded.error());
  if (arguments.check_config) {
    fmt::print("the configuration is good: {} rules\n", loaded->rules.size());
    return 0;
  }
  if (auto done = keep_two_capabilities(); !done)
    return complain(done.error(), done.error().kind == ErrorKind::denied ? kExitDenied : kExitFailure);
  block_signals();
  auto daemon = shield::Daemon::start(std::move(*loaded), [arguments] { return settings_of(arguments); });
  if (!daemon) return complain(daemon.error(), kExitFailure);
  return (*daemon)->run();
}

}  // namespace

int main(int argc, char** argv) {
  Arguments arguments;
  CLI::App app("sipwardd, the SIP shield: reads SIP before the softswitch does and drops scanners");
  app.add_option("-c,--config", arguments.config,
                 fmt::format("configuration file (default: {}, if it exists)", config::kSettingsPath));
  app.add_flag("--check-config", arguments.check_config, "check configuration and rules, and exit");
  app.add_flag("--print-config", arguments.print_config, "print every setting with its meaning, and exit");
  app.set_version_flag("--version", "sipwardd " SIPWARD_VERSION);
  app.footer(
      "Exit status: 0 ended by a signal, 1 failure, 2 usage, 75 another program holds what is needed,\n"
      "77 a capability is missing, 78 configuration or rules are wrong.");
  try {
    app.parse(argc, argv);
    return run(with_settings_file(std::move(arguments)));
  } catch (const CLI::ParseError& error) {
    return app.exit(error) == 0 ? 0 : kExitUsage;
  } catch (const std::exception& error) {
    sipward::shield::log_error("{}", error.what());
    return kExitFailure;
  }
}
