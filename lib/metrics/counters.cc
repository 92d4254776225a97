#include "metrics/counters.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>

#include <algorithm>
#include <cstring>
#include <utility>

#include "base/handle.h"

namespace sipward::metrics {
namespace {

constexpr std::uint64_t kMagic = 0x5349505741524431;  // "SIPWARD1"
constexpr std::uint64_t kLayout = sizeof(SharedCounters) * 1000 + decide::kReasons * 10 + 1;
static_assert(std::atomic<std::uint64_t>::is_always_lock_free, "counters are shared between processes");

constexpr std::array<std::string_view, static_cast<std::size_t>(Event::count_)> kEventNames{
    "bans_added",    "bans_extended", "bans_full",        "bans_lost",     "bans_failed",
    "bans_observed", "evidence_lost", "store_errors",     "table_rebuilt", "lost_with_daemon",
    "lost_in_queue", "tcp_resets",    "known_lost",       "tcp_resets_failed",
    "prefix_bans_refused", "known_added", "known_full", "known_failed", "offenders_forgotten"};

constexpr std::array<std::string_view, kLearnings> kLearningNames{
    "answers",           "answers_lost",       "refused_credentials", "unknown_targets",
    "sources_forgotten", "prefixes_forgotten", "dossiers_forgotten",  "not_counted"};

void start_anew(SharedCounters& map) {
  std::memset(static_cast<void*>(&map), 0, sizeof map);
  map.magic = kMagic;
  map.layout = kLayout;
}

std::string_view stored_name(std::string_view id) {
  return id.substr(0, sizeof(RuleCounter::id) - 1);
}

std::string_view name_of(const RuleCounter& rule) {
  return rule.id.data();
}

template <class Get>
std::uint64_t sum(std::span<const WorkerCounters> workers, Get get) {
  std::uint64_t total = 0;
  for (const WorkerCounters& worker : workers) total += get(worker).get();
  return total;
}

}  // namespace

std::size_t method_index(std::string_view method) {
  const auto it = std::ranges::find(kMethods, method);
  return it == kMethods.end() ? kMethods.size() - 1 : static_cast<std::size_t>(it - kMethods.begin());
}

std::string_view to_string(Event event) {
  return kEventNames[static_cast<std::size_t>(event)];
}

std::string_view to_string(Learning learning) {
  return kLearningNames[static_cast<std::size_t>(learning)];
}

void Counters::Unmap::operator()(SharedCounters* map) const {
  munmap(map, sizeof *map);
}

Result<Counters> Counters::open(const std::filesystem::path& path) {
  const std::string attempted = fmt::format("cannot open the counters {}", path.string());
  const Fd fd(::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0640));
  if (!fd.valid() || ::ftruncate(fd.get(), sizeof(SharedCounters)) != 0) return fail_errno(errno, attempted);
  void* memory = mmap(nullptr, sizeof(SharedCounters), PROT_READ | PROT_WRITE, MAP_SHARED, fd.get(), 0);
  if (memory == MAP_FAILED) return fail_errno(errno, attempted);
  auto* map = static_cast<SharedCounters*>(memory);
  if (map->magic != kMagic || map->layout != kLayout) start_anew(*map);
  return Counters(map);
}

