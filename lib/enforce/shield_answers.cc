// What the softswitch answers, copied to the worker that reads what is answered.
#include <string>
#include <vector>

#include "enforce/shield_parts.h"

namespace sipward::enforce {
namespace {

// After source NAT (100): addresses are those that the client sees.
constexpr int kAnswersPriority = 300;
// An answer whose headers are longer than this is none that matters here.
constexpr std::uint32_t kCopiedBytes = 4096;
// No TCP acknowledgement without bytes is longer: 40 of IPv6, 60 of TCP with all options.
constexpr std::uint32_t kEmptySegment = 100;

constexpr Side kClient = Side::destination;

std::string worker_chain(unsigned index) {
  return fmt::format("answers_{}", index);
}

std::uint16_t group(const ShieldTableOptions& options, unsigned index) {
  return static_cast<std::uint16_t>(options.first_queue + index);
}

void fill_scope(NftBatch& batch, const ShieldTableOptions& options) {
  add_rule(batch, Rule(kTable, "answers", "traffic within this host").to_loopback().accept());
  for (const char* begin : {"SIP/", "BYE "})
    each_in_scope(batch, options, {"answers", begin, true, "udp_ports", Side::source},
                  [&](Rule& rule) { rule.datagram_begins(begin).go_to("answering"); });
  const Scope tcp{"answers", "segments with bytes", false, "tcp_ports", Side::source};
  each_in_scope(batch, options, tcp, [](Rule& rule) { rule.longer_than(kEmptySegment).go_to("answering"); });
  each_in_scope(batch, options, tcp, [](Rule& rule) { rule.tcp_pushed().go_to("answering"); });
}

}  // namespace

void add_answer_chains(NftBatch& batch, const ShieldTableOptions& options) {
  add_base_chain(batch, kTable, "answers", Hook::postrouting, kAnswersPriority,
                 "what the softswitch answers, as its client sees it");
  add_chain(batch, kTable, "answering", "which worker gets a copy");
  for (unsigned i = 0; i < options.workers; ++i) add_chain(batch, kTable, worker_chain(i), "");
}

void fill_answers(NftBatch& batch, const ShieldTableOptions& options, const Duty& duty) {
  flush_chain(batch, kTable, "answers");
  flush_chain(batch, kTable, "answering");
  for (unsigned i = 0; i < options.workers; ++i) flush_chain(batch, kTable, worker_chain(i));
  if (!duty.reading || !duty.copying) return;
  fill_scope(batch, options);
  for (const char* listed : {"trusted", "peer"})
    each_set(batch, "answering", listed, "not judged by its answers", kClient,
             [](Rule& rule) { rule.accept(); });
  add_rule(batch, Rule(kTable, "answering").count("answers_copied"));
  for (const Family family : kFamilies)
    add_rule(batch, Rule(kTable, "answering", "known: to their own worker")
                        .address_in(whole(family, kClient), set_name("known", family))
                        .copy_to(group(options, options.workers), kCopiedBytes)
                        .accept());
  std::vector<std::string> chains;
  for (unsigned i = 0; i < options.workers; ++i) {
    chains.push_back(worker_chain(i));
    add_rule(batch, Rule(kTable, chains.back()).copy_to(group(options, i), kCopiedBytes));
  }
  std::uint32_t map_id = kAnswerMaps;
  for (const Family family : kFamilies) {
    add_chain_map(batch, kTable, chains, ++map_id);
    add_rule(batch,
             Rule(kTable, "answering", "as its packets are given to the queues")
                 .shard(neighbourhood(family, kClient), options.workers, duty.seed, "__map%d", map_id));
  }
}

void remove_answers(NftBatch& batch) {
  delete_chain(batch, kTable, "answers");
}

}  // namespace sipward::enforce
