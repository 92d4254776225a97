// sipward: asks and tells the shield over its control socket.
#include <unistd.h>

#include <algorithm>
#include <array>
#include <csignal>
#include <cstdio>
#include <exception>

#include "commands.h"
#include "text.h"

namespace sipward::cli {
namespace {

constexpr std::array kSubcommands{add_status, add_stats, add_whitelist, add_bans, add_known, add_explain,
                                  add_mode,   add_rules, add_reload,    add_replay};

constexpr const char* kExitCodes =
    "Exit codes:\n"
    "  0  done; status: the shield is healthy\n"
    "  1  failure; status: degraded, the problems are listed\n"
    "  2  wrong usage\n"
    "  3  the daemon cannot be reached\n"
    "  4  not found, no match\n"
    "  5  permission denied\n"
    "  6  refused by policy\n"
    "  7  done in part (whitelist import)\n"
    "  10 replay: something would be dropped, or judged otherwise";

struct Options {
  std::string format = "table";
  std::string color = "auto";
  std::string socket = "/run/sipward/sipwardd.sock";
};

void declare(CLI::App& app, Options& options, Run& run) {
  // Global options may also follow the subcommand; subcommands inherit this when they are added.
  app.fallthrough();
  app.require_subcommand(1);
  app.set_version_flag("--version", "sipward " SIPWARD_VERSION);
  app.add_option("-o,--output", options.format, "How to answer: table for people, json for programs")
      ->check(CLI::IsMember({"table", "json"}))
      ->option_text("table|json");
  app.add_option("--color", options.color, "auto: on a terminal, unless NO_COLOR is set or TERM is dumb")
      ->check(CLI::IsMember({"auto", "always", "never"}))
      ->option_text("auto|always|never");
  app.add_option("--socket", options.socket, "The daemon's control socket (env SIPWARD_SOCKET)")
      ->envname("SIPWARD_SOCKET")
      ->option_text("PATH");
  app.footer(kExitCodes);
  for (const auto& add : kSubcommands) add(app, run);
}

// What is wrong in files comes as a line for each mistake.
void complain(std::string_view text) {
  do {
    const auto end = std::min(text.find('\n'), text.size());
    fmt::print(stderr, "sipward: {}\n", safe(text.substr(0, end)));
    text.remove_prefix(std::min(end + 1, text.size()));
  } while (!text.empty());
}

int run_selected(const Options& options, const Run& run) {
  const bool is_terminal = ::isatty(STDOUT_FILENO) == 1;
  Session session(options.socket,
                  Output(options.format == "json", wants_color(options.color, is_terminal), is_terminal));
  const auto done = run(session);
  if (!done) {
    complain(done.error().text);
    return exit_code(done.error().kind);
  }
  if (const auto written = session.out.failure(); !written) {
    complain(written.error().text);
    return kFailure;
  }
  return *done;
}

int main_guarded(int argc, char** argv) {
  CLI::App app("Sipward, a SIP shield for Linux: what it does, what it stopped, and whom it trusts.",
               "sipward");
  Options options;
  Run run;
  declare(app, options, run);
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    if (error.get_exit_code() == 0) return app.exit(error);
    complain(error.what());
    fmt::print(stderr, "See: sipward --help, or sipward SUBCOMMAND --help\n");
    return kUsage;
  }
  return run_selected(options, run);
}

}  // namespace
}  // namespace sipward::cli

int main(int argc, char** argv) {
  // A reader who leaves is seen as EPIPE, so that the exit code stays this program's.
  std::signal(SIGPIPE, SIG_IGN);
  try {
    return sipward::cli::main_guarded(argc, argv);
  } catch (const std::exception& error) {
    sipward::cli::complain(error.what());
    return sipward::cli::kFailure;
  }
}
