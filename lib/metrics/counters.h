// The daemon's own counters, in a file below /run that is mapped shared: kill -9 loses none of them, and the
// next run goes on counting. Their life is that of the kernel's counters: both end with the boot.
#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "base/result.h"
#include "decide/reason.h"
#include "stream/trouble.h"

namespace sipward::metrics {

// One writer, any reader.
class Counter {
 public:
  void add(std::uint64_t n = 1) {
    value_.store(value_.load(std::memory_order_relaxed) + n, std::memory_order_relaxed);
  }
  void set(std::uint64_t n) { value_.store(n, std::memory_order_relaxed); }
  [[nodiscard]] std::uint64_t get() const { return value_.load(std::memory_order_relaxed); }

 private:
  std::atomic<std::uint64_t> value_;
};

// Many writers, rare.
class SharedCounter {
 public:
  void add(std::uint64_t n = 1) { value_.fetch_add(n, std::memory_order_relaxed); }
  void set(std::uint64_t n) { value_.store(n, std::memory_order_relaxed); }
  [[nodiscard]] std::uint64_t get() const { return value_.load(std::memory_order_relaxed); }

 private:
  std::atomic<std::uint64_t> value_;
};

// Methods that are counted by name (RFC 3261 and its extensions); the last stands for all others.
inline constexpr std::array<std::string_view, 15> kMethods{
    "INVITE",  "ACK",       "BYE",  "CANCEL", "REGISTER", "OPTIONS", "NOTIFY", "PUBLISH",
    "MESSAGE", "SUBSCRIBE", "INFO", "UPDATE", "PRACK",    "REFER",   "other"};
[[nodiscard]] std::size_t method_index(std::string_view method);

// What a worker learns of the sources it serves, and what it had no room for. Names are to_string's; stable.
enum class Learning : std::uint8_t {
  answers,               // of the softswitch, that were read
  answers_lost,          // copies that found no room: what they would have told is not known
  refused_credentials,   // attempts that the softswitch refused
  unknown_targets,       // requests for users that it does not have
  sources_forgotten,     // to make room for others
  prefixes_forgotten,    // the same
  dossiers_forgotten,    // what was remembered of a source beside its rates
  not_counted,           // flows and transactions beyond the room there is: passed, and under no cap
  count_,
};
inline constexpr std::size_t kLearnings = static_cast<std::size_t>(Learning::count_);
[[nodiscard]] std::string_view to_string(Learning learning);

struct alignas(64) WorkerCounters {
  std::array<Counter, decide::kReasons> by_reason;   // every packet read, once
  std::array<Counter, decide::kReasons> would_drop;  // what by_reason calls `observed`, by its reason
  std::array<Counter, kMethods.size()> method_read;
  std::array<Counter, kMethods.size()> method_dropped;
  Counter truncated;                                   // copied in part only: larger than the copy range
  Counter verdict_errors;                              // the kernel did not take a verdict
  std::array<Counter, stream::kTroubles> tcp_trouble;  // segments by what is wrong with them; none: nothing
  Counter tcp_evictions;                               // connections forgotten to make room
  Counter tcp_connections;                             // now
  Counter tcp_bytes;                                   // held for them now
  std::array<Counter, kLearnings> learnings;
};

// What happens beside packets. Names are to_string's; stable.
enum class Event : std::uint8_t {
  bans_added,
  bans_extended,
  bans_full,          // refused: bans.addresses_max reached
  bans_lost,          // the queue to the enforcer was full: the packet was dropped, its source not banned
  bans_failed,        // the kernel refused
  bans_observed,      // the mode or the rule only observes: would have been banned, once for each such ban
  evidence_lost,      // not kept: more than the store takes at a time
  store_errors,       // the database could not be written
  table_rebuilt,      // somebody deleted table inet sipward
  lost_with_daemon,   // packets that were in a queue when a daemon died
  lost_in_queue,      // packets that a full queue refused, with shield.fail_open off
  tcp_resets,         // connections ended on both sides
  known_lost,         // the queue to the enforcer was full: learned again from the next answer
  tcp_resets_failed,  // the kernel did not take the packets that end a connection
  prefix_bans_refused,  // a whitelisted or known source or an own address is in it, or nobody proved anything
  known_added,          // sources that became known
  known_full,           // sources forgotten, or not taken, because known.max is reached
  known_failed,         // the kernel refused
  offenders_forgotten,  // how often sources were banned, forgotten to make room
  count_,
};
[[nodiscard]] std::string_view to_string(Event event);

inline constexpr std::size_t kWorkersMax = 66;  // 64, and those of known sources and of peers
inline constexpr std::size_t kRulesMax = 1024;

// A rule's place. It stays the rule's while a RuleLease holds it, and afterwards until another needs it.
struct RuleCounter {
  std::array<char, 56> id;  // NUL-padded
  SharedCounter hits;
  SharedCounter last_hit_ms;  // wall clock, milliseconds since 1970
};

struct SharedCounters {
  std::uint64_t magic;
  std::uint64_t layout;        // sizes of everything below: another version starts anew
  std::uint64_t table_handle;  // the kernel table whose counters these belong to
  std::int64_t since_ms;       // wall clock of the first count
  std::array<SharedCounter, static_cast<std::size_t>(Event::count_)> events;
  std::array<RuleCounter, kRulesMax> rules;
  std::array<WorkerCounters, kWorkersMax> workers;
};

// Counters of rules, held: no other rule gets their places meanwhile. Control thread, but for the counting.
class RuleLease {
 public:
  RuleLease() = default;
  RuleLease(RuleLease&&) = default;
  RuleLease& operator=(RuleLease&& other) noexcept;
  ~RuleLease() { release(); }

