// The parts of a running shield, for the operators' calls.
#pragma once

#include <memory>
#include <vector>

#include "config/settings.h"
#include "enforcer.h"
#include "keeper.h"
#include "metrics/counters.h"
#include "mode.h"
#include "rulebook.h"
#include "worker.h"

namespace sipward::shield {

struct Running {
  const config::Settings& settings;
  Rulebook& rulebook;
  metrics::Counters& counters;
  Keeper& keeper;
  Enforcer& enforcer;
  ModeSwitch& mode;
  std::vector<std::unique_ptr<Worker>>& workers;  // then that of known sources; the last is the peers'
  Now started;
  bool table_present = true;

  // Workers go by their own knowledge of a ban until the kernel has it; this makes them forget it.
  void lift_in_workers(const Prefix& net) const {
    for (const auto& worker : workers)
      worker->shield().accounts().with([&](limit::Accounts& accounts) { accounts.lift_bans(net); });
  }
};

}  // namespace sipward::shield
