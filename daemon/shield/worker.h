// One queue, one thread: receives batches, runs the pipeline, sends verdicts; and reads the copies of what the
// softswitch answers to the same sources.
#pragma once

#include <atomic>
#include <memory>
#include <stop_token>
#include <thread>
#include <vector>

#include "base/channel.h"
#include "base/handle.h"
#include "capture/netlink_log.h"
#include "capture/netlink_queue.h"
#include "inject/raw_sender.h"
#include "shield.h"

namespace sipward::shield {

// Where a worker leaves what is to be done beside the verdicts. Never waits: what does not fit is counted and
// lost.
struct Outlets {
  Channel<BanRequest>& bans;
  Channel<KnownRequest>& known;
  Channel<store::EvidenceRecord>& evidence;
  const inject::RawSender* resets;  // none: without CAP_NET_RAW connections are not ended, only cut off
  metrics::Counters& counters;
};

class Worker {
 public:
  // What a worker reads. Without `answers` it learns nothing of who is known and who guesses.
  struct Inlets {
    std::unique_ptr<capture::NetlinkQueue> queue;
    std::unique_ptr<capture::NetlinkLog> answers;
  };
  Worker(Inlets inlets, std::unique_ptr<Shield> shield, const Outlets& outlets,
         metrics::WorkerCounters& counters);
  ~Worker();  // stops: the packets at hand get their verdicts first

  void start();
  void stop();

  // Control thread: these rules are for the next batch, and the worker is woken to take them.
  void offer(RulesInHand rules);
  // Whether it has taken them by `deadline`.
  [[nodiscard]] bool has_taken(Instant deadline) { return shield_->new_rules().wait_until_taken(deadline); }

  // When the loop last came round: the watchdog's measure of life. At least every second in a healthy worker.
  [[nodiscard]] Instant last_beat() const {
    return Instant(Instant::duration(beat_.load(std::memory_order_relaxed)));
  }
  [[nodiscard]] Shield& shield() { return *shield_; }

 private:
  void run(const std::stop_token& stop);
  void work_off(std::vector<capture::Packet>& packets);
  void listen();
  void pass_on(Consequences& consequences);
  void end_connections();
  void reset(const inject::TcpReset& connection);

  std::unique_ptr<capture::NetlinkQueue> queue_;
  std::unique_ptr<capture::NetlinkLog> answers_;
  std::unique_ptr<Shield> shield_;
  Outlets outlets_;
  metrics::WorkerCounters& counters_;
  std::vector<inject::TcpReset> resets_;  // of the batch at hand
  Fd wake_;
  std::atomic<Instant::rep> beat_{0};
  std::jthread thread_;
};

}  // namespace sipward::shield
