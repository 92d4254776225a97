// One function per subcommand, each in a file of its name: declares its command line and, when it is chosen,
// sets `run`.
#pragma once

#include <CLI/CLI.hpp>

#include "session.h"

namespace sipward::cli {

void add_status(CLI::App& app, Run& run);
void add_stats(CLI::App& app, Run& run);
void add_whitelist(CLI::App& app, Run& run);
void add_bans(CLI::App& app, Run& run);
void add_known(CLI::App& app, Run& run);
void add_explain(CLI::App& app, Run& run);
void add_mode(CLI::App& app, Run& run);
void add_rules(CLI::App& app, Run& run);
void add_reload(CLI::App& app, Run& run);
void add_replay(CLI::App& app, Run& run);

}  // namespace sipward::cli
