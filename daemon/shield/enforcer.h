// Bans, whitelist and known sources: the one place that changes the ledger, the kernel's sets and the
// database together.
#pragma once

#include <algorithm>
#include <atomic>
#include <functional>
#include <span>
#include <string>
#include <thread>
#include <vector>

#include "base/channel.h"
#include "base/guarded.h"
#include "enforce/ban_ledger.h"
#include "enforce/known_sources.h"
#include "enforce/offenders.h"
#include "enforce/shield_table.h"
#include "keeper.h"
#include "metrics/counters.h"
#include "requests.h"

namespace sipward::shield {

// What an earlier run left in the database.
struct Stored {
  std::vector<store::BanRecord> bans;
  std::vector<store::Offence> offences;
  std::vector<store::KnownRecord> known;
};
[[nodiscard]] Result<Stored> read_stored(store::Store& store, WallTime now);

// Thread-safe. Workers use requests() and known_requests() alone; everything else is called by the control
// loop.
class Enforcer {
 public:
  // As many bans and known sources as the table has room for.
  Enforcer(enforce::ShieldTable table, std::vector<store::WhitelistEntry> whitelist, Keeper& keeper,
           metrics::Counters& counters);
  ~Enforcer();

  [[nodiscard]] Channel<BanRequest>& requests() { return requests_; }
  [[nodiscard]] Channel<KnownRequest>& known_requests() { return known_requests_; }

  // How long bans last from now on.
  void set_escalation(enforce::Escalation escalation);

  // Puts what the database and the kernel still hold into the ledger, and all of it into the kernel. Counts
  // what an earlier daemon took into its grave. True: the kernel's table was taken over.
  [[nodiscard]] Result<bool> install(const Stored& stored, WallTime now);
  // The threads that work the requests off.
  void start();
  void stop();
  [[nodiscard]] Instant last_beat() const { return std::min(bans_beat_.last(), known_beat_.last()); }

  struct Added {
    enforce::Ban ban;
    bool extended = false;
    bool kept = false;  // it was banned for as long already
  };
  // `refused`: an own address, a whitelisted source, or a net that is too wide.
  [[nodiscard]] Result<Added> ban(const Prefix& net, const enforce::Cause& cause,
                                  std::optional<WallTime> expires, Now now);
  // Every ban inside `net`, which is forgiven: its next ban is again a first one. `not_found` says plainly
  // that it is not banned.
  [[nodiscard]] Result<std::vector<enforce::Ban>> unban(const Prefix& net, const std::string& how, Now now);
  [[nodiscard]] Result<std::size_t> flush(std::string_view origin, const std::string& how, Now now);
  [[nodiscard]] std::vector<enforce::Ban> bans(std::size_t limit, std::size_t& total);
  [[nodiscard]] std::optional<enforce::Ban> covering(const Address& address);
  [[nodiscard]] std::size_t ban_count();
  // The kernel's own word on a banned address or prefix; nothing if it does not hold it, or it is a net that
  // an operator banned.
  [[nodiscard]] std::optional<enforce::ElementInfo> in_kernel(const Prefix& net);

  // Those that are known for longest first, the first `limit` (0: all).
  [[nodiscard]] std::vector<enforce::KnownSource> known(std::size_t limit, std::size_t& total);
  [[nodiscard]] std::optional<enforce::KnownSource> find_known(const Address& address);
  [[nodiscard]] std::size_t known_count();
  // `not_found`: it is not known.
  [[nodiscard]] Result<enforce::KnownSource> forget_known(const Address& address);

  struct Whitelisted {
    std::vector<enforce::Ban> lifted;
    bool updated = false;
  };
  [[nodiscard]] Result<Whitelisted> whitelist(const store::WhitelistEntry& entry, Now now);
  [[nodiscard]] Result<store::WhitelistEntry> remove_whitelist(const Prefix& net, Now now);
  [[nodiscard]] std::vector<store::WhitelistEntry> whitelist();

  [[nodiscard]] Result<void> set_observe(bool observe);
  [[nodiscard]] Result<void> change(const enforce::ShieldTableOptions& wanted);
  [[nodiscard]] Result<std::map<std::string, enforce::CounterValue>> counters();
  [[nodiscard]] enforce::QueueTarget queue_target();

