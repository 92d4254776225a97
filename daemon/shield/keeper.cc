#include "keeper.h"

#include "log.h"

namespace sipward::shield {
namespace {

constexpr std::size_t kEvidenceQueue = 4096;
constexpr std::size_t kChangeQueue = 65536;
constexpr auto kWriteInterval = std::chrono::milliseconds(200);
constexpr auto kPurgeInterval = std::chrono::minutes(1);
constexpr std::size_t kPurgeRows = 20000;
// A flood of forged sources would fill the disk with evidence that says the same again and again.
constexpr std::size_t kEvidencePerWrite = 50;

}  // namespace

Keeper::Keeper(std::unique_ptr<store::Store> store, metrics::Counters& counters)
    : store_(std::move(store)), counters_(counters), evidence_(kEvidenceQueue), changes_(kChangeQueue) {}

Keeper::~Keeper() {
  stop();
}

void Keeper::start() {
  thread_ = std::thread([this] { run(); });
}

void Keeper::stop() {
  evidence_.close();
  changes_.close();
  if (thread_.joinable()) thread_.join();
}

void Keeper::save(std::vector<store::BanRecord> bans, std::vector<store::EndedBan> ended) {
  if (bans.empty() && ended.empty()) return;
  if (!changes_.put({std::move(bans), std::move(ended), {}}))
    counters_.event(metrics::Event::store_errors).add();
}

void Keeper::audit(store::AuditRecord record) {
  if (!changes_.put({{}, {}, {std::move(record)}})) counters_.event(metrics::Event::store_errors).add();
}

void Keeper::run() {
  while (!changes_.is_drained() || !evidence_.is_drained()) {
    const auto changes = changes_.take_all(kWriteInterval);
    auto evidence = evidence_.take_all(std::chrono::milliseconds(0));
    if (evidence.size() > kEvidencePerWrite) {
      counters_.event(metrics::Event::evidence_lost).add(evidence.size() - kEvidencePerWrite);
      evidence.resize(kEvidencePerWrite);
    }
    write(changes, evidence);
    purge_now_and_then();
  }
}

void Keeper::write(const std::vector<Change>& changes, const std::vector<store::EvidenceRecord>& evidence) {
  if (changes.empty() && evidence.empty()) return;
  with_store([&](store::Store& store) {
    for (const Change& change : changes) {
      if (!change.bans.empty() || !change.ended.empty()) check(store.put(change.bans, change.ended));
      for (const store::AuditRecord& record : change.audit) check(store.put(record));
    }
    if (!evidence.empty()) check(store.put(evidence));
  });
}

void Keeper::purge_now_and_then() {
  const Now time = now();
  if (time.steady < next_purge_) return;
  const auto purged = with_store([&](store::Store& store) { return store.purge({}, time.wall, kPurgeRows); });
  if (!purged) check(tl::unexpected(purged.error()));
  const bool more = purged && *purged > 0;
  next_purge_ = time.steady + (more ? std::chrono::minutes(0) : kPurgeInterval);
}

void Keeper::check(const Result<void>& done) {
  if (!done) {
    counters_.event(metrics::Event::store_errors).add();
    if (!failing_.exchange(true))
      log_error("the database cannot be written, the shield goes on without: {}", done.error().text);
  } else if (failing_.exchange(false)) {
    log_info("the database can be written again");
  }
}

}  // namespace sipward::shield
