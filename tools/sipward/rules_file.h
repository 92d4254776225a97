// sipward rules test: a rule file without a daemon.
#pragma once

#include <string>

#include "session.h"

namespace sipward::cli {

struct RulesFileOptions {
  std::string file;     // or a folder
  std::string message;  // a file, "-" for standard input; "": the samples
};

// Samples: kOk when each does what it should, else kFailure. A message: kOk when a rule hits it, else
// kNotFound. `invalid`: the rules are wrong, a line for each mistake.
[[nodiscard]] Result<ExitCode> test_rules_file(Session& session, const RulesFileOptions& options);

}  // namespace sipward::cli
