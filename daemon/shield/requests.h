// What workers ask the enforcer for.
#pragma once

#include <chrono>
#include <string>

#include "base/address.h"
#include "base/clock.h"
#include "enforce/ban_ledger.h"

namespace sipward::shield {

struct BanRequest {
  Prefix net;  // a source; or, with cause.verified, the prefix of several
  enforce::Cause cause;
  // Of an unverified ban, its time. A verified one lasts at least as long: the enforcer knows what its source
  // did before.
  std::chrono::milliseconds duration{};
};

// The softswitch accepted a registration or a call of `source`.
struct KnownRequest {
  Address source;
  WallTime until;
  std::string how;  // "register", "invite", "dialog"
};

}  // namespace sipward::shield
