// The text of the tables, as transactions: what shield_table.h describes, rule by rule.
#pragma once

#include <string_view>

#include "enforce/nft_batch.h"
#include "enforce/shield_table.h"

namespace sipward::enforce {

enum class Duty {
  reading,     // a daemon reads: the whole guard is up
  stood_down,  // no daemon: bans and whitelist alone
};

// Table `inet sipward`: counters, sets and chains, all idempotent; then every chain's rules anew. `comment`
// marks the layout, so that a later run knows whether it can take the table over.
void add_shield_table(NftBatch& batch, const ShieldTableOptions& options, std::string_view comment,
                      Duty duty);
// Only the rules and the ports, for an existing table.
void replace_shield_rules(NftBatch& batch, const ShieldTableOptions& options, Duty duty);
// Table `inet sipward_queue`, which must not exist.
void add_queue_table(NftBatch& batch, const ShieldTableOptions& options, QueueTarget target);

// "banned4", "banned_net6".
[[nodiscard]] std::string set_name(std::string_view stem, Family family, bool net = false);

}  // namespace sipward::enforce
