#include "keeper.h"

#include <iterator>

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
// The thread does not wait with the store in its hands, where operators wait for it: it comes again.
constexpr std::chrono::milliseconds kNoPatience{0};

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
  put([bans = std::move(bans), ended = std::move(ended)](store::Store& store) {
    return store.put(bans, ended);
  });
}

void Keeper::save(std::vector<store::KnownRecord> known, std::vector<Address> forgotten) {
  if (known.empty() && forgotten.empty()) return;
  put([known = std::move(known), forgotten = std::move(forgotten)](store::Store& store) {
    return store.put(known, forgotten);
  });
}

void Keeper::audit(store::AuditRecord record) {
  put([record = std::move(record)](store::Store& store) { return store.put(record); });
}

void Keeper::put(Change change) {
  if (!changes_.put(std::move(change))) counters_.event(metrics::Event::store_errors).add();
}

// While something is held up nothing more is taken: the channels are bounded, and tell what does not fit.
void Keeper::run() {
  for (bool over = false; !over;) {
    if (backlog_.empty()) take();
    write_backlog(kNoPatience);
    purge_now_and_then();
    over = backlog_.empty() ? changes_.is_drained() : changes_.wait_closed(kWriteInterval);
  }
  take();
  write_backlog(kPatience);
  give_up_backlog();
}

void Keeper::take() {
  auto changes = changes_.take_all(kWriteInterval);
  std::move(changes.begin(), changes.end(), std::back_inserter(backlog_));
  take_evidence();
  waiting_.store(backlog_.size(), std::memory_order_relaxed);
}

void Keeper::take_evidence() {
  auto evidence = evidence_.take_all(std::chrono::milliseconds(0));
  if (evidence.empty()) return;
  if (evidence.size() > kEvidencePerWrite) {
    counters_.event(metrics::Event::evidence_lost).add(evidence.size() - kEvidencePerWrite);
    evidence.resize(kEvidencePerWrite);
  }
  backlog_.push_back([evidence = std::move(evidence)](store::Store& store) { return store.put(evidence); });
}

void Keeper::write_backlog(std::chrono::milliseconds patience) {
  while (!backlog_.empty()) {
    const auto done = write(backlog_.front(), patience);
    if (held_up(done)) return;
    check(done);
    backlog_.pop_front();
    waiting_.store(backlog_.size(), std::memory_order_relaxed);
  }
}

// Each change by itself, behind the operators who wait.
Result<void> Keeper::write(const Change& change, std::chrono::milliseconds patience) {
  for (int callers = callers_.load(); callers != 0; callers = callers_.load()) callers_.wait(callers);
  return store_.with([&](std::unique_ptr<store::Store>& store) {
    store->wait_at_most(patience);
    return change(*store);
  });
}

void Keeper::purge_now_and_then() {
  const Now time = now();
  if (time.steady < next_purge_) return;
  std::size_t purged = 0;
  const auto purge = [&](store::Store& store) -> Result<void> {
    return store.purge({}, time.wall, kPurgeRows).map([&](std::size_t rows) { purged = rows; });
  };
  const auto done = write(purge, kNoPatience);
  if (held_up(done)) return;
  check(done);
  next_purge_ = time.steady + (purged > 0 ? std::chrono::minutes(0) : kPurgeInterval);
}

bool Keeper::held_up(const Result<void>& done) {
  const bool locked = !done && done.error().kind == ErrorKind::busy;
  if (locked_.exchange(locked) != locked) {
    if (locked)
      log_warning("changes are kept until the database can be written: {}", done.error().text);
    else
      log_info("the database is not locked any more");
  }
  return locked;
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

void Keeper::give_up_backlog() {
  if (backlog_.empty()) return;
  counters_.event(metrics::Event::store_errors).add(backlog_.size());
  log_error("{} changes are lost: another program holds the database locked", backlog_.size());
  backlog_.clear();
  waiting_.store(0, std::memory_order_relaxed);
}

}  // namespace sipward::shield