Result<Counters> Counters::in_memory() {
  void* memory =
      mmap(nullptr, sizeof(SharedCounters), PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (memory == MAP_FAILED) return fail_errno(errno, "cannot make the counters");
  auto* map = static_cast<SharedCounters*>(memory);
  start_anew(*map);
  return Counters(map);
}

bool Counters::attach(std::uint64_t table_handle, WallTime now) {
  if (map_->table_handle == table_handle && map_->since_ms != 0) return true;
  for (SharedCounter& event : map_->events) event.set(0);
  for (WorkerCounters& worker : map_->workers) std::memset(static_cast<void*>(&worker), 0, sizeof worker);
  for (RuleCounter& rule : map_->rules) {  // the names stay: there are leases
    rule.hits.set(0);
    rule.last_hit_ms.set(0);
  }
  map_->table_handle = table_handle;
  map_->since_ms = now.time_since_epoch().count();
  return false;
}

RuleLease& RuleLease::operator=(RuleLease&& other) noexcept {
  std::swap(holders_, other.holders_);
  std::swap(places_, other.places_);
  std::swap(counters_, other.counters_);
  return *this;
}

void RuleLease::add(RuleCounter* counter) {
  counters_.push_back(counter);
  if (counter) ++(*holders_)[static_cast<std::size_t>(counter - places_)];
}

void RuleLease::release() {
  for (const RuleCounter* counter : counters_)
    if (counter) --(*holders_)[static_cast<std::size_t>(counter - places_)];
  counters_.clear();
}

RuleLease Counters::lease(std::span<const std::string> ids) {
  RuleLease lease(holders_, map_->rules.data());
  for (const std::string& id : ids) {
    RuleCounter* known = rule(id);
    lease.add(known ? known : place_for(id));
  }
  return lease;
}

RuleCounter* Counters::rule(std::string_view id) const {
  const auto found =
      std::ranges::find(map_->rules, stored_name(id), [](const RuleCounter& rule) { return name_of(rule); });
  return found == map_->rules.end() || id.empty() ? nullptr : &*found;
}

// A free place has never hit, so it comes before those that are taken from rules which are gone.
RuleCounter* Counters::place_for(std::string_view id) {
  RuleCounter* place = nullptr;
  const auto last_use = [](const RuleCounter& rule) {
    return std::pair(!name_of(rule).empty(), rule.last_hit_ms.get());
  };
  for (std::size_t i = 0; i < kRulesMax; ++i) {
    RuleCounter& rule = map_->rules[i];
    if ((*holders_)[i] == 0 && (!place || last_use(rule) < last_use(*place))) place = &rule;
  }
  if (!place) return nullptr;
  place->hits.set(0);
  place->last_hit_ms.set(0);
  place->id.fill('\0');
  std::ranges::copy(stored_name(id), place->id.begin());
  return place;
}

std::uint64_t Counters::by_reason(decide::Reason reason) const {
  return sum(workers(),
             [=](const auto& w) -> const Counter& { return w.by_reason[static_cast<std::size_t>(reason)]; });
}

std::uint64_t Counters::would_drop(decide::Reason reason) const {
  return sum(workers(),
             [=](const auto& w) -> const Counter& { return w.would_drop[static_cast<std::size_t>(reason)]; });
}

std::uint64_t Counters::method_read(std::size_t method) const {
  return sum(workers(), [=](const auto& w) -> const Counter& { return w.method_read[method]; });
}

std::uint64_t Counters::method_dropped(std::size_t method) const {
  return sum(workers(), [=](const auto& w) -> const Counter& { return w.method_dropped[method]; });
}

std::uint64_t Counters::dropped() const {
  std::uint64_t total = 0;
  for (std::size_t i = 0; i < decide::kReasons; ++i)
    if (is_drop(static_cast<decide::Reason>(i))) total += by_reason(static_cast<decide::Reason>(i));
  return total;
}

std::uint64_t Counters::verdict_errors() const {
  return sum(workers(), [](const auto& w) -> const Counter& { return w.verdict_errors; });
}

std::uint64_t Counters::truncated() const {
  return sum(workers(), [](const auto& w) -> const Counter& { return w.truncated; });
}

std::uint64_t Counters::tcp_trouble(stream::Trouble trouble) const {
  const auto index = static_cast<std::size_t>(trouble);
  return sum(workers(), [index](const auto& w) -> const Counter& { return w.tcp_trouble[index]; });
}

std::uint64_t Counters::tcp_evictions() const {
  return sum(workers(), [](const auto& w) -> const Counter& { return w.tcp_evictions; });
}

std::uint64_t Counters::tcp_connections() const {
  return sum(workers(), [](const auto& w) -> const Counter& { return w.tcp_connections; });
}

std::uint64_t Counters::tcp_bytes() const {
  return sum(workers(), [](const auto& w) -> const Counter& { return w.tcp_bytes; });
}

std::uint64_t Counters::learning(Learning learning) const {
  return sum(workers(), [&](const auto& w) -> const Counter& {
    return w.learnings[static_cast<std::size_t>(learning)];
  });
}

}  // namespace sipward::metrics