  // In the order of the rules that were asked for; null: there was no room for it.
  [[nodiscard]] std::span<RuleCounter* const> counters() const { return counters_; }

 private:
  friend class Counters;
  using Holders = std::array<std::uint32_t, kRulesMax>;  // of each place
  RuleLease(std::shared_ptr<Holders> holders, RuleCounter* places)
      : holders_(std::move(holders)), places_(places) {}
  void add(RuleCounter* counter);
  void release();

  std::shared_ptr<Holders> holders_;
  RuleCounter* places_ = nullptr;
  std::vector<RuleCounter*> counters_;
};

class Counters {
 public:
  // Maps `path`, made if need be (mode 0640). What does not fit this version's layout starts at zero.
  [[nodiscard]] static Result<Counters> open(const std::filesystem::path& path);

  // In this process's memory alone: for judging captures.
  [[nodiscard]] static Result<Counters> in_memory();

  // Ties the counts to a kernel table. If it is another one than before, everything starts at zero, for the
  // kernel's counters did; leases stay good. True if the counts go on.
  bool attach(std::uint64_t table_handle, WallTime now);

  [[nodiscard]] WorkerCounters& worker(std::size_t index) { return map_->workers[index]; }
  [[nodiscard]] SharedCounter& event(Event event) { return map_->events[static_cast<std::size_t>(event)]; }
  // The counters of these rules. One that is new gets a free place, or that of the rule without a lease which
  // hit longest ago; none when kRulesMax are held. Control thread.
  [[nodiscard]] RuleLease lease(std::span<const std::string> ids);
  // The counter of the rule of that name, if it has one. Control thread.
  [[nodiscard]] RuleCounter* rule(std::string_view id) const;
  [[nodiscard]] WallTime since() const { return WallTime(std::chrono::milliseconds(map_->since_ms)); }

  // Sums over all workers.
  [[nodiscard]] std::uint64_t by_reason(decide::Reason reason) const;
  [[nodiscard]] std::uint64_t would_drop(decide::Reason reason) const;
  [[nodiscard]] std::uint64_t method_read(std::size_t method) const;
  [[nodiscard]] std::uint64_t method_dropped(std::size_t method) const;
  [[nodiscard]] std::uint64_t dropped() const;  // all drop reasons
  [[nodiscard]] std::uint64_t verdict_errors() const;
  [[nodiscard]] std::uint64_t truncated() const;
  [[nodiscard]] std::uint64_t tcp_trouble(stream::Trouble trouble) const;
  [[nodiscard]] std::uint64_t tcp_evictions() const;
  [[nodiscard]] std::uint64_t tcp_connections() const;
  [[nodiscard]] std::uint64_t tcp_bytes() const;
  [[nodiscard]] std::uint64_t learning(Learning learning) const;

 private:
  struct Unmap {
    void operator()(SharedCounters* map) const;
  };
  explicit Counters(SharedCounters* map) : map_(map) {}
  [[nodiscard]] RuleCounter* place_for(std::string_view id);
  [[nodiscard]] std::span<const WorkerCounters> workers() const { return map_->workers; }

  std::unique_ptr<SharedCounters, Unmap> map_;
  std::shared_ptr<RuleLease::Holders> holders_ = std::make_shared<RuleLease::Holders>();
};

}  // namespace sipward::metrics
