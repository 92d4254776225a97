#include "daemon.h"

#include <fcntl.h>
#include <sys/epoll.h>
#include <sys/file.h>
#include <sys/signalfd.h>
#include <sys/timerfd.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <csignal>
#include <filesystem>
#include <thread>

#include "base/file.h"
#include "capture/queue_status.h"
#include "log.h"
#include "notify.h"
#include "operator_calls.h"

namespace sipward::shield {
namespace {

// Of peers and known sources there are few: they are listed.
constexpr std::size_t kListedBytes = std::size_t{8} << 20U;
constexpr auto kTendInterval = std::chrono::milliseconds(500);
// A part that has not come round for so long is stuck: the watchdog is no longer fed, and systemd starts the
// shield anew.
constexpr auto kSilenceMax = std::chrono::seconds(5);

// Every worker has an equal part.
stream::TableLimits stream_limits(const config::Settings& settings, std::size_t workers) {
  stream::TableLimits limits;
  limits.connections = std::max<std::size_t>(settings.tcp.connections_max / workers, 1);
  limits.connections_per_source = settings.tcp.connections_per_source;
  limits.bytes = (std::size_t{settings.tcp.memory_mib} << 20U) / workers;
  limits.bytes_per_source = std::min(limits.bytes_per_source, limits.bytes / 2);
  limits.message_max = settings.tcp.message_max;
  return limits;
}

Result<void> add_to_epoll(const Fd& epoll, int fd) {
  epoll_event event{};
  event.events = EPOLLIN;
  event.data.fd = fd;
  if (epoll_ctl(epoll.get(), EPOLL_CTL_ADD, fd, &event) != 0)
    return fail_errno(errno, "cannot watch a file descriptor");
  return {};
}

}  // namespace

Daemon::Daemon(Loaded loaded, SettingsLoader load, Now started)
    : loaded_(std::move(loaded)), load_(std::move(load)), settings_(loaded_.settings), started_(started) {
  if (settings_.shield.workers == 0)
    settings_.shield.workers = std::clamp(std::thread::hardware_concurrency(), 1U, 64U);
}

Daemon::~Daemon() = default;

Result<std::unique_ptr<Daemon>> Daemon::start(Loaded loaded, SettingsLoader load) {
  std::unique_ptr<Daemon> daemon(new Daemon(std::move(loaded), std::move(load), now()));
  if (auto done = daemon->lock(); !done) return tl::unexpected(done.error());
  if (auto done = daemon->open_state(); !done) return tl::unexpected(done.error());
  if (auto done = daemon->open_rules(); !done) return tl::unexpected(done.error());
  auto inlets = daemon->open_inlets();
  if (!inlets) return tl::unexpected(inlets.error());
  if (auto done = daemon->open_table(); !done) return tl::unexpected(done.error());
  daemon->make_workers(std::move(*inlets));
  if (auto done = daemon->open_control(); !done) return tl::unexpected(done.error());
  if (auto done = daemon->watch(); !done) return tl::unexpected(done.error());
  if (auto done = daemon->protect(); !done) return tl::unexpected(done.error());
  return daemon;
}

// One shield per runtime folder; the file names the holder for the next one's error message.
Result<void> Daemon::lock() {
  std::error_code error;
  std::filesystem::create_directories(settings_.paths.runtime, error);
  const auto path = settings_.paths.runtime / "sipwardd.lock";
  lock_ = Fd(::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0644));
  if (!lock_.valid()) return fail_errno(errno, fmt::format("cannot open {}", path.string()));
  if (::flock(lock_.get(), LOCK_EX | LOCK_NB) != 0) {
    const auto holder = read_file(path, 64).value_or("?");
    return fail(ErrorKind::busy, "another sipwardd is running: process {} holds {}",
                holder.substr(0, holder.find('\n')), path.string());
  }
  const std::string pid = fmt::format("{}\n", getpid());
  if (::ftruncate(lock_.get(), 0) != 0 || ::pwrite(lock_.get(), pid.data(), pid.size(), 0) < 0)
    return fail_errno(errno, fmt::format("cannot write {}", path.string()));
  return {};
}

Result<void> Daemon::open_state() {
  auto counters = metrics::Counters::open(settings_.paths.runtime / "counters");
  if (!counters) return tl::unexpected(counters.error());
  counters_ = std::make_unique<metrics::Counters>(std::move(*counters));
  auto store = store::Store::open(settings_.paths.database);
  if (!store) return tl::unexpected(store.error());
  keeper_ = std::make_unique<Keeper>(std::move(*store), *counters_);
  mode_ = std::make_unique<ModeSwitch>(*keeper_, settings_.shield.mode, started_.wall);
  return {};
}

