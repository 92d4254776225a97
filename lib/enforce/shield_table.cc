#include "enforce/shield_table.h"

#include <sys/random.h>

#include <algorithm>
#include <array>
#include <stdexcept>

#include "base/file.h"
#include "enforce/elements.h"
#include "enforce/kernel_probe.h"
#include "enforce/nft_objects.h"
#include "enforce/shield_parts.h"

namespace sipward::enforce {
namespace {

// Raised whenever the chains or sets of shield_layout.cc change, so that a new version does not adopt an old
// table.
constexpr int kLayoutVersion = 3;
constexpr std::size_t kRestoreBatch = 5000;

void refill(NftBatch& batch, std::string_view stem, std::span<const TimedPrefix> entries, WallTime now,
            bool hosts) {
  for (const Family family : kFamilies) {
    if (hosts) {
      flush_set(batch, kTable, set_name(stem, family));
      add_elements(batch, kTable, set_name(stem, family), host_elements(entries, family, now));
    }
    flush_set(batch, kTable, set_name(stem, family, true));
    add_elements(batch, kTable, set_name(stem, family, true), net_elements(entries, family, now));
  }
}

void refill_protected(NftBatch& batch, const std::vector<Prefix>& nets) {
  // Hosts too are ranges here: the set holds intervals alone.
  for (const Family family : kFamilies) {
    std::vector<TimedPrefix> entries;
    for (const Prefix& net : nets) entries.push_back({net, std::nullopt});
    std::vector<Element> elements;
    for (const TimedRange& range : disjoint_ranges(entries, family)) {
      Element element{.key = {range.first.bytes().begin(), range.first.bytes().end()}, .range = true};
      Address after = range.last;
      if (after.increment()) element.key_end = {after.bytes().begin(), after.bytes().end()};
      elements.push_back(std::move(element));
    }
    flush_set(batch, kTable, set_name("protected", family));
    add_elements(batch, kTable, set_name("protected", family), elements);
  }
}

// A metered source keeps the rate that it was first metered with.
void forget_meters(NftBatch& batch) {
  for (const Family family : kFamilies)
    for (const char* metered : meter_stems()) flush_set(batch, kTable, set_name(metered, family));
}

void refill_known(NftBatch& batch, std::span<const TimedPrefix> known, WallTime now) {
  for (const Family family : kFamilies) {
    flush_set(batch, kTable, set_name("known", family));
    add_elements(batch, kTable, set_name("known", family), host_elements(known, family, now));
  }
}

// A hash set of addresses or of nets of one length.
struct HashSet {
  std::string name;
  Family family;
  unsigned length;
};

std::vector<HashSet> ban_sets() {
  std::vector<HashSet> sets;
  for (const Family family : kFamilies)
    sets.push_back({set_name("banned", family), family, whole(family).length});
  for (const PrefixLength& prefix : kPrefixLengths)
    sets.push_back({prefix_set_name(prefix), prefix.family, prefix.length});
  return sets;
}

// Who can tell which worker reads a net could fill that worker's queue.
std::uint32_t random_seed() {
  std::uint32_t seed = 0;
  if (::getrandom(&seed, sizeof seed, 0) != static_cast<ssize_t>(sizeof seed))
    throw std::runtime_error("cannot read random bytes for a hash seed");
  return seed;
}

// The kernel refuses to delete an element twice in one transaction.
std::vector<Element> last_of_each(std::vector<Element> elements) {
  std::ranges::stable_sort(elements, {}, &Element::key);
  const auto is_same = [](const Element& a, const Element& b) { return a.key == b.key; };
  const auto firsts = std::unique(elements.rbegin(), elements.rend(), is_same);
  elements.erase(elements.begin(), firsts.base());
  return elements;
}

// Add, delete, add again with the timeout: before Linux 6.12 adding an element that is there keeps its old
// timeout.
void renew(NftBatch& batch, const std::string& set, std::vector<Element> elements) {
  elements = last_of_each(std::move(elements));
  delete_elements(batch, kTable, set, elements);
  add_elements(batch, kTable, set, elements);
}

// Netlink ports are usually the process's id; what /proc knows of it makes the message useful.
std::string describe_owner(std::uint32_t port) {
  const auto name = read_file(fmt::format("/proc/{}/comm", port), 64);
  if (!name) return fmt::format("netlink port {}", port);
  return fmt::format("process {} ({})", port, name->substr(0, name->find('\n')));
}

}  // namespace

Result<ShieldTable> ShieldTable::open(ShieldTableOptions options) {
  auto socket = NftSocket::open();
  if (!socket) return tl::unexpected(socket.error());
  auto target = probe_queue_target(*socket);
  if (!target) return tl::unexpected(target.error());
  const Duty duty{.reading = true, .copying = probe_copies(*socket), .seed = random_seed()};
  return ShieldTable(std::move(*socket), std::move(options), *target, duty);
}

// What the sets and chains look like, not what the rules say: those are replaced at every start.
std::string ShieldTable::layout() const {
  return fmt::format("Sipward, a SIP shield: sipward(1), sipwardd(8); layout {}.{}.{}.{}.{}", kLayoutVersion,
                     options_.bans_max, options_.sources_max, options_.known_max, options_.workers);
}

Result<ShieldTable::Installed> ShieldTable::install(const Lists& lists, WallTime now) {
  const auto old_queue = find_table(socket_, kQueueTable);
  if (!old_queue) return tl::unexpected(old_queue.error());
  if (*old_queue && (*old_queue)->owner != 0 && !handle_)
    return fail(ErrorKind::busy,
                "table inet {} belongs to {}: another sipwardd is running in this network namespace",
                kQueueTable, describe_owner((*old_queue)->owner));
  const auto old = find_table(socket_, kTable);
  if (!old) return tl::unexpected(old.error());
  const bool adopt = *old && (*old)->comment == layout();

  NftBatch batch;
  if (*old && !adopt) delete_table(batch, kTable);
  if (*old_queue) delete_table(batch, kQueueTable);
  add_shield_table(batch, options_, layout(), duty_);
  forget_meters(batch);
  refill_protected(batch, options_.protected_nets);
  refill(batch, "trusted", lists.trusted, now, true);
  refill(batch, "peer", lists.peers, now, true);
  refill_known(batch, lists.known, now);
  refill(batch, "banned", lists.banned, now, false);
  add_queue_table(batch, options_, target_, duty_);
  if (auto done = socket_.transact(batch); !done) return tl::unexpected(done.error());

  const auto made = find_table(socket_, kTable);
  if (!made) return tl::unexpected(made.error());
  if (!*made) return fail("table inet {} vanished while it was installed", kTable);
  handle_ = (*made)->handle;
  return Installed{adopt, *handle_};
}

Result<void> ShieldTable::set_observe(bool observe) {
  ShieldTableOptions wanted = options_;
  wanted.observe = observe;
  NftBatch batch;
  replace_shield_rules(batch, wanted, duty_);
  auto done = socket_.transact(batch);
  if (done) options_.observe = observe;
  return done;
}

Result<void> ShieldTable::change(const ShieldTableOptions& wanted) {
  ShieldTableOptions options = wanted;
  options.sources_max = options_.sources_max;
  options.bans_max = options_.bans_max;
  options.known_max = options_.known_max;
  options.first_queue = options_.first_queue;
  options.workers = options_.workers;
  options.observe = options_.observe;
  NftBatch batch;
  refill_protected(batch, options.protected_nets);
  replace_shield_rules(batch, options, duty_);
  forget_meters(batch);
  auto done = socket_.transact(batch);
  if (done) options_ = std::move(options);
  return done;
}

Result<void> ShieldTable::put_whitelist(const Lists& lists, WallTime now) {
  NftBatch batch;
  refill(batch, "trusted", lists.trusted, now, true);
  refill(batch, "peer", lists.peers, now, true);
  return socket_.transact(batch);
}

Result<void> ShieldTable::put_banned_nets(std::span<const TimedPrefix> nets, WallTime now) {
  NftBatch batch;
  refill(batch, "banned", nets, now, false);
  return socket_.transact(batch);
}

Result<void> ShieldTable::ban(std::span<const TimedPrefix> hosts, WallTime now) {
  NftBatch batch;
  for (const HashSet& set : ban_sets())
    renew(batch, set.name, prefix_elements(hosts, set.family, set.length, now));
  return batch.empty() ? Result<void>{} : socket_.transact(batch);
}

Result<void> ShieldTable::restore(std::span<const TimedPrefix> hosts, WallTime now) {
  for (; !hosts.empty(); hosts = hosts.subspan(std::min(hosts.size(), kRestoreBatch))) {
    NftBatch batch;
    const auto part = hosts.first(std::min(hosts.size(), kRestoreBatch));
    for (const HashSet& set : ban_sets())
      add_elements(batch, kTable, set.name, prefix_elements(part, set.family, set.length, now));
    if (batch.empty()) continue;
    if (auto done = socket_.transact(batch); !done) return done;
  }
  return {};
}

Result<void> ShieldTable::unban(std::span<const Prefix> hosts) {
  NftBatch batch;
  for (const HashSet& set : ban_sets()) {
    std::vector<Element> elements;
    for (const Prefix& host : hosts)
      if (host.family() == set.family && host.length() == set.length)
        elements.push_back(host_element(host.base()));
    delete_elements(batch, kTable, set.name, last_of_each(std::move(elements)));
  }
  return batch.empty() ? Result<void>{} : socket_.transact(batch);
}

Result<void> ShieldTable::know(std::span<const TimedPrefix> hosts, WallTime now) {
  NftBatch batch;
  for (const Family family : kFamilies)
    renew(batch, set_name("known", family), host_elements(hosts, family, now));
  return batch.empty() ? Result<void>{} : socket_.transact(batch);
}

Result<void> ShieldTable::forget(std::span<const Address> hosts) {
  NftBatch batch;
  for (const Family family : kFamilies) {
    std::vector<Element> elements;
    for (const Address& host : hosts)
      if (host.family() == family) elements.push_back(host_element(host));
    delete_elements(batch, kTable, set_name("known", family), last_of_each(std::move(elements)));
  }
  return batch.empty() ? Result<void>{} : socket_.transact(batch);
}

Result<std::map<std::string, CounterValue>> ShieldTable::counters() {
  return read_counters(socket_, kTable);
}

Result<std::vector<ElementInfo>> ShieldTable::banned() {
  std::vector<ElementInfo> all;
  for (const HashSet& set : ban_sets()) {
    auto rows = read_elements(socket_, kTable, set.name, set.length);
    if (!rows) return rows;
    all.insert(all.end(), rows->begin(), rows->end());
  }
  return all;
}

Result<std::optional<ElementInfo>> ShieldTable::banned(const Prefix& host) {
  for (const HashSet& set : ban_sets())
    if (host.family() == set.family && host.length() == set.length)
      return read_element(socket_, kTable, set.name, host);
  return std::nullopt;
}

Result<std::vector<ElementInfo>> ShieldTable::known() {
  std::vector<ElementInfo> all;
  for (const Family family : kFamilies) {
    auto rows = read_elements(socket_, kTable, set_name("known", family), whole(family).length);
    if (!rows) return rows;
    all.insert(all.end(), rows->begin(), rows->end());
  }
  return all;
}

Result<std::optional<std::uint64_t>> ShieldTable::present() {
  const auto generation = read_generation(socket_);
  if (!generation) return tl::unexpected(generation.error());
  if (*generation == generation_) return seen_;
  const auto table = find_table(socket_, kTable);
  if (!table) return tl::unexpected(table.error());
  generation_ = *generation;
  seen_ = *table ? std::optional((*table)->handle) : std::nullopt;
  return seen_;
}

Result<void> ShieldTable::stand_down() {
  NftBatch batch;
  if (auto added = delete_if_there(batch, kQueueTable); !added) return tl::unexpected(added.error());
  const auto table = find_table(socket_, kTable);
  if (!table) return tl::unexpected(table.error());
  if (*table) stand_down_shield_rules(batch, options_);
  return batch.empty() ? Result<void>{} : socket_.transact(batch);
}

Result<void> ShieldTable::remove() {
  NftBatch batch;
  for (const char* table : {kQueueTable, kTable})
    if (auto added = delete_if_there(batch, table); !added) return added;
  return batch.empty() ? Result<void>{} : socket_.transact(batch);
}

// Somebody may have deleted it before, and a transaction that deletes what is not there fails as a whole.
Result<void> ShieldTable::delete_if_there(NftBatch& batch, const char* name) {
  const auto table = find_table(socket_, name);
  if (!table) return tl::unexpected(table.error());
  if (*table) delete_table(batch, name);
  return {};
}

}  // namespace sipward::enforce
