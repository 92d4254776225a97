// READ FIRST: one packet's way, from bytes to a verdict. No thread, no socket, no clock: a worker drives it.
#pragma once

#include <array>
#include <atomic>
#include <functional>
#include <optional>
#include <span>

#include "base/guarded.h"
#include "behaviour.h"
#include "decide/decide.h"
#include "evidence.h"
#include "inject/tcp_reset.h"
#include "limit/accounts.h"
#include "limit/commons.h"
#include "limiter.h"
#include "metrics/counters.h"
#include "packet/decode.h"
#include "requests.h"
#include "rule_set.h"
#include "sip/message.h"
#include "store/store.h"
#include "stream/stream_reader.h"

namespace sipward::shield {

// What all workers share. Everything in it outlives them and is safe to use from any thread.
struct Common {
  metrics::Counters& counters;
  std::atomic<bool>& observe;
  limit::Commons& commons;
  stream::TableLimits streams{};  // of each worker
};

// What is to be done about a packet beside its verdict. Rare, so it may allocate.
struct Consequences {
  std::optional<BanRequest> ban;
  std::optional<BanRequest> prefix_ban;  // the enforcer refuses it while customers are in the prefix
  std::optional<KnownRequest> known;
  std::optional<inject::TcpReset> reset;  // the packet's connection is to end
  std::optional<store::EvidenceRecord> evidence;
};

struct Outcome {
  decide::Reason reason = decide::Reason::undecodable;
  std::optional<decide::Reason>
      would_drop;  // why, when `reason` is observed: the mode or a rule only observes
  Consequences consequences;
};

// A packet as it comes in.
struct Incoming {
  std::span<const std::byte> packet;
  bool verified = false;  // TCP: the handshake of its connection was completed
  bool cut = false;       // its end is missing here
  bool merged = false;    // several packets of one flow, made one by the kernel (GRO, GSO)
};

// The pipeline of one worker. One thread, except for what the source table's lock guards.
class Shield {
 public:
  Shield(const Common& common, RulesInHand rules, metrics::WorkerCounters& counters,
         decide::SourceClass source_class, std::size_t sources_bytes);

  // decode -> look up the source -> judge what it carries -> count. Never throws on traffic.
  [[nodiscard]] Outcome process(const Incoming& incoming, limit::Accounts& accounts, Now now);

  // A copy of what the softswitch sends to a source: answers, BYE. Learns from it who is known and who
  // guesses. `take` gets what follows from each answer.
  void hear(const Incoming& copy, limit::Accounts& accounts, Now now,
            const std::function<void(Consequences)>& take);

  // After a batch: tells the counters what there was no room for.
  void count_forgotten(const limit::Accounts& accounts);
  void count(metrics::Learning learning, std::uint64_t n);

  // Between two batches: goes on with the rules that new_rules() holds, if there are any.
  void take_new_rules();
  // Where the control thread leaves them.
  [[nodiscard]] RuleSlot& new_rules() { return new_rules_; }

  [[nodiscard]] Guarded<limit::Accounts>& accounts() { return accounts_; }
  [[nodiscard]] decide::SourceClass source_class() const { return source_class_; }

 private:
  // The packet at hand, and what is known of where it came from.
  struct Arrival {
    const packet::Datagram& datagram;
    bool verified;  // over TCP; a message may prove the same by itself
    bool observed;  // nothing is enforced: what would be dropped is counted
    bool flood;     // over the rate of packets of any kind
    limit::Accounts& accounts;
    limit::Source& source;
    Now now;
  };

  // The same for datagrams that were merged: a request may begin anywhere in them.
  static void take_over(Outcome& outcome, Outcome judged);
  void take_ban(Finding& finding, limit::Dossier& dossier, Now now);
  [[nodiscard]] Outcome judge_train(const Arrival& arrival);
  // A segment passes if every message that it completes does.
  [[nodiscard]] Outcome judge_segment(const Arrival& arrival, bool cut);
  // What is there of a head that has not ended: a scanner that gives itself away early is stopped early.
  [[nodiscard]] std::optional<Outcome> judge_unfinished(const Arrival& arrival, stream::Segment& segment);
  [[nodiscard]] Outcome refuse_segment(const Arrival& arrival, stream::Segment& segment);
  void end(const Arrival& arrival, stream::Segment& segment, Outcome& outcome);
  // read SIP -> match -> decide.
  [[nodiscard]] Outcome judge(const Arrival& arrival, std::string_view bytes);
  [[nodiscard]] decide::Evidence evidence_of(const Arrival& arrival, std::string_view bytes,
                                             const match::Hits& hits) const;
  // What nothing else speaks against is charged to its source.
  [[nodiscard]] decide::Decision charge(const Arrival& arrival, const decide::Evidence& evidence,
                                        const decide::Decision& decision) const;
  void count_rules(const match::Hits& hits, Now now);
  // A stranger's response that grants something: what a proxy passes on of it teaches nothing.
  void note_response() const;
  [[nodiscard]] Outcome refuse(const Arrival& arrival, std::string_view bytes,
                               const decide::Evidence& evidence, const decide::Decision& decision);
  [[nodiscard]] Outcome suspect(const Arrival& arrival, std::string_view bytes,
                                const decide::Evidence& evidence, const decide::Decision& decision);
  void note_observed_ban(const Arrival& arrival, std::optional<std::chrono::milliseconds> ban);
  void count_method(bool dropped);
  void count_streams(stream::Trouble trouble);
  [[nodiscard]] Outcome count(Outcome outcome);
  [[nodiscard]] Consequences consequences_of(const Arrival& arrival, std::string_view bytes,
                                             const decide::Evidence& evidence,
                                             const decide::Decision& decision, bool observed) const;
  [[nodiscard]] static limit::Dossier& dossier_of(const Arrival& arrival);
  [[nodiscard]] static bool is_evidence_due(const Arrival& arrival);
  [[nodiscard]] store::EvidenceRecord keep(const Arrival& arrival, std::string_view bytes,
                                           const Charge& charge) const;

  const Common& common_;
  metrics::WorkerCounters& counters_;
  decide::SourceClass source_class_;
  RulesInHand rules_;
  RuleSlot new_rules_;
  sip::Message message_;
  stream::StreamReader streams_;
  std::uint64_t evictions_counted_ = 0;
  std::array<std::uint64_t, 4> forgotten_counted_{};
  Limiter limiter_;
  Guarded<limit::Accounts> accounts_;
};

}  // namespace sipward::shield
