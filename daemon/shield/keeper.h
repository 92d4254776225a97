// The store, off everybody's way: writes are queued and written by a thread of its own; reads and the
// operator's changes wait.
#pragma once

#include <atomic>
#include <chrono>
#include <deque>
#include <functional>
#include <memory>
#include <thread>

#include "base/channel.h"
#include "base/guarded.h"
#include "metrics/counters.h"
#include "store/store.h"

namespace sipward::shield {

// Another program (`sqlite3 sipward.db`, a backup) may hold the file locked. Queued writes are then kept, and
// written in their order when it lets go; with_store() fails with `busy` after kPatience.
// Any thread, except start and stop.
class Keeper {
 public:
  static constexpr std::chrono::milliseconds kPatience{1000};

  Keeper(std::unique_ptr<store::Store> store, metrics::Counters& counters);
  ~Keeper();  // writes what is queued, then stops

  void start();
  // What another program's lock keeps from being written within kPatience is lost, counted and logged.
  void stop();

  // Where workers leave evidence.
  [[nodiscard]] Channel<store::EvidenceRecord>& evidence() { return evidence_; }
  // What changed in the ledger. Bans are few compared with packets; what does not fit is counted as a store
  // error, and the ban still holds in the kernel.
  void save(std::vector<store::BanRecord> bans, std::vector<store::EndedBan> ended);
  void save(std::vector<store::KnownRecord> known, std::vector<Address> forgotten);
  void audit(store::AuditRecord record);

  // Another program holds the file locked, so that changes are kept; how many were taken up and wait for it.
  [[nodiscard]] bool is_locked() const { return locked_.load(std::memory_order_relaxed); }
  [[nodiscard]] std::size_t waiting() const { return waiting_.load(std::memory_order_relaxed); }

  // Runs `f(store::Store&)` as soon as the thread's write at hand is done, and returns what it returns.
  template <class F>
  decltype(auto) with_store(F&& f) {
    const Caller caller(callers_);
    return store_.with([&](std::unique_ptr<store::Store>& store) -> decltype(auto) {
      store->wait_at_most(kPatience);
      return f(*store);
    });
  }

 private:
  // The thread's next write comes after these.
  class Caller {
   public:
    explicit Caller(std::atomic<int>& callers) : callers_(callers) { ++callers_; }
    Caller(const Caller&) = delete;
    Caller& operator=(const Caller&) = delete;
    ~Caller() {
      --callers_;
      callers_.notify_all();
    }

   private:
    std::atomic<int>& callers_;
  };
  using Change = std::function<Result<void>(store::Store&)>;

  void put(Change change);
  void run();
  void take();
  void take_evidence();
  void write_backlog(std::chrono::milliseconds patience);
  void purge_now_and_then();
  [[nodiscard]] Result<void> write(const Change& change, std::chrono::milliseconds patience);
  [[nodiscard]] bool held_up(const Result<void>& done);
  void check(const Result<void>& done);
  void give_up_backlog();

  Guarded<std::unique_ptr<store::Store>> store_;
  metrics::Counters& counters_;
  Channel<store::EvidenceRecord> evidence_;
  Channel<Change> changes_;
  std::deque<Change> backlog_;  // the thread's own
  std::atomic<std::size_t> waiting_{0};
  std::atomic<int> callers_{0};
  Instant next_purge_;
  std::atomic<bool> locked_{false};
  std::atomic<bool> failing_{false};  // so that a full disk is logged once, not with every write
  std::thread thread_;
};

}  // namespace sipward::shield
