// Table `inet sipward_queue`: which packets go to which worker.
#include <string>
#include <vector>

#include "enforce/shield_parts.h"

namespace sipward::enforce {
namespace {

// UDP between inspect_udp and settle_udp, TCP between inspect_tcp and settle_tcp.
constexpr int kUdpQueue = -290;
constexpr int kTcpQueue = -198;

void add_queue_chain(NftBatch& batch, const std::string& chain, unsigned number, QueueTarget target) {
  add_chain(batch, kQueueTable, chain, "");
  Rule rule(kQueueTable, chain);
  const auto queue = static_cast<std::uint16_t>(number);
  add_rule(batch, target == QueueTarget::native ? rule.queue_native(queue) : rule.queue_compat(queue));
}

}  // namespace

void add_queue_table(NftBatch& batch, const ShieldTableOptions& options, QueueTarget target,
                     const Duty& duty) {
  add_table(batch, kQueueTable, "Sipward: packets to be read, to their workers; gone when the daemon is",
            Ownership::owned);
  std::vector<std::string> chains;
  for (unsigned i = 0; i < options.workers; ++i) {
    chains.push_back(fmt::format("worker_{}", i));
    add_queue_chain(batch, chains.back(), options.first_queue + i, target);
  }
  add_queue_chain(batch, "known", options.first_queue + options.workers, target);
  add_queue_chain(batch, "peers", options.first_queue + options.workers + 1, target);
  add_chain(batch, kQueueTable, "shards", "a source and its net always meet the same worker");
  add_rule(batch, Rule(kQueueTable, "shards").mark_set(kMarkQueued));
  add_rule(batch, Rule(kQueueTable, "shards").mark_has(kMarkPeer).go_to("peers"));
  add_rule(batch, Rule(kQueueTable, "shards").mark_has(kMarkKnown).go_to("known"));
  std::uint32_t map_id = kQueueMaps;
  for (const Family family : kFamilies) {
    add_chain_map(batch, kQueueTable, chains, ++map_id);
    add_rule(batch, Rule(kQueueTable, "shards")
                        .shard(neighbourhood(family), options.workers, duty.seed, "__map%d", map_id));
  }
  add_base_chain(batch, kQueueTable, "udp", Hook::prerouting, kUdpQueue, "");
  add_base_chain(batch, kQueueTable, "tcp", Hook::prerouting, kTcpQueue, "");
  add_rule(batch, Rule(kQueueTable, "udp").mark_has(kMarkRead).udp().go_to("shards"));
  add_rule(batch, Rule(kQueueTable, "tcp").mark_has(kMarkRead).tcp().go_to("shards"));
}

}  // namespace sipward::enforce
