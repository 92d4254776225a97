#include "enforcer.h"

#include "log.h"

namespace sipward::shield {
namespace {

using enforce::Ban;
using enforce::BanLedger;

constexpr std::size_t kRequestQueue = 65536;
constexpr std::size_t kRequestsPerTransaction = 2000;
constexpr std::size_t kOffendersMax = 100000;

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

Enforcer::Enforcer(enforce::ShieldTable table, std::vector<store::WhitelistEntry> whitelist, Keeper& keeper,
                   metrics::Counters& counters)
    : state_([&] {
        const enforce::ShieldTableOptions& options = table.options();
        BanLedger ledger(options.bans_max, enforce::kPrefixBansMax);
        enforce::KnownSources known(options.known_max);
        return State{
            std::move(table),    std::move(ledger), std::move(known), enforce::Offenders(kOffendersMax), {},
            std::move(whitelist)};
      }()),
      keeper_(keeper),
      counters_(counters),
      requests_(kRequestQueue),
      known_requests_(kRequestQueue) {}

Enforcer::~Enforcer() {
  stop();
}

void Enforcer::set_escalation(enforce::Escalation escalation) {
  state_.with([&](State& state) { state.escalation = std::move(escalation); });
}

void Enforcer::start() {
  bans_beat_.now();
  known_beat_.now();
  bans_thread_ = std::thread([this] { work_off(requests_, bans_beat_, &Enforcer::carry_out); });
  known_thread_ = std::thread([this] { work_off(known_requests_, known_beat_, &Enforcer::learn); });
}

void Enforcer::stop() {
  requests_.close();
  known_requests_.close();
  for (std::thread* thread : {&bans_thread_, &known_thread_})
    if (thread->joinable()) thread->join();
}

// Each kind has a thread of its own, so that a flood of bans does not hold up who is known.
template <class Request>
void Enforcer::work_off(Channel<Request>& channel, Beat& beat,
                        void (Enforcer::*take)(std::span<const Request>)) {
  while (!channel.is_drained()) {
    const auto requests = channel.take_all(std::chrono::milliseconds(500));
    for (std::span<const Request> rest(requests); !rest.empty();
         rest = rest.subspan(std::min(rest.size(), kRequestsPerTransaction)))
      (this->*take)(rest.first(std::min(rest.size(), kRequestsPerTransaction)));
    beat.now();
  }
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

std::optional<enforce::ElementInfo> Enforcer::in_kernel(const Prefix& net) {
  return state_.with([&](State& state) -> std::optional<enforce::ElementInfo> {
    auto element = state.table.banned(net);
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
  keeper_.save(std::vector<store::BanRecord>(), ended(over, now.wall, "expired"));
  (void)state.known.expire(now.wall);  // the kernel's set ends them too, the database with the next purge
  counters_.event(metrics::Event::offenders_forgotten)
      .add(state.offenders.evictions() - state.evictions_told);
  state.evictions_told = state.offenders.evictions();
  std::vector<Prefix> entries;
  for (const store::WhitelistEntry& entry : state.whitelist)
    if (entry.expires && *entry.expires <= now.wall) entries.push_back(entry.net);
  // From the database they go with the next purge.
  for (const Prefix& net : entries) {
    log_info("the whitelist entry {} has ended", net.to_string());
    std::erase_if(state.whitelist, [&](const auto& entry) { return entry.net == net; });
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
