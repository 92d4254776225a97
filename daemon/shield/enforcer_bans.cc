#include <algorithm>

#include "base/duration.h"
#include "enforcer.h"
#include "local_addresses.h"
#include "log.h"

namespace sipward::shield {
namespace {

using enforce::Ban;
using enforce::BanLedger;

constexpr std::size_t kLogLinesPerSecond = 20;
// Wider bans are surely slips of the pen: a /8 is the largest block ever given to one holder.
constexpr unsigned kBanLengthMinV4 = 8;
constexpr unsigned kBanLengthMinV6 = 19;

Result<void> may_ban(const std::vector<store::WhitelistEntry>& whitelist, const std::vector<Address>& own,
                     const Prefix& net, WallTime now) {
  const unsigned length_min = net.family() == Family::ipv4 ? kBanLengthMinV4 : kBanLengthMinV6;
  if (net.length() < length_min)
    return fail(ErrorKind::refused, "{} is wider than /{}: that would cut off too many at once",
                net.to_string(), length_min);
  if (const store::WhitelistEntry* entry = entry_against(whitelist, net, now))
    return fail(ErrorKind::refused, "{} is whitelisted by {}; remove that first: sipward whitelist remove {}",
                net.to_string(), entry->net.to_string(), entry->net.to_string());
  for (const Address& address : own)
    if (net.contains(address))
      return fail(ErrorKind::refused, "{} holds {}, an address of this host", net.to_string(),
                  address.to_string());
  return {};
}

// The kernel's part of a ban that stands in the ledger. Nets of operators are written whole, for they are few
// and may overlap.
Result<void> enforce_ban(enforce::ShieldTable& table, const BanLedger& ledger, const Ban& ban, WallTime now) {
  if (!ban.net.is_host() && !ban.is_of_prefix()) return table.put_banned_nets(ledger.nets(), now);
  const TimedPrefix entry{ban.net, ban.expires};
  return table.ban(std::span(&entry, 1), now);
}

Result<void> lift_in_kernel(enforce::ShieldTable& table, const BanLedger& ledger,
                            const std::vector<Ban>& bans, WallTime now) {
  std::vector<Prefix> hosts;
  bool nets = false;
  for (const Ban& ban : bans) {
    if (ban.net.is_host() || ban.is_of_prefix())
      hosts.push_back(ban.net);
    else
      nets = true;
  }
  if (auto done = table.unban(hosts); !done) return done;
  return nets ? table.put_banned_nets(ledger.nets(), now) : Result<void>{};
}

// The net whose hosts are counted together.
Prefix neighbours_of(const Address& host) {
  return {host, host.family() == Family::ipv4 ? 24U : 64U};
}

}  // namespace

void Enforcer::carry_out(std::span<const BanRequest> requests) {
  const Now time = now();
  Begun begun{time.wall, own_addresses()};
  state_.with([&](State& state) {
    expire(state, time);
    for (const BanRequest& request : requests)
      request.net.is_host() ? begin(state, request, begun) : begin_prefix(state, request, begun);
    if (begun.nets.empty()) return;
    if (auto done = state.table.ban(begun.nets, time.wall); !done) enforce_each(state, begun.nets, time.wall);
  });
  log_bans(begun, time);
  keeper_.save(std::move(begun.records), std::vector<store::EndedBan>());
}

// Packets that were on their way when a proven ban began, or that an operator's ban met, change nothing.
void Enforcer::begin(State& state, const BanRequest& request, Begun& begun) {
  const Address& host = request.net.base();
  if (!may_ban(state.whitelist, begun.own, request.net, begun.time) || state.known.find(host)) return;
  const Ban* running = state.ledger.find(request.net);
  if (running && (running->is_proven() || !running->is_automatic())) return;
  if (!put(state, request, begun) || !request.cause.verified) return;
  const unsigned enough = state.escalation.prefix_offenders;
  const Prefix neighbours = neighbours_of(host);
  const WallTime since = begun.time - state.escalation.forgive;
  if (enough > 0 && state.ledger.offenders_in(neighbours, since, enough) >= enough)
    begin_prefix(state, {neighbours, {"offenders", "", "auto:offenders", true}, {}}, begun);
}

void Enforcer::begin_prefix(State& state, const BanRequest& request, Begun& begun) {
  if (state.ledger.find(request.net)) return;
  std::string against;
  if (!enforce::is_prefix_length(request.net.family(), request.net.length()))
    against = "nets of that length are not banned";
  else if (!request.cause.verified)
    against = "nobody proved to be in it";
  else if (const auto may = may_ban(state.whitelist, begun.own, request.net, begun.time); !may)
    against = may.error().text;
  else if (const enforce::KnownSource* known = state.known.inside(request.net))
    against = fmt::format("{} in it is known", known->address.to_string());
  if (against.empty()) {
    (void)put(state, request, begun);
    return;
  }
  counters_.event(metrics::Event::prefix_bans_refused).add();
  begun.refused.push_back(fmt::format("{}: {}", request.net.to_string(), against));
}

// True: it is banned now, or for longer.
bool Enforcer::put(State& state, const BanRequest& request, Begun& begun) {
  const std::chrono::milliseconds length =
      request.cause.verified ? state.offenders.next_step(request.net, state.escalation, begun.time)
                             : request.duration;
  const WallTime end = begun.time + length;
  const auto outcome = state.ledger.put(request.net, request.cause, begun.time, end);
  if (outcome == BanLedger::Outcome::full) counters_.event(metrics::Event::bans_full).add();
  if (outcome == BanLedger::Outcome::full || outcome == BanLedger::Outcome::kept) return false;
  const bool added = outcome == BanLedger::Outcome::added;
  counters_.event(added ? metrics::Event::bans_added : metrics::Event::bans_extended).add();
  if (request.cause.verified) state.offenders.offend(request.net, state.escalation, begun.time, end);
  begun.nets.push_back({request.net, end});
  begun.records.push_back(record_of(*state.ledger.find(request.net)));
  return true;
}

// Every ban is told, but a flood must not fill the disk with lines.
void Enforcer::log_bans(const Begun& begun, Now now) {
  if (now.steady - log_second_ >= std::chrono::seconds(1)) {
    log_second_ = now.steady;
    lines_left_ = kLogLinesPerSecond;
  }
  std::size_t told = 0;
  for (; told < begun.records.size() && lines_left_ > 0; ++told, --lines_left_) {
    const store::BanRecord& ban = begun.records[told];
    log_info("banned {} for {}: {} {}{}", ban.net.to_string(),
             format_duration(*ban.expires - now.wall + std::chrono::milliseconds(999)), ban.reason, ban.rule,
             ban.verified ? "" : " (unverified)");
  }
  if (told < begun.records.size()) log_info("banned {} more", begun.records.size() - told);
  for (auto it = begun.refused.begin(); it != begun.refused.end() && lines_left_ > 0; ++it, --lines_left_)
    log_info("did not ban {}", *it);
}

// A transaction is all or nothing: one element that the kernel refuses must not cost the others.
void Enforcer::enforce_each(State& state, const std::vector<TimedPrefix>& nets, WallTime now) {
  std::string last;
  for (const TimedPrefix& net : nets) {
    const auto done = state.table.ban(std::span(&net, 1), now);
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
    const Ban* before = state.ledger.find(net);
    const bool was_of_prefix = before && before->is_of_prefix();
    const auto outcome = state.ledger.put(net, cause, now.wall, expires);
    if (outcome == BanLedger::Outcome::full)
      return fail("no more addresses can be banned: bans.addresses_max is reached");
    const Ban& ban = *state.ledger.find(net);
    auto done = enforce_ban(state.table, state.ledger, ban, now.wall);
    if (done && was_of_prefix && !ban.is_of_prefix()) done = state.table.unban(std::span(&net, 1));
    if (!done) {
      if (outcome == BanLedger::Outcome::added) (void)state.ledger.remove_exactly(net);
      return tl::unexpected(done.error());
    }
    return Added{ban, outcome == BanLedger::Outcome::extended, outcome == BanLedger::Outcome::kept};
  });
  if (added) keeper_.save({record_of(added->ban)}, std::vector<store::EndedBan>());
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
    if (bans.empty()) {
      const Ban* around = net.is_host() ? state.ledger.covering(net.base()) : nullptr;
      if (!around) return fail(ErrorKind::not_found, "{} is not banned", net.to_string());
      return fail(ErrorKind::not_found, "{} is not banned by itself, {} is: sipward bans remove {}",
                  net.to_string(), around->net.to_string(), around->net.to_string());
    }
    auto lifted = lift(state, std::move(bans), now.wall);
    if (lifted) state.offenders.forgive(net);
    return lifted;
  });
  if (removed) keeper_.save(std::vector<store::BanRecord>(), ended(*removed, now.wall, how));
  return removed;
}

Result<std::size_t> Enforcer::flush(std::string_view origin, const std::string& how, Now now) {
  auto removed = state_.with([&](State& state) -> Result<std::vector<Ban>> {
    auto lifted = lift(state, state.ledger.flush(origin), now.wall);
    if (lifted)
      for (const Ban& ban : *lifted)
        if (ban.is_proven()) state.offenders.forgive_exactly(ban.net);
    return lifted;
  });
  if (!removed) return tl::unexpected(removed.error());
  keeper_.save(std::vector<store::BanRecord>(), ended(*removed, now.wall, how));
  return removed->size();
}

}  // namespace sipward::shield
