#include "limit/dossier.h"

#include <algorithm>

namespace sipward::limit {

std::chrono::milliseconds Streak::note(Instant now) {
  if (!is_alive(now)) since_ = now;
  last_ = std::max(last_, now);
  return length(now);
}

std::chrono::milliseconds Streak::length(Instant now) const {
  if (!is_alive(now)) return {};
  return std::chrono::duration_cast<std::chrono::milliseconds>(last_ - since_);
}

Worth Dossier::worth(Instant now) const {
  if (banned_until > now || observed_ban_until > now || excess.is_alive(now)) return Worth::held;
  const Instant refused_at = refused > 0 ? window_start : Instant{};
  const Instant last = std::max({credentials.last(), targets.last(), score.last(), refused_at});
  return is_recent(last, kOffencesKept, now) ? Worth::offences : Worth::nothing;
}

void Dossier::forgive() {
  banned_until = observed_ban_until = known_until = Instant{};
  refused = 0;
  excess = {};
  score = {};
  credentials = {};
  targets = {};
}

}  // namespace sipward::limit
