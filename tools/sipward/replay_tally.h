// What the verdicts on a capture add up to: per source, per rule, and all together.
#pragma once

#include <map>
#include <nlohmann/json.hpp>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "output.h"
#include "replay_judge.h"
#include "sip/message.h"

namespace sipward::cli {

using Counts = std::map<std::string, std::uint64_t, std::less<>>;  // by reason

// The first packet that a rule hit.
struct FirstHit {
  WallTime time;
  Address source;
  Found found;
};

struct SourceTally {
  std::uint64_t packets = 0;
  std::uint64_t requests = 0;
  std::uint64_t dropped = 0;
  std::uint64_t requests_dropped = 0;
  Counts reasons;                     // of the dropped ones
  std::string rule;                   // the first that was to blame
  std::optional<WallTime> banned_at;  // first
};

struct RuleTally {
  std::uint64_t hits = 0;     // packets
  std::uint64_t dropped = 0;  // of these, those that this rule was to blame for
  std::set<Address> sources;
  std::optional<FirstHit> first;
};

class Tally {
 public:
  explicit Tally(Judge& judge) : judge_(judge), rules_(judge.rules().size()) {}

  // `message` is what the packet carries.
  void add(const Sighting& sighting, const sip::Message& message, const Verdict& verdict);

  [[nodiscard]] std::uint64_t offered() const { return passed() + dropped(); }
  [[nodiscard]] std::uint64_t passed() const;
  [[nodiscard]] std::uint64_t dropped() const;

  // Sources with the most dropped packets first, then those with the most packets; `sources_max` 0 shows all.
  [[nodiscard]] std::string render(const Output& out, const Input& input, std::size_t sources_max) const;
  [[nodiscard]] nlohmann::json to_json(const Input& input, std::size_t sources_max) const;

 private:
  using Row = std::pair<const Address, SourceTally>;
  void add_hits(const Sighting& sighting, const sip::Message& message, const Verdict& verdict);
  [[nodiscard]] std::vector<const Row*> top(std::size_t sources_max) const;
  [[nodiscard]] IgnoredCounts ignored(const Input& input) const;
  [[nodiscard]] std::string packets_block(const Output& out, const Input& input) const;
  [[nodiscard]] std::string sources_block(const Output& out, std::size_t sources_max) const;
  [[nodiscard]] std::string rules_block(const Output& out) const;
  [[nodiscard]] nlohmann::json packets_json(const Input& input) const;
  [[nodiscard]] nlohmann::json rules_json() const;

  Judge& judge_;
  Counts passed_;
  Counts dropped_;
  IgnoredCounts ignored_{};
  std::map<Address, SourceTally> sources_;
  std::vector<RuleTally> rules_;
};

[[nodiscard]] nlohmann::json fragments_json(const packet::FragmentCounters& fragments);

[[nodiscard]] std::string iso(WallTime time);

}  // namespace sipward::cli
