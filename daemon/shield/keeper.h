// The store, off everybody's way: writes are queued and written by a thread of its own; reads and the
// operator's changes wait.
#pragma once

#include <atomic>
#include <memory>
#include <thread>

#include "base/channel.h"
#include "base/guarded.h"
#include "metrics/counters.h"
#include "store/store.h"

namespace sipward::shield {

// Any thread, except start and stop.
class Keeper {
 public:
  Keeper(std::unique_ptr<store::Store> store, metrics::Counters& counters);
  ~Keeper();  // writes what is queued, then stops

  void start();
  void stop();

  // Where workers leave evidence.
  [[nodiscard]] Channel<store::EvidenceRecord>& evidence() { return evidence_; }
  // What changed in the ledger. Bans are few compared with packets; what does not fit is counted as a store
  // error, and the ban still holds in the kernel.
  void save(std::vector<store::BanRecord> bans, std::vector<store::EndedBan> ended);
  void audit(store::AuditRecord record);

  // Runs `f(store::Store&)` now, waiting for the thread's current write, and returns what it returns.
  template <class F>
  decltype(auto) with_store(F&& f) {
    return store_.with([&](std::unique_ptr<store::Store>& store) -> decltype(auto) { return f(*store); });
  }

 private:
  struct Change {
    std::vector<store::BanRecord> bans;
    std::vector<store::EndedBan> ended;
    std::vector<store::AuditRecord> audit;
  };
  void run();
  void write(const std::vector<Change>& changes, const std::vector<store::EvidenceRecord>& evidence);
  void purge_now_and_then();
  void check(const Result<void>& done);

  Guarded<std::unique_ptr<store::Store>> store_;
  metrics::Counters& counters_;
  Channel<store::EvidenceRecord> evidence_;
  Channel<Change> changes_;
  Instant next_purge_;
  std::atomic<bool> failing_{false};  // so that a full disk is logged once, not with every write
  std::thread thread_;
};

}  // namespace sipward::shield
