// All that one worker remembers of the sources it serves. Fixed in size, whoever fills it.
#pragma once

#include <cstddef>
#include <cstdint>

#include "limit/flows.h"
#include "limit/source_table.h"
#include "limit/transactions.h"
#include "limit/users.h"

namespace sipward::limit {

struct Accounts {
  static constexpr std::size_t kTransactions = 65536;  // 32 s of 2,000 requests per second (guard.unknown_rate)
  static constexpr std::size_t kFlows = 65536;
  static constexpr std::size_t kUsers = 16384;

  // `bytes` for the table of sources; the others come on top.
  explicit Accounts(std::size_t bytes) : sources(bytes) {}

  // Forgets what would ban the sources inside `net` again; how many were banned.
  std::size_t lift_bans(const Prefix& net) { return sources.lift_bans(net); }

  // Since the beginning: what was refused room and so counts under no cap.
  std::uint64_t not_counted = 0;

  SourceTable sources;
  Transactions transactions{kTransactions};
  Flows flows{kFlows};
  Users users{kUsers};
};

}  // namespace sipward::limit
