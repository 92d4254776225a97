// Bans and whitelist: the one place that changes the ledger, the kernel's sets and the database together.
#pragma once

#include <atomic>
#include <functional>
#include <span>
#include <string>
#include <thread>
#include <vector>

#include "base/channel.h"
#include "base/guarded.h"
#include "enforce/ban_ledger.h"
#include "enforce/shield_table.h"
#include "keeper.h"
#include "metrics/counters.h"
#include "shield.h"

namespace sipward::shield {

// Thread-safe. Workers use requests() alone; everything else is called by the control loop.
class Enforcer {
 public:
  Enforcer(enforce::ShieldTable table, std::size_t bans_max, std::vector<store::WhitelistEntry> whitelist,
           Keeper& keeper, metrics::Counters& counters);
  ~Enforcer();

  [[nodiscard]] Channel<BanRequest>& requests() { return requests_; }

  // Puts the database's bans and those the kernel still holds into the ledger, and all of it into the kernel.
  // Counts what an earlier daemon took into its grave. True: the kernel's table was taken over.
  [[nodiscard]] Result<bool> install(const std::vector<store::BanRecord>& stored, WallTime now);
  // The thread that works the requests off.
  void start();
  void stop();
  [[nodiscard]] Instant last_beat() const {
    return Instant(Instant::duration(beat_.load(std::memory_order_relaxed)));
  }

  struct Added {
    enforce::Ban ban;
    bool extended = false;
    bool kept = false;  // it was banned for as long already
  };
  // `refused`: an own address, a whitelisted source, or a net that is too wide.
  [[nodiscard]] Result<Added> ban(const Prefix& net, const enforce::Cause& cause,
                                  std::optional<WallTime> expires, Now now);
  // Every ban inside `net`; `not_found` says plainly that it is not banned.
  [[nodiscard]] Result<std::vector<enforce::Ban>> unban(const Prefix& net, const std::string& how, Now now);
  [[nodiscard]] Result<std::size_t> flush(std::string_view origin, const std::string& how, Now now);
  [[nodiscard]] std::vector<enforce::Ban> bans(std::size_t limit, std::size_t& total);
  [[nodiscard]] std::optional<enforce::Ban> covering(const Address& address);
  [[nodiscard]] std::size_t ban_count();
  // The kernel's own word on a banned address; nothing if it does not hold it.
  [[nodiscard]] std::optional<enforce::ElementInfo> in_kernel(const Address& address);

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
    std::vector<store::WhitelistEntry> whitelist;
    std::uint64_t handle = 0;  // of the table that was installed
  };
  void run();
  void carry_out(std::span<const BanRequest> requests);
  void log_bans(const std::vector<store::BanRecord>& bans, Now now);
  void enforce_each(State& state, const std::vector<TimedPrefix>& hosts, WallTime now);
  [[nodiscard]] Result<std::vector<enforce::Ban>> lift(State& state, std::vector<enforce::Ban> bans,
                                                       WallTime now);
  [[nodiscard]] Result<void> change_whitelist(State& state, std::vector<store::WhitelistEntry> wanted,
                                              const std::function<Result<void>()>& store_change,
                                              WallTime now);
  [[nodiscard]] Result<void> adopt_kernel_bans(State& state, WallTime now);
  [[nodiscard]] Result<bool> install_tables(State& state, WallTime now);
  void count_lost_with_daemon(State& state);
  void expire(State& state, Now now);

  Guarded<State> state_;
  Keeper& keeper_;
  metrics::Counters& counters_;
  Channel<BanRequest> requests_;
  std::size_t lines_left_ = 0;  // of the log, in the second that began at log_second_
  Instant log_second_;
  std::atomic<Instant::rep> beat_{0};
  std::thread thread_;
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

}  // namespace sipward::shield
