#include "worker.h"

#include <poll.h>
#include <sys/eventfd.h>

#include <array>
#include <utility>

#include "enforce/shield_table.h"

namespace sipward::shield {

Worker::Worker(Inlets inlets, std::unique_ptr<Shield> shield, const Outlets& outlets,
               metrics::WorkerCounters& counters)
    : queue_(std::move(inlets.queue)),
      answers_(std::move(inlets.answers)),
      shield_(std::move(shield)),
      outlets_(outlets),
      counters_(counters),
      wake_(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)) {}

Worker::~Worker() {
  stop();
}

void Worker::start() {
  beat_.store(now().steady.time_since_epoch().count(), std::memory_order_relaxed);
  thread_ = std::jthread([this](const std::stop_token& stop) { run(stop); });
}

void Worker::stop() {
  if (!thread_.joinable()) return;
  thread_.request_stop();
  eventfd_write(wake_.get(), 1);
  thread_.join();
}

void Worker::offer(RulesInHand rules) {
  shield_->new_rules().offer(std::move(rules));
  eventfd_write(wake_.get(), 1);
}

void Worker::run(const std::stop_token& stop) {
  // poll() passes over a descriptor below zero.
  const int answers = answers_ ? answers_->fd() : -1;
  std::array<pollfd, 3> waiting{pollfd{queue_->fd(), POLLIN, 0}, pollfd{wake_.get(), POLLIN, 0},
                                pollfd{answers, POLLIN, 0}};
  while (!stop.stop_requested()) {
    ::poll(waiting.data(), waiting.size(), 500);
    eventfd_t wakes = 0;
    if (waiting[1].revents != 0) eventfd_read(wake_.get(), &wakes);
    shield_->take_new_rules();
    for (auto* packets = &queue_->receive(); !packets->empty(); packets = &queue_->receive()) {
      // What a packet answers was copied before the packet came: a nonce is known before it comes back.
      listen();
      work_off(*packets);
      if (stop.stop_requested()) break;
    }
    listen();
    beat_.store(now().steady.time_since_epoch().count(), std::memory_order_relaxed);
    if (const auto errors = queue_->take_errors(); errors > 0) counters_.verdict_errors.add(errors);
  }
  queue_->flush();
}

void Worker::work_off(std::vector<capture::Packet>& packets) {
  const Now arrived = now();
  beat_.store(arrived.steady.time_since_epoch().count(), std::memory_order_relaxed);
  shield_->take_new_rules();
  shield_->accounts().with([&](limit::Accounts& accounts) {
    for (capture::Packet& packet : packets) {
      if (packet.traits().truncated) counters_.truncated.add();
      const Incoming incoming{.packet = packet.bytes(),
                              .verified = (packet.mark() & enforce::kMarkVerified) != 0,
                              .cut = packet.traits().truncated,
                              .merged = packet.traits().merged};
      Outcome outcome = shield_->process(incoming, accounts, arrived);
      decide::is_drop(outcome.reason) ? packet.drop() : packet.pass();
      pass_on(outcome.consequences);
    }
    shield_->count_forgotten(accounts);
  });
  if (!resets_.empty()) end_connections();
}

// One batch at a time, so that a flood of answers holds no packet up.
void Worker::listen() {
  if (!answers_) return;
  const auto copies = answers_->receive();
  shield_->count(metrics::Learning::answers_lost, answers_->take_lost() + answers_->take_errors());
  if (copies.empty()) return;
  const Now heard = now();
  shield_->accounts().with([&](limit::Accounts& accounts) {
    for (const capture::Copy& copy : copies)
      shield_->hear({.packet = copy.bytes, .cut = copy.truncated}, accounts, heard,
                    [this](Consequences consequences) { pass_on(consequences); });
  });
}

void Worker::pass_on(Consequences& consequences) {
  if (consequences.reset) resets_.push_back(*consequences.reset);
  for (auto* ban : {&consequences.ban, &consequences.prefix_ban})
    if (*ban && !outlets_.bans.put(std::move(**ban)))
      outlets_.counters.event(metrics::Event::bans_lost).add();
  if (consequences.known && !outlets_.known.put(std::move(*consequences.known)))
    outlets_.counters.event(metrics::Event::known_lost).add();
  if (consequences.evidence && !outlets_.evidence.put(std::move(*consequences.evidence)))
    outlets_.counters.event(metrics::Event::evidence_lost).add();
}

// Behind the verdicts: a RST that overtakes the bytes before it is not at the number that its receiver
// expects, and is ignored.
void Worker::end_connections() {
  queue_->flush();
  for (const inject::TcpReset& connection : resets_) reset(connection);
  resets_.clear();
}

void Worker::reset(const inject::TcpReset& connection) {
  const inject::ResetPacket to_server = inject::to_server(connection);
  const inject::ResetPacket to_client = inject::to_client(connection);
  const bool sent = outlets_.resets && outlets_.resets->send(to_server.bytes(), to_server.destination()) &&
                    outlets_.resets->send(to_client.bytes(), to_client.destination());
  outlets_.counters.event(sent ? metrics::Event::tcp_resets : metrics::Event::tcp_resets_failed).add();
}

}  // namespace sipward::shield