  // Once or twice a second: ends what has ended, and rebuilds the table if somebody deleted it. Returns
  // whether the table is there.
  bool tend(Now now);

  [[nodiscard]] Result<void> stand_down();
  [[nodiscard]] Result<void> remove();

 private:
  struct State {
    enforce::ShieldTable table;
    enforce::BanLedger ledger;
    enforce::KnownSources known;
    enforce::Offenders offenders;
    enforce::Escalation escalation;
    std::vector<store::WhitelistEntry> whitelist;
    std::uint64_t handle = 0;          // of the table that was installed
    std::uint64_t evictions_told = 0;  // of offenders
  };
  // Bans that a batch of requests begins or extends.
  struct Begun {
    WallTime time;
    std::vector<Address> own;
    std::vector<TimedPrefix> nets{};
    std::vector<store::BanRecord> records{};
    std::vector<std::string> refused{};
  };
  // When a thread last came round.
  class Beat {
   public:
    void now() {
      at_.store(std::chrono::steady_clock::now().time_since_epoch().count(), std::memory_order_relaxed);
    }
    [[nodiscard]] Instant last() const {
      return Instant(Instant::duration(at_.load(std::memory_order_relaxed)));
    }

   private:
    std::atomic<Instant::rep> at_{0};
  };

  // enforcer_start.cc
  [[nodiscard]] Result<void> adopt_kernel_bans(State& state, WallTime now);
  [[nodiscard]] Result<void> adopt_kernel_known(State& state, WallTime now);
  [[nodiscard]] Result<bool> install_tables(State& state, WallTime now);
  void count_lost_with_daemon(State& state);
  // enforcer.cc
  template <class Request>
  void work_off(Channel<Request>& channel, Beat& beat, void (Enforcer::*take)(std::span<const Request>));
  void expire(State& state, Now now);
  // enforcer_bans.cc
  void carry_out(std::span<const BanRequest> requests);
  void begin(State& state, const BanRequest& request, Begun& begun);
  void begin_prefix(State& state, const BanRequest& request, Begun& begun);
  [[nodiscard]] bool put(State& state, const BanRequest& request, Begun& begun);
  void log_bans(const Begun& begun, Now now);
  void enforce_each(State& state, const std::vector<TimedPrefix>& nets, WallTime now);
  [[nodiscard]] Result<std::vector<enforce::Ban>> lift(State& state, std::vector<enforce::Ban> bans,
                                                       WallTime now);
  // enforcer_known.cc
  void learn(std::span<const KnownRequest> requests);
  // enforcer_whitelist.cc
  [[nodiscard]] Result<void> change_whitelist(State& state, std::vector<store::WhitelistEntry> wanted,
                                              const std::function<Result<void>()>& store_change,
                                              WallTime now);

  Guarded<State> state_;
  Keeper& keeper_;
  metrics::Counters& counters_;
  Channel<BanRequest> requests_;
  Channel<KnownRequest> known_requests_;
  std::size_t lines_left_ = 0;  // of the log, in the second that began at log_second_
  Instant log_second_;
  Beat bans_beat_;
  Beat known_beat_;
  std::thread bans_thread_;
  std::thread known_thread_;
};

// What the kernel's sets hold for these entries.
[[nodiscard]] enforce::Lists lists_of(const std::vector<store::WhitelistEntry>& whitelist);

// The entries that cover `address` and have not ended, the narrowest first.
[[nodiscard]] std::vector<store::WhitelistEntry> entries_covering(
    const std::vector<store::WhitelistEntry>& entries, const Address& address, WallTime now);

// Bans as the store keeps them.
[[nodiscard]] store::BanRecord record_of(const enforce::Ban& ban);
[[nodiscard]] std::vector<store::EndedBan> ended(const std::vector<enforce::Ban>& bans, WallTime at,
                                                 const std::string& how);

// Takes out of the ledger the bans of prefixes around `net`, which somebody in it has made wrong.
[[nodiscard]] std::vector<enforce::Ban> take_prefix_bans_around(enforce::BanLedger& ledger,
                                                                const Prefix& net);
// The whitelist's word against a ban of `net`; nothing: there is none.
[[nodiscard]] const store::WhitelistEntry* entry_against(const std::vector<store::WhitelistEntry>& whitelist,
                                                         const Prefix& net, WallTime now);

}  // namespace sipward::shield