// Compiled a second time only where an operator's word stands above the files'.
Result<void> Daemon::open_rules() {
  auto overrides = keeper_->with_store([](store::Store& store) { return store.rule_overrides(); });
  if (!overrides) return tl::unexpected(overrides.error());
  auto set = std::make_shared<RuleSet>();
  set->rules = apply_overrides(std::move(loaded_.rules), *overrides);
  set->overrides = std::move(*overrides);
  const bool overridden =
      std::ranges::any_of(set->rules, [](const LoadedRule& rule) { return rule.override.has_value(); });
  auto matcher = overridden ? compile_rules(set->rules) : std::move(loaded_.matcher);
  if (!matcher) return tl::unexpected(matcher.error());
  set->matcher = std::move(*matcher);
  give_counters(*set, *counters_);
  set->policy = settings_.policy;
  set->directory = settings_.paths.rules;
  set->loaded = started_.wall;
  first_rules_ = std::move(set);
  return {};
}

// Unlisted sources, sharded; then known ones; then peers.
std::vector<decide::SourceClass> Daemon::worker_classes() const {
  std::vector<decide::SourceClass> classes(settings_.shield.workers, decide::SourceClass::unknown);
  classes.push_back(decide::SourceClass::known);
  classes.push_back(decide::SourceClass::peer);
  return classes;
}

// A queue has the number of its log group.
Result<std::vector<Worker::Inlets>> Daemon::open_inlets() const {
  std::vector<Worker::Inlets> inlets;
  const auto classes = worker_classes();
  for (std::size_t i = 0; i < classes.size(); ++i) {
    const auto number = static_cast<std::uint16_t>(settings_.shield.first_queue + i);
    auto queue = capture::NetlinkQueue::open({.number = number,
                                              .length_max = settings_.shield.queue_length,
                                              .fail_open = settings_.shield.fail_open,
                                              .pass_mark = enforce::kMarkPassed});
    if (!queue) return tl::unexpected(queue.error());
    inlets.push_back({std::move(*queue), nullptr});
    if (classes[i] == decide::SourceClass::peer) continue;  // what is answered to peers is their business
    auto answers = capture::NetlinkLog::open({.group = number});
    if (!answers) return tl::unexpected(answers.error());
    inlets.back().answers = std::move(*answers);
  }
  return inlets;
}

Result<void> Daemon::open_table() {
  auto options = table_options(settings_);
  options.observe = mode_->observe();
  auto table = enforce::ShieldTable::open(std::move(options));
  if (!table) return tl::unexpected(table.error());
  auto whitelist = keeper_->with_store([](store::Store& store) { return store.whitelist(); });
  if (!whitelist) return tl::unexpected(whitelist.error());
  if (!table->copies_answers())
    log_warning(
        "this kernel copies no packets (nfnetlink_log is missing): nobody becomes known by an answer");
  enforcer_ = std::make_unique<Enforcer>(std::move(*table), std::move(*whitelist), *keeper_, *counters_);
  enforcer_->set_escalation(escalation_of(settings_.policy));
  mode_->attach(*enforcer_);
  return {};
}

void Daemon::make_workers(std::vector<Worker::Inlets> inlets) {
  common_ = std::make_unique<Common>(
      Common{*counters_, mode_->observe(), commons_, stream_limits(settings_, inlets.size())});
  auto resets = inject::RawSender::open();
  if (resets)
    resets_.emplace(std::move(*resets));
  else
    log_warning("{}", resets.error().text);
  const Outlets outlets{enforcer_->requests(), enforcer_->known_requests(), keeper_->evidence(),
                        resets_ ? &*resets_ : nullptr, *counters_};
  const auto classes = worker_classes();
  const std::size_t shard_bytes =
      (std::size_t{settings_.limits.memory_mib} << 20U) / settings_.shield.workers;
  for (std::size_t i = 0; i < inlets.size(); ++i) {
    auto& counters = counters_->worker(i);
    const std::size_t bytes = classes[i] == decide::SourceClass::unknown ? shard_bytes : kListedBytes;
    auto shield = std::make_unique<Shield>(*common_, RulesInHand(first_rules_), counters, classes[i], bytes);
    workers_.push_back(std::make_unique<Worker>(std::move(inlets[i]), std::move(shield), outlets, counters));
  }
}

Result<void> Daemon::open_control() {
  rulebook_ = std::make_unique<Rulebook>(
      Rulebook::Parts{settings_, *enforcer_, *keeper_, *counters_, workers_}, std::move(first_rules_),
      std::move(loaded_.settings), std::move(load_), [this] { keep_up(); });
  running_ = std::make_unique<Running>(
      Running{settings_, *rulebook_, *counters_, *keeper_, *enforcer_, *mode_, workers_, started_});
  auto server = control::Server::listen({.path = settings_.paths.runtime / "sipwardd.sock",
                                         .read_group = settings_.control.read_group,
                                         .admin_group = settings_.control.admin_group},
                                        operator_calls(*running_));
  if (!server) return tl::unexpected(server.error());
  server_ = std::move(*server);
  return {};
}

