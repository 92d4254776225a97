// READ FIRST: one packet's way, from bytes to a verdict. No thread, no socket, no clock: a worker drives it.
#pragma once

#include <atomic>
#include <memory>
#include <optional>
#include <span>

#include "base/guarded.h"
#include "decide/decide.h"
#include "enforce/ban_ledger.h"
#include "limit/source_table.h"
#include "match/matcher.h"
#include "metrics/counters.h"
#include "packet/decode.h"
#include "sip/message.h"
#include "store/store.h"

namespace sipward::shield {

// What all workers share. Everything in it outlives them and is safe to use from any thread.
struct Common {
  const decide::Policy& policy;
  const match::Matcher& matcher;
  std::span<metrics::RuleCounter* const> rule_counters;  // by the rule's index; null: not counted
  metrics::Counters& counters;
  std::atomic<bool>& observe;
};

// Asks the enforcer to ban a source.
struct BanRequest {
  Address source;
  enforce::Cause cause;
  std::chrono::milliseconds duration{};
};

// What is to be done about a packet beside its verdict. Rare, so it may allocate.
struct Consequences {
  std::optional<BanRequest> ban;
  std::optional<store::EvidenceRecord> evidence;
};

struct Outcome {
  decide::Reason reason = decide::Reason::undecodable;
  std::optional<decide::Reason> would_drop;  // why, when `reason` is observed
  Consequences consequences;
};

// The pipeline of one worker. One thread, except for what the source table's lock guards.
class Shield {
 public:
  Shield(const Common& common, metrics::WorkerCounters& counters, decide::SourceClass source_class,
         std::size_t sources_max);

  // decode -> look up the source -> judge what it carries -> count. Never throws on traffic.
  [[nodiscard]] Outcome process(std::span<const std::byte> packet, bool verified, limit::SourceTable& sources,
                                Now now);

  [[nodiscard]] Guarded<limit::SourceTable>& sources() { return sources_; }

 private:
  // The packet at hand, and what is known of where it came from.
  struct Arrival {
    const packet::Datagram& datagram;
    bool verified;
    limit::SourceTable& sources;
    limit::Source& source;
    Now now;
  };

  // read SIP -> match -> decide.
  [[nodiscard]] Outcome judge(const Arrival& arrival, std::string_view bytes);
  [[nodiscard]] decide::Evidence evidence_of(const Arrival& arrival, std::string_view bytes,
                                             const match::Hits& hits) const;
  void count_rules(const match::Hits& hits, Now now);
  void count_method(bool dropped);
  [[nodiscard]] Outcome count(Outcome outcome);
  [[nodiscard]] Consequences consequences_of(const Arrival& arrival, std::string_view bytes,
                                             const decide::Evidence& evidence,
                                             const decide::Decision& decision, bool observed) const;

  const Common& common_;
  metrics::WorkerCounters& counters_;
  decide::SourceClass source_class_;
  std::unique_ptr<match::Matcher::Scratch> scratch_;
  sip::Message message_;
  Guarded<limit::SourceTable> sources_;
};

}  // namespace sipward::shield
