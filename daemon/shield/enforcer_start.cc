#include "enforcer.h"
#include "log.h"

namespace sipward::shield {
namespace {

// What the kernel tells of an end is rounded, and read a moment later: hardly longer is not moved.
constexpr auto kEndGrain = std::chrono::seconds(1);
// The last of them; in a file there may be many more.
constexpr std::size_t kOffencesRead = 200000;
// For the longest time that any setting lets an offence count.
constexpr auto kOffencesAge = std::chrono::days(400);

store::KnownRecord record_of(const enforce::KnownSource& source) {
  return {source.address, source.since, source.until, source.how};
}

}  // namespace

Result<Stored> read_stored(store::Store& store, WallTime now) {
  auto bans = store.bans(now);
  if (!bans) return tl::unexpected(bans.error());
  auto offences = store.offences(now - kOffencesAge, kOffencesRead);
  if (!offences) return tl::unexpected(offences.error());
  auto known = store.known(now);
  if (!known) return tl::unexpected(known.error());
  return Stored{std::move(*bans), std::move(*offences), std::move(*known)};
}

Result<bool> Enforcer::install(const Stored& stored, WallTime now) {
  return state_.with([&](State& state) -> Result<bool> {
    for (const store::BanRecord& record : stored.bans)
      state.ledger.put(record.net, {record.reason, record.rule, record.origin, record.verified},
                       record.created, record.expires);
    for (const store::Offence& offence : stored.offences)
      if (offence.forgiven)
        state.offenders.forgive(offence.net);
      else
        state.offenders.offend(offence.net, state.escalation, offence.begun, offence.ended);
    std::optional<enforce::KnownSource> displaced;
    for (const store::KnownRecord& record : stored.known)
      state.known.put({record.address, record.since, record.until, record.how}, displaced);
    if (auto done = adopt_kernel_bans(state, now); !done) return tl::unexpected(done.error());
    if (auto done = adopt_kernel_known(state, now); !done) return tl::unexpected(done.error());
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
    const Prefix& net = element.net;
    const std::optional<WallTime> expires = element.left ? std::optional(now + *element.left) : std::nullopt;
    const enforce::Ban* known = state.ledger.find(net);
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

// The same for known sources.
Result<void> Enforcer::adopt_kernel_known(State& state, WallTime now) {
  const auto kernel = state.table.known();
  if (!kernel)
    return kernel.error().kind == ErrorKind::not_found ? Result<void>{} : tl::unexpected(kernel.error());
  std::vector<store::KnownRecord> unknown;
  std::optional<enforce::KnownSource> displaced;
  for (const enforce::ElementInfo& element : *kernel) {
    if (!element.left) continue;
    const enforce::KnownSource* known = state.known.find(element.net.base());
    const WallTime until = now + *element.left;
    if (known && until <= known->until + kEndGrain) continue;
    const std::string how = known ? known->how : "adopted";
    state.known.put({element.net.base(), now, until, how}, displaced);
    if (const auto* taken = state.known.find(element.net.base())) unknown.push_back(record_of(*taken));
  }
  keeper_.save(std::move(unknown), std::vector<Address>());
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
  lists.banned = state.ledger.nets();
  for (const enforce::KnownSource& source : state.known.list(0))
    lists.known.push_back({source.address, source.until});
  const auto installed = state.table.install(lists, now);
  if (!installed) return tl::unexpected(installed.error());
  state.handle = installed->handle;
  counters_.attach(installed->handle, now);
  if (auto restored = state.table.restore(state.ledger.hosts_and_prefixes(), now); !restored) {
    counters_.event(metrics::Event::bans_failed).add();
    log_error("not all bans could be restored: {}", restored.error().text);
  }
  return installed->adopted;
}

}  // namespace sipward::shield
