// What this kernel can do, asked without changing anything: a transaction without its end is checked and
// thrown away.
#pragma once

#include "base/result.h"
#include "enforce/nft_batch.h"
#include "enforce/shield_table.h"

namespace sipward::enforce {

// `native` where the kernel has nft's queue statement; else `compat`; else an error that names the missing
// options. No permission is `denied`.
[[nodiscard]] Result<QueueTarget> probe_queue_target(NftSocket& socket);
// Whether packets can be copied to a program (nft's log statement with a group, nfnetlink_log).
[[nodiscard]] bool probe_copies(NftSocket& socket);

}  // namespace sipward::enforce
