#include "enforcer.h"

#include <algorithm>

#include "base/duration.h"
#include "local_addresses.h"
#include "log.h"

namespace sipward::shield {
namespace {

using enforce::Ban;
using enforce::BanLedger;

// What the kernel tells of a ban's end is rounded, and read a moment later: hardly longer is not moved.
constexpr auto kEndGrain = std::chrono::seconds(1);
constexpr std::size_t kRequestQueue = 65536;
constexpr std::size_t kBansPerTransaction = 2000;
constexpr std::size_t kLogLinesPerSecond = 20;
// Wider bans are surely slips of the pen: a /8 is the largest block ever given to one holder.
constexpr unsigned kBanLengthMinV4 = 8;
constexpr unsigned kBanLengthMinV6 = 19;

const store::WhitelistEntry* overlapping(const std::vector<store::WhitelistEntry>& whitelist,
                                         const Prefix& net, WallTime now) {
  const auto it = std::ranges::find_if(whitelist, [&](const store::WhitelistEntry& entry) {
    return entry.net.overlaps(net) && (!entry.expires || *entry.expires > now);
  });
  return it == whitelist.end() ? nullptr : &*it;
}

Result<void> may_ban(const std::vector<store::WhitelistEntry>& whitelist, const std::vector<Address>& own,
                     const Prefix& net, WallTime now) {
  const unsigned length_min = net.family() == Family::ipv4 ? kBanLengthMinV4 : kBanLengthMinV6;
  if (net.length() < length_min)
    return fail(ErrorKind::refused, "{} is wider than /{}: that would cut off too many at once",
                net.to_string(), length_min);
  if (const store::WhitelistEntry* entry = overlapping(whitelist, net, now))
    return fail(ErrorKind::refused, "{} is whitelisted by {}; remove that first: sipward whitelist remove {}",
                net.to_string(), entry->net.to_string(), entry->net.to_string());
  for (const Address& address : own)
    if (net.contains(address))
      return fail(ErrorKind::refused, "{} holds {}, an address of this host", net.to_string(),
                  address.to_string());
  return {};
}

// Hosts go by delta; nets are always written whole, for they are few and may overlap.
Result<void> lift_in_kernel(enforce::ShieldTable& table, const BanLedger& ledger,
                            const std::vector<Ban>& bans, WallTime now) {
  std::vector<Address> hosts;
  bool nets = false;
  for (const Ban& ban : bans) {
    if (ban.net.is_host())
      hosts.push_back(ban.net.base());
    else
      nets = true;
  }
  if (auto done = table.unban(hosts); !done) return done;
  return nets ? table.put_banned_nets(ledger.nets(), now) : Result<void>{};
}

}  // namespace

store::BanRecord record_of(const Ban& ban) {
  return {ban.net,     ban.cause->reason, ban.cause->rule, ban.cause->origin, ban.cause->verified,
          ban.created, ban.expires};
}

std::vector<store::EndedBan> ended(const std::vector<Ban>& bans, WallTime at, const std::string& how) {
  std::vector<store::EndedBan> records;
  for (const Ban& ban : bans) records.push_back({record_of(ban), at, how});
  return records;
}

Enforcer::Enforcer(enforce::ShieldTable table, std::size_t bans_max,
                   std::vector<store::WhitelistEntry> whitelist, Keeper& keeper, metrics::Counters& counters)
    : state_(State{std::move(table), BanLedger(bans_max), std::move(whitelist), 0}),
      keeper_(keeper),
      counters_(counters),
      requests_(kRequestQueue) {}

Enforcer::~Enforcer() {
  stop();
}

Result<bool> Enforcer::install(const std::vector<store::BanRecord>& stored, WallTime now) {
  return state_.with([&](State& state) -> Result<bool> {
    for (const store::BanRecord& record : stored)
      state.ledger.put(record.net, {record.reason, record.rule, record.origin, record.verified},
                       record.created, record.expires);
    if (auto done = adopt_kernel_bans(state, now); !done) return tl::unexpected(done.error());
    count_lost_with_daemon(state);
    return install_tables(state, now);
  });
}

// A ban that a killed daemon had no time to write down still stands in the kernel; so does one whose end was
// moved.
Result<void> Enforcer::adopt_kernel_bans(State& state, WallTime now) {
  const auto kernel = state.table.banned();
  if (!kernel)
    return kernel.error().kind == ErrorKind::not_found ? Result<void>{} : tl::unexpected(kernel.error());
  std::vector<store::BanRecord> unknown;
  for (const enforce::ElementInfo& element : *kernel) {
    const Prefix net(element.address);
    const std::optional<WallTime> expires = element.left ? std::optional(now + *element.left) : std::nullopt;
    const Ban* known = state.ledger.find(net);
    if (known && (!known->expires || (expires && *expires <= *known->expires + kEndGrain))) continue;
    const enforce::Cause cause = known ? *known->cause : enforce::Cause{"adopted", "", "auto:adopted", false};
    state.ledger.put(net, cause, now, expires);
    unknown.push_back(record_of(*state.ledger.find(net)));
  }
  if (!unknown.empty())
    log_info("took over {} bans that the kernel held and the database did not", unknown.size());
  keeper_.save(std::move(unknown), {});
  return {};
}

// Packets that were in a queue when a daemon was killed are gone without a count. Without a daemon nothing is
// in a queue, so what is missing in the kernel's own sum is exactly that; two equal readings make sure that
// no packet was on its way.
void Enforcer::count_lost_with_daemon(State& state) {
  const auto handle = state.table.present();
  if (!handle || !*handle || !counters_.attach(**handle, wall_now())) return;
  std::map<std::string, std::uint64_t> last;
  for (int attempt = 0; attempt < 50; ++attempt) {
    const auto read = state.table.counters();
    if (!read) return;
    std::map<std::string, std::uint64_t> packets;
    for (const auto& [name, value] : *read) packets[name] = value.packets;
    if (packets == last) {
      auto& lost = counters_.event(metrics::Event::lost_with_daemon);
      const std::uint64_t settled = packets["passed"] + packets["bypassed_no_daemon"] +
                                    packets["bypassed_queue_full"] + counters_.dropped() + lost.get() +
                                    counters_.event(metrics::Event::lost_in_queue).get();
      if (packets["queued"] > settled) lost.add(packets["queued"] - settled);
      return;
    }
    last = std::move(packets);
  }
  log_warning("packets lost with the earlier daemon cannot be told apart: traffic is too dense");
}

Result<bool> Enforcer::install_tables(State& state, WallTime now) {
  enforce::Lists lists = lists_of(state.whitelist);
  lists.banned = state.ledger.hosts_and_nets();
  const auto installed = state.table.install(lists, now);
  if (!installed) return tl::unexpected(installed.error());
  state.handle = installed->handle;
  counters_.attach(installed->handle, now);
  if (auto restored = state.table.restore(lists.banned, now); !restored) {
    counters_.event(metrics::Event::bans_failed).add();
    log_error("not all bans could be restored: {}", restored.error().text);
  }
  return installed->adopted;
}

void Enforcer::start() {
  beat_.store(now().steady.time_since_epoch().count(), std::memory_order_relaxed);
  thread_ = std::thread([this] { run(); });
}

void Enforcer::stop() {
  requests_.close();
  if (thread_.joinable()) thread_.join();
}

void Enforcer::run() {
  while (!requests_.is_drained()) {
    const auto requests = requests_.take_all(std::chrono::milliseconds(500));
    for (std::span rest(requests); !rest.empty();
         rest = rest.subspan(std::min(rest.size(), kBansPerTransaction)))
      carry_out(rest.first(std::min(rest.size(), kBansPerTransaction)));
    beat_.store(now().steady.time_since_epoch().count(), std::memory_order_relaxed);
  }
}

void Enforcer::carry_out(std::span<const BanRequest> requests) {
  const WallTime time = wall_now();
  const std::vector<Address> own = own_addresses();
  std::vector<store::BanRecord> saved;
  state_.with([&](State& state) {
    std::vector<TimedPrefix> hosts;
    for (const BanRequest& request : requests) {
      const Prefix net(request.source);
      if (!may_ban(state.whitelist, own, net, time)) continue;
      const auto outcome = state.ledger.put(net, request.cause, time, time + request.duration);
      if (outcome == BanLedger::Outcome::full) counters_.event(metrics::Event::bans_full).add();
      if (outcome == BanLedger::Outcome::full || outcome == BanLedger::Outcome::kept) continue;
      counters_
          .event(outcome == BanLedger::Outcome::added ? metrics::Event::bans_added
                                                      : metrics::Event::bans_extended)
          .add();
      hosts.push_back({net, time + request.duration});
      saved.push_back(record_of(*state.ledger.find(net)));
    }
    if (hosts.empty()) return;
    if (auto done = state.table.ban(hosts, time); !done) enforce_each(state, hosts, time);
  });
  log_bans(saved, now());
  keeper_.save(std::move(saved), {});
}

// Every ban is told, but a flood must not fill the disk with lines.
void Enforcer::log_bans(const std::vector<store::BanRecord>& bans, Now now) {
  if (now.steady - log_second_ >= std::chrono::seconds(1)) {
    log_second_ = now.steady;
    lines_left_ = kLogLinesPerSecond;
  }
  std::size_t told = 0;
  for (; told < bans.size() && lines_left_ > 0; ++told, --lines_left_) {
    const store::BanRecord& ban = bans[told];
    log_info("banned {} for {}: {} {}{}", ban.net.to_string(),
             format_duration(*ban.expires - now.wall + std::chrono::milliseconds(999)), ban.reason, ban.rule,
             ban.verified ? "" : " (unverified)");
  }
  if (told < bans.size()) log_info("banned {} more", bans.size() - told);
}

// A transaction is all or nothing: one element that the kernel refuses must not cost the others.
void Enforcer::enforce_each(State& state, const std::vector<TimedPrefix>& hosts, WallTime now) {
  std::string last;
  for (const TimedPrefix& host : hosts) {
    const auto done = state.table.ban(std::span(&host, 1), now);
    if (done) continue;
    counters_.event(metrics::Event::bans_failed).add();
    last = done.error().text;
  }
  if (!last.empty()) log_error("bans that the kernel refused are enforced by the workers alone: {}", last);
}

Result<Enforcer::Added> Enforcer::ban(const Prefix& net, const enforce::Cause& cause,
                                      std::optional<WallTime> expires, Now now) {
  auto added = state_.with([&](State& state) -> Result<Added> {
    if (auto may = may_ban(state.whitelist, own_addresses(), net, now.wall); !may)
      return tl::unexpected(may.error());
    const auto outcome = state.ledger.put(net, cause, now.wall, expires);
    if (outcome == BanLedger::Outcome::full)
      return fail("no more addresses can be banned: bans.addresses_max is reached");
    const Ban& ban = *state.ledger.find(net);
    const TimedPrefix entry{net, ban.expires};
    auto done = net.is_host() ? state.table.ban(std::span(&entry, 1), now.wall)
                              : state.table.put_banned_nets(state.ledger.nets(), now.wall);
    if (!done) {
      if (outcome == BanLedger::Outcome::added) state.ledger.remove(net);
      return tl::unexpected(done.error());
    }
    return Added{ban, outcome == BanLedger::Outcome::extended, outcome == BanLedger::Outcome::kept};
  });
  if (added) keeper_.save({record_of(added->ban)}, {});
  return added;
}

// Takes out of the kernel what has been taken out of the ledger; what the kernel does not let go of goes
// back.
Result<std::vector<Ban>> Enforcer::lift(State& state, std::vector<Ban> bans, WallTime now) {
  if (auto done = lift_in_kernel(state.table, state.ledger, bans, now); !done) {
    for (const Ban& ban : bans) state.ledger.put(ban.net, *ban.cause, ban.created, ban.expires);
    return tl::unexpected(done.error());
  }
  return bans;
}

Result<std::vector<Ban>> Enforcer::unban(const Prefix& net, const std::string& how, Now now) {
  auto removed = state_.with([&](State& state) -> Result<std::vector<Ban>> {
    std::vector<Ban> bans = state.ledger.remove(net);
    if (bans.empty()) return fail(ErrorKind::not_found, "{} is not banned", net.to_string());
    return lift(state, std::move(bans), now.wall);
  });
  if (removed) keeper_.save({}, ended(*removed, now.wall, how));
  return removed;
}

Result<std::size_t> Enforcer::flush(std::string_view origin, const std::string& how, Now now) {
  auto removed = state_.with([&](State& state) -> Result<std::vector<Ban>> {
    return lift(state, state.ledger.flush(origin), now.wall);
  });
  if (!removed) return tl::unexpected(removed.error());
  keeper_.save({}, ended(*removed, now.wall, how));
  return removed->size();
}

std::vector<Ban> Enforcer::bans(std::size_t limit, std::size_t& total) {
  return state_.with([&](State& state) {
    total = state.ledger.size();
    return state.ledger.list(limit);
  });
}

std::optional<Ban> Enforcer::covering(const Address& address) {
  return state_.with([&](State& state) -> std::optional<Ban> {
    const Ban* ban = state.ledger.covering(address);
    return ban ? std::optional(*ban) : std::nullopt;
  });
}

std::size_t Enforcer::ban_count() {
  return state_.with([](State& state) { return state.ledger.size(); });
}

std::optional<enforce::ElementInfo> Enforcer::in_kernel(const Address& address) {
  return state_.with([&](State& state) -> std::optional<enforce::ElementInfo> {
    auto element = state.table.banned(address);
    return element ? *element : std::nullopt;
  });
}

Result<void> Enforcer::set_observe(bool observe) {
  return state_.with([&](State& state) { return state.table.set_observe(observe); });
}

Result<void> Enforcer::change(const enforce::ShieldTableOptions& wanted) {
  return state_.with([&](State& state) { return state.table.change(wanted); });
}

Result<std::map<std::string, enforce::CounterValue>> Enforcer::counters() {
  return state_.with([](State& state) { return state.table.counters(); });
}

enforce::QueueTarget Enforcer::queue_target() {
  return state_.with([](State& state) { return state.table.queue_target(); });
}

void Enforcer::expire(State& state, Now now) {
  const std::vector<Ban> over = state.ledger.expire(now.wall);
  keeper_.save({}, ended(over, now.wall, "expired"));
  std::vector<Prefix> entries;
  for (const store::WhitelistEntry& entry : state.whitelist)
    if (entry.expires && *entry.expires <= now.wall) entries.push_back(entry.net);
  for (const Prefix& net : entries) {
    log_info("the whitelist entry {} has ended", net.to_string());
    std::erase_if(state.whitelist, [&](const auto& entry) { return entry.net == net; });
    // If the database cannot be written the entry ends again at the next start: its end is stored with it.
    if (auto done = keeper_.with_store([&](store::Store& store) { return store.remove_whitelist(net); });
        !done)
      counters_.event(metrics::Event::store_errors).add();
  }
}

bool Enforcer::tend(Now now) {
  return state_.with([&](State& state) {
    expire(state, now);
    const auto handle = state.table.present();
    if (handle && *handle == state.handle) return true;
    log_error("somebody deleted table inet {} (nft flush ruleset?): making it anew", enforce::kTable);
    const auto installed = install_tables(state, now.wall);
    if (!installed) {
      log_error("table inet {} cannot be made: {}", enforce::kTable, installed.error().text);
      return false;
    }
    counters_.event(metrics::Event::table_rebuilt).add();
    return true;
  });
}

Result<void> Enforcer::stand_down() {
  return state_.with([](State& state) { return state.table.stand_down(); });
}

Result<void> Enforcer::remove() {
  return state_.with([](State& state) { return state.table.remove(); });
}

}  // namespace sipward::shield
