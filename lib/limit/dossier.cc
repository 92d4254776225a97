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
  const bool held = is_banned(now) && ban_verified;
  if (held || observed_ban_until > now || excess.is_alive(now)) return Worth::held;
  if (is_banned(now)) return Worth::offences;
  const Instant refused_at = refused > 0 ? window_start : Instant{};
  const Instant last = std::max({credentials.last(), targets.last(), score.last(), refused_at});
  return is_recent(last, kOffencesKept, now) ? Worth::offences : Worth::nothing;
}

void Dossier::ban(std::chrono::milliseconds duration, bool verified, Instant now) {
  banned_until = now + duration;
  ban_verified = verified;
}

bool Dossier::is_doubted(std::chrono::milliseconds score_half_life, Instant now) const {
  return is_recent(doubted_at, std::max<std::chrono::milliseconds>(kOffencesKept, 8 * score_half_life), now);
}

void Dossier::forgive() {
  banned_until = observed_ban_until = known_until = doubted_at = Instant{};
  refused = 0;
  excess = {};
  score = {};
  credentials = {};
  targets = {};
}

}  // namespace sipward::limit
