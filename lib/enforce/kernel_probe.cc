#include "enforce/kernel_probe.h"

#include <cerrno>

#include "enforce/nft_objects.h"

namespace sipward::enforce {
namespace {

constexpr char kProbeTable[] = "sipward_probe";

NftBatch batch_for(Hook hook) {
  NftBatch batch(false);
  add_table(batch, kProbeTable, "probe", Ownership::owned);
  add_base_chain(batch, kProbeTable, "probe", hook, 300, "");
  return batch;
}

// The errno of a rule with that queue statement: 0 if the kernel takes it.
Result<int> try_target(NftSocket& socket, QueueTarget target) {
  NftBatch batch = batch_for(Hook::prerouting);
  Rule rule(kProbeTable, "probe");
  rule.udp();
  add_rule(batch, target == QueueTarget::native ? rule.queue_native(0) : rule.queue_compat(0));
  int error = 0;
  auto done = socket.transact(batch, &error);
  if (!done && error == 0) return tl::unexpected(done.error());
  if (error == EPERM) return tl::unexpected(done.error());
  return error;
}

}  // namespace

Result<QueueTarget> probe_queue_target(NftSocket& socket) {
  for (const QueueTarget target : {QueueTarget::native, QueueTarget::compat}) {
    const auto error = try_target(socket, target);
    if (!error && error.error().kind == ErrorKind::denied)
      return fail(ErrorKind::denied, "nf_tables may not be changed: CAP_NET_ADMIN is missing");
    if (!error) return tl::unexpected(error.error());
    if (*error == 0) return target;
  }
  return fail(
      "this kernel queues packets neither by nft_queue (CONFIG_NFT_QUEUE) nor by the xtables NFQUEUE target "
      "through nft_compat; if it has that as a module, load it: modprobe xt_NFQUEUE");
}

bool probe_copies(NftSocket& socket) {
  NftBatch batch = batch_for(Hook::postrouting);
  Rule rule(kProbeTable, "probe");
  add_rule(batch, rule.udp().copy_to(0, 1));
  return socket.transact(batch).has_value();
}

}  // namespace sipward::enforce
