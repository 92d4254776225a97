#include "worker.h"

#include <poll.h>
#include <sys/eventfd.h>

#include <array>
#include <utility>

#include "enforce/shield_table.h"

namespace sipward::shield {

Worker::Worker(std::unique_ptr<capture::NetlinkQueue> queue, std::unique_ptr<Shield> shield,
               const Outlets& outlets, metrics::WorkerCounters& counters)
    : queue_(std::move(queue)),
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

void Worker::run(const std::stop_token& stop) {
  std::array<pollfd, 2> waiting{pollfd{queue_->fd(), POLLIN, 0}, pollfd{wake_.get(), POLLIN, 0}};
  while (!stop.stop_requested()) {
    ::poll(waiting.data(), waiting.size(), 500);
    for (auto* packets = &queue_->receive(); !packets->empty(); packets = &queue_->receive()) {
      work_off(*packets);
      if (stop.stop_requested()) break;
    }
    beat_.store(now().steady.time_since_epoch().count(), std::memory_order_relaxed);
    if (const auto errors = queue_->take_errors(); errors > 0) counters_.verdict_errors.add(errors);
  }
  queue_->flush();
}

void Worker::work_off(std::vector<capture::Packet>& packets) {
  const Now arrived = now();
  beat_.store(arrived.steady.time_since_epoch().count(), std::memory_order_relaxed);
  shield_->sources().with([&](limit::SourceTable& sources) {
    for (capture::Packet& packet : packets) {
      if (packet.truncated()) counters_.truncated.add();
      const bool verified = (packet.mark() & enforce::kMarkVerified) != 0;
      Outcome outcome = shield_->process(packet.bytes(), verified, sources, arrived);
      decide::is_drop(outcome.reason) ? packet.drop() : packet.pass();
      pass_on(outcome.consequences);
    }
  });
}

void Worker::pass_on(Consequences& consequences) {
  if (consequences.ban && !outlets_.bans.put(std::move(*consequences.ban)))
    outlets_.counters.event(metrics::Event::bans_lost).add();
  if (consequences.evidence && !outlets_.evidence.put(std::move(*consequences.evidence)))
    outlets_.counters.event(metrics::Event::evidence_lost).add();
}

}  // namespace sipward::shield
