#include "enforcer.h"
#include "log.h"

namespace sipward::shield {
namespace {

using enforce::KnownSource;
using enforce::KnownSources;

// Phones register again every minute or so, hundreds of them behind one address. While most of its time is
// left, a little more of it is not worth a transaction and a write to the disk.
constexpr auto kGrain = std::chrono::minutes(1);
constexpr auto kPlenty = std::chrono::minutes(10);

bool is_hardly_longer(const KnownSource* known, const KnownRequest& request, WallTime now) {
  return known && request.until < known->until + kGrain && known->until > now + kPlenty;
}

// Those that an operator made stay.
void take_bans_against(enforce::BanLedger& ledger, const Address& source, std::vector<enforce::Ban>& taken) {
  const enforce::Ban* ban = ledger.find(source);
  if (ban && ban->is_automatic()) taken.push_back(*ledger.remove_exactly(source));
  for (enforce::Ban& around : take_prefix_bans_around(ledger, source)) taken.push_back(std::move(around));
}

}  // namespace

// Whom the softswitch accepted is no stranger: what the shield did against it and its net is undone.
void Enforcer::learn(std::span<const KnownRequest> requests) {
  const Now time = now();
  std::vector<store::KnownRecord> learned;
  std::vector<Address> displaced;
  std::vector<enforce::Ban> lifted;
  state_.with([&](State& state) {
    std::vector<TimedPrefix> hosts;
    for (const KnownRequest& request : requests) {
      if (request.until <= time.wall || entry_against(state.whitelist, request.source, time.wall)) continue;
      if (is_hardly_longer(state.known.find(request.source), request, time.wall)) continue;
      std::optional<KnownSource> gone;
      const auto outcome = state.known.put({request.source, time.wall, request.until, request.how}, gone);
      if (gone) displaced.push_back(gone->address);
      if (gone || outcome == KnownSources::Outcome::refused)
        counters_.event(metrics::Event::known_full).add();
      if (outcome == KnownSources::Outcome::refused || outcome == KnownSources::Outcome::kept) continue;
      if (outcome == KnownSources::Outcome::added) counters_.event(metrics::Event::known_added).add();
      const KnownSource& known = *state.known.find(request.source);
      hosts.push_back({known.address, known.until});
      learned.push_back({known.address, known.since, known.until, known.how});
      take_bans_against(state.ledger, request.source, lifted);
    }
    // What was learned in this batch may have been displaced in it, and the other way round.
    std::erase_if(displaced, [&](const Address& address) { return state.known.find(address); });
    auto done = hosts.empty() ? Result<void>{} : state.table.know(hosts, time.wall);
    if (done && !displaced.empty()) done = state.table.forget(displaced);
    if (done && !lifted.empty()) {
      if (auto undone = lift(state, std::move(lifted), time.wall); undone)
        lifted = std::move(*undone);
      else
        done = tl::unexpected(undone.error());
    }
    if (done) return;
    counters_.event(metrics::Event::known_failed).add();
    log_error("the kernel does not take over who is known: {}", done.error().text);
  });
  for (const enforce::Ban& ban : lifted)
    log_info("lifted the ban of {}: the softswitch accepted somebody there", ban.net.to_string());
  keeper_.save(std::vector<store::BanRecord>(), ended(lifted, time.wall, "known"));
  keeper_.save(std::move(learned), std::move(displaced));
}

std::vector<KnownSource> Enforcer::known(std::size_t limit, std::size_t& total) {
  return state_.with([&](State& state) {
    total = state.known.size();
    return state.known.list(limit);
  });
}

std::optional<KnownSource> Enforcer::find_known(const Address& address) {
  return state_.with([&](State& state) -> std::optional<KnownSource> {
    const KnownSource* known = state.known.find(address);
    return known ? std::optional(*known) : std::nullopt;
  });
}

std::size_t Enforcer::known_count() {
  return state_.with([](State& state) { return state.known.size(); });
}

Result<KnownSource> Enforcer::forget_known(const Address& address) {
  auto forgotten = state_.with([&](State& state) -> Result<KnownSource> {
    if (!state.known.find(address)) return fail(ErrorKind::not_found, "{} is not known", address.to_string());
    if (auto done = state.table.forget(std::span(&address, 1)); !done) return tl::unexpected(done.error());
    return *state.known.remove(address);
  });
  if (forgotten) keeper_.save(std::vector<store::KnownRecord>(), std::vector{address});
  return forgotten;
}

}  // namespace sipward::shield
