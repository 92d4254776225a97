// The text of the tables, as transactions: what shield_table.h describes, rule by rule.
#pragma once

#include <span>
#include <string>
#include <string_view>

#include "enforce/nft_batch.h"
#include "enforce/shield_table.h"

namespace sipward::enforce {

// Table `inet sipward`: counters, sets and chains, all idempotent; then every chain's rules anew. `comment`
// marks the layout, so that a later run knows whether it can take the table over.
void add_shield_table(NftBatch& batch, const ShieldTableOptions& options, std::string_view comment,
                      const Duty& duty);
// Only the rules and the ports, for an existing table.
void replace_shield_rules(NftBatch& batch, const ShieldTableOptions& options, const Duty& duty);
// The same when the daemon ends: nothing is left that only a daemon has use for.
void stand_down_shield_rules(NftBatch& batch, const ShieldTableOptions& options);
// Table `inet sipward_queue`, which must not exist.
void add_queue_table(NftBatch& batch, const ShieldTableOptions& options, QueueTarget target,
                     const Duty& duty);

// Sets that rules fill and that keep what they were first filled with.
[[nodiscard]] std::span<const char* const> meter_stems();

// "banned4", "banned_net6".
[[nodiscard]] std::string set_name(std::string_view stem, Family family, bool net = false);

}  // namespace sipward::enforce
