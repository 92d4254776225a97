// How long the next ban of a source lasts: longer each time, and shorter again after good behaviour.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <set>
#include <unordered_map>
#include <utility>
#include <vector>

#include "base/address.h"
#include "base/clock.h"
#include "enforce/prefix_hash.h"

namespace sipward::enforce {

struct Escalation {
  // The first ban, the second, …; the last one for all that follow. Never empty.
  std::vector<std::chrono::milliseconds> steps{std::chrono::minutes(10), std::chrono::hours(1),
                                               std::chrono::hours(24), std::chrono::days(7)};
  std::chrono::milliseconds forgive = std::chrono::days(7);  // without a ban: a level less; above 0
  unsigned prefix_offenders = 5;  // so many banned hosts of a /24 (IPv6: /64) ban all of it; 0: never
};

// Remembers hosts and nets by their bans. A source's level is the number of its bans, at most that of the
// steps, less one for each `forgive` since the last one ended. Only what a source proved to have sent itself
// may count. Bounded, pure: time is an argument. One thread at a time.
class Offenders {
 public:
  // When `offenders_max` are remembered the one whose last ban ended first is forgotten.
  explicit Offenders(std::size_t offenders_max) : offenders_max_(offenders_max) {}

  // How long a ban of `net` is to last that begins now.
  [[nodiscard]] std::chrono::milliseconds next_step(const Prefix& net, const Escalation& escalation,
                                                    WallTime now) const;
  // A ban of `net`, which was not banned when it began. In the order of their beginnings.
  void offend(const Prefix& net, const Escalation& escalation, WallTime begun, WallTime ended);
  // An operator forgave all hosts and nets in `net`.
  void forgive(const Prefix& net);
  // The same for this net alone.
  void forgive_exactly(const Prefix& net);

  // 0: none that counts any more.
  [[nodiscard]] unsigned level(const Prefix& net, const Escalation& escalation, WallTime now) const;
  [[nodiscard]] std::size_t size() const { return records_.size(); }
  // How many were forgotten to make room.
  [[nodiscard]] std::uint64_t evictions() const { return evictions_; }

 private:
  struct Record {
    unsigned level = 0;
    WallTime ended;  // of the last ban
  };
  using Records = std::unordered_map<Prefix, Record, PrefixHash>;

  void put(const Prefix& net, const Record& record);
  void erase(Records::iterator it);

  std::size_t offenders_max_;
  Records records_;
  std::set<std::pair<WallTime, Prefix>> by_end_;
  std::uint64_t evictions_ = 0;
};

}  // namespace sipward::enforce
