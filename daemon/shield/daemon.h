// The shield as a program: what is started in which order, the control loop, what is stopped in which order.
#pragma once

#include <memory>
#include <optional>
#include <vector>

#include "base/handle.h"
#include "config/settings.h"
#include "control/server.h"
#include "inject/raw_sender.h"
#include "running.h"

namespace sipward::shield {

// What was read and checked before anything is touched.
struct Loaded {
  config::Settings settings;
  std::vector<match::Rule> rules;
  std::unique_ptr<match::Matcher> matcher;  // of all the rules
};

class Daemon {
 public:
  // Everything that can fail, fails here, and leaves the kernel as it was. After it the shield is up.
  [[nodiscard]] static Result<std::unique_ptr<Daemon>> start(Loaded loaded, SettingsLoader load);
  ~Daemon();

  // Until SIGTERM or SIGINT. Returns the program's exit status.
  [[nodiscard]] int run();

 private:
  Daemon(Loaded loaded, SettingsLoader load, Now started);
  [[nodiscard]] Result<void> lock();
  [[nodiscard]] Result<void> open_state();
  [[nodiscard]] Result<void> open_rules();
  [[nodiscard]] std::vector<decide::SourceClass> worker_classes() const;
  [[nodiscard]] Result<std::vector<Worker::Inlets>> open_inlets() const;
  [[nodiscard]] Result<void> open_table();
  [[nodiscard]] Result<void> open_control();
  void make_workers(std::vector<Worker::Inlets> inlets);
  [[nodiscard]] Result<void> protect();
  [[nodiscard]] Result<void> watch();
  void tend();
  void keep_up();
  void count_queue_losses();
  [[nodiscard]] bool is_alive(Instant now) const;
  void stop();

  Loaded loaded_;
  SettingsLoader load_;
  config::Settings settings_;  // in force
  Now started_;
  Fd lock_;
  std::unique_ptr<metrics::Counters> counters_;
  std::unique_ptr<Keeper> keeper_;
  std::unique_ptr<ModeSwitch> mode_;
  std::unique_ptr<Enforcer> enforcer_;
  std::shared_ptr<const RuleSet> first_rules_;
  limit::Commons commons_;
  std::unique_ptr<Common> common_;
  std::optional<inject::RawSender> resets_;
  std::vector<std::unique_ptr<Worker>> workers_;
  std::unique_ptr<Rulebook> rulebook_;
  std::unique_ptr<Running> running_;
  std::unique_ptr<control::Server> server_;
  std::vector<std::uint64_t> queue_losses_;
  Fd signals_;
  Fd timer_;
  Fd epoll_;
};

}  // namespace sipward::shield
