// Two verdicts on each packet: that of the running shield's rules and settings, and that of those on trial.
#pragma once

#include <map>
#include <nlohmann/json.hpp>
#include <string>
#include <utility>
#include <vector>

#include "output.h"
#include "replay_judge.h"
#include "session.h"
#include "sip/message.h"

namespace sipward::cli {

// What the daemon judges by, and whom it trusts.
struct RunningShield {
  config::Settings settings;
  std::vector<match::Rule> rules;
  std::vector<Whitelisted> whitelist;
};
[[nodiscard]] Result<RunningShield> ask_running(Session& session);

class Comparison {
 public:
  Comparison(const Judge& running, const Judge& trial) : running_(running), trial_(trial) {}

  void add(const Sighting& sighting, const sip::Message& message, const Verdict& running,
           const Verdict& trial);

  // Packets that would pass instead of being dropped, or the other way round.
  [[nodiscard]] std::uint64_t changed() const { return newly_dropped_ + newly_passed_; }
  // At most `rows_max` packets; 0: all.
  [[nodiscard]] std::string render(const Output& out, std::size_t rows_max) const;
  [[nodiscard]] nlohmann::json to_json() const;

 private:
  struct Difference {
    nlohmann::json packet;  // as message_json tells it, with the verdict on trial
    nlohmann::json running;
    std::vector<std::string> cells;
  };
  using Hits = std::pair<std::uint64_t, std::uint64_t>;  // running, on trial

  void count(const Verdict& verdict, const Judge& judge, std::uint64_t Hits::*side);
  [[nodiscard]] std::map<std::string, Hits> different_hits() const;

  const Judge& running_;
  const Judge& trial_;
  std::vector<Difference> differences_;
  std::uint64_t newly_dropped_ = 0;
  std::uint64_t newly_passed_ = 0;
  std::uint64_t otherwise_ = 0;       // the same outcome, for another reason
  std::map<std::string, Hits> hits_;  // by rule
};

}  // namespace sipward::cli
