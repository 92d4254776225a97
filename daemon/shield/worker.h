// One queue, one thread: receives batches, runs the pipeline, sends verdicts.
#pragma once

#include <atomic>
#include <memory>
#include <stop_token>
#include <thread>

#include "base/channel.h"
#include "base/handle.h"
#include "capture/netlink_queue.h"
#include "shield.h"

namespace sipward::shield {

// Where a worker leaves what is to be done beside the verdicts. Never waits: what does not fit is counted and
// lost.
struct Outlets {
  Channel<BanRequest>& bans;
  Channel<store::EvidenceRecord>& evidence;
  metrics::Counters& counters;
};

class Worker {
 public:
  Worker(std::unique_ptr<capture::NetlinkQueue> queue, std::unique_ptr<Shield> shield, const Outlets& outlets,
         metrics::WorkerCounters& counters);
  ~Worker();  // stops: the packets at hand get their verdicts first

  void start();
  void stop();

  // When the loop last came round: the watchdog's measure of life. At least every second in a healthy worker.
  [[nodiscard]] Instant last_beat() const {
    return Instant(Instant::duration(beat_.load(std::memory_order_relaxed)));
  }
  [[nodiscard]] Shield& shield() { return *shield_; }

 private:
  void run(const std::stop_token& stop);
  void work_off(std::vector<capture::Packet>& packets);
  void pass_on(Consequences& consequences);

  std::unique_ptr<capture::NetlinkQueue> queue_;
  std::unique_ptr<Shield> shield_;
  Outlets outlets_;
  metrics::WorkerCounters& counters_;
  Fd wake_;
  std::atomic<Instant::rep> beat_{0};
  std::jthread thread_;
};

}  // namespace sipward::shield
