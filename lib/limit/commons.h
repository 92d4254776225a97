// What the workers know of sources together. Safe to use from any thread, without a lock.
#pragma once

#include "limit/budget.h"
#include "limit/proofs.h"
#include "limit/relayed.h"

namespace sipward::limit {

struct Commons {
  Budget budget;  // of requests
  Budget response_budget;
  Budget keepalive_budget;
  Proofs proofs;
  Relayed relayed;
};

}  // namespace sipward::limit
