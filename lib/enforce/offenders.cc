#include "enforce/offenders.h"

#include <algorithm>

namespace sipward::enforce {

unsigned Offenders::level(const Prefix& net, const Escalation& escalation, WallTime now) const {
  const auto it = records_.find(net);
  if (it == records_.end()) return 0;
  const auto good = std::max(now - it->second.ended, std::chrono::milliseconds(0)) / escalation.forgive;
  const unsigned level = std::min<unsigned>(it->second.level, static_cast<unsigned>(escalation.steps.size()));
  return good >= level ? 0 : level - static_cast<unsigned>(good);
}

std::chrono::milliseconds Offenders::next_step(const Prefix& net, const Escalation& escalation,
                                               WallTime now) const {
  return escalation.steps[std::min<std::size_t>(level(net, escalation, now), escalation.steps.size() - 1)];
}

void Offenders::offend(const Prefix& net, const Escalation& escalation, WallTime begun, WallTime ended) {
  const auto levels = static_cast<unsigned>(escalation.steps.size());
  put(net, {std::min(level(net, escalation, begun) + 1, levels), ended});
}

void Offenders::forgive(const Prefix& net) {
  if (net.is_host()) return forgive_exactly(net);
  for (auto it = records_.begin(); it != records_.end();) {
    const auto next = std::next(it);
    if (net.contains(it->first)) erase(it);
    it = next;
  }
}

void Offenders::forgive_exactly(const Prefix& net) {
  if (const auto it = records_.find(net); it != records_.end()) erase(it);
}

void Offenders::put(const Prefix& net, const Record& record) {
  forgive_exactly(net);
  records_.emplace(net, record);
  by_end_.emplace(record.ended, net);
  if (records_.size() <= offenders_max_) return;
  erase(records_.find(by_end_.begin()->second));
  ++evictions_;
}

void Offenders::erase(Records::iterator it) {
  by_end_.erase({it->second.ended, it->first});
  records_.erase(it);
}

}  // namespace sipward::enforce