// The last step: from the moment the table is there, packets come, and the workers are ready for them.
Result<void> Daemon::protect() {
  auto stored = keeper_->with_store([&](store::Store& store) { return read_stored(store, started_.wall); });
  if (!stored) return tl::unexpected(stored.error());
  keeper_->start();
  enforcer_->start();
  for (const auto& worker : workers_) worker->start();
  const auto adopted = enforcer_->install(*stored, now().wall);
  if (!adopted) return tl::unexpected(adopted.error());
  log_info("ready: {} on UDP {} TCP {}, {} workers, {} rules, {} bans, mode {}{}",
           *adopted ? "took over" : "shielding", fmt::join(settings_.shield.udp_ports, ","),
           fmt::join(settings_.shield.tcp_ports, ","), settings_.shield.workers,
           rulebook_->current().matcher->rules().size(), enforcer_->ban_count(), mode_->current().mode,
           enforcer_->queue_target() == enforce::QueueTarget::native ? "" : ", queues through nft_compat");
  notify("READY=1");
  return {};
}

Result<void> Daemon::watch() {
  sigset_t handled;
  sigemptyset(&handled);
  for (const int signal : {SIGTERM, SIGINT, SIGHUP}) sigaddset(&handled, signal);
  signals_ = Fd(signalfd(-1, &handled, SFD_CLOEXEC | SFD_NONBLOCK));
  timer_ = Fd(timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK));
  epoll_ = Fd(epoll_create1(EPOLL_CLOEXEC));
  itimerspec every{};
  every.it_interval.tv_nsec = every.it_value.tv_nsec = std::chrono::nanoseconds(kTendInterval).count();
  if (!signals_.valid() || !epoll_.valid() || timerfd_settime(timer_.get(), 0, &every, nullptr) != 0)
    return fail_errno(errno, "cannot set up the control loop");
  for (const int fd : {signals_.get(), timer_.get(), server_->fd()})
    if (auto done = add_to_epoll(epoll_, fd); !done) return done;
  return {};
}

int Daemon::run() {
  std::array<epoll_event, 8> events{};
  for (;;) {
    const int n = epoll_wait(epoll_.get(), events.data(), static_cast<int>(events.size()), -1);
    for (int i = 0; i < n; ++i) {
      const int fd = events[static_cast<std::size_t>(i)].data.fd;
      if (fd == server_->fd()) server_->poll();
      if (fd == timer_.get()) tend();
      signalfd_siginfo signal{};
      if (fd != signals_.get() || ::read(fd, &signal, sizeof signal) != static_cast<ssize_t>(sizeof signal))
        continue;
      if (signal.ssi_signo == SIGHUP) {
        reload_for_signal(*running_, signal.ssi_uid);
        continue;
      }
      stop();
      return 0;
    }
  }
}

void Daemon::tend() {
  std::uint64_t expirations = 0;
  if (::read(timer_.get(), &expirations, sizeof expirations) < 0) return;
  keep_up();
  server_->poll();  // idle clients are dropped here too
}

void Daemon::keep_up() {
  const Now time = now();
  mode_->tend(time);
  running_->table_present = enforcer_->tend(time);
  count_queue_losses();
  if (is_alive(time.steady)) notify("WATCHDOG=1");
}

// The kernel's own counts of a queue end with the queue; what they grow by goes to a counter that lasts.
void Daemon::count_queue_losses() {
  const auto queues = capture::read_queue_status();
  if (!queues) return;
  queue_losses_.resize(workers_.size());
  for (const capture::QueueStatus& queue : *queues) {
    if (queue.number < settings_.shield.first_queue) continue;
    const std::size_t index = queue.number - std::size_t{settings_.shield.first_queue};
    if (index >= queue_losses_.size()) continue;
    const std::uint64_t lost = queue.queue_dropped + queue.user_dropped;
    if (lost > queue_losses_[index])
      counters_->event(metrics::Event::lost_in_queue).add(lost - queue_losses_[index]);
    queue_losses_[index] = lost;
  }
}

bool Daemon::is_alive(Instant now) const {
  return now - enforcer_->last_beat() < kSilenceMax &&
         std::ranges::all_of(workers_,
                             [now](const auto& worker) { return now - worker->last_beat() < kSilenceMax; });
}

// Packets first: while the workers still answer, nothing new is queued any more.
void Daemon::stop() {
  notify("STOPPING=1");
  const bool keep = settings_.shield.on_stop == config::OnStop::keep_bans;
  if (const auto done = keep ? enforcer_->stand_down() : enforcer_->remove(); !done)
    log_error("the tables could not be changed at the end: {}", done.error().text);
  for (const auto& worker : workers_) worker->stop();
  enforcer_->stop();
  keeper_->stop();
  server_.reset();
  log_info("stopped; {}",
           keep ? "bans and whitelist stay in the kernel, everything else passes" : "the tables are gone");
}

}  // namespace sipward::shield
