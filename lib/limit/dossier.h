// What is remembered of the few sources that gave a reason to remember more than how much they send.
#pragma once

#include <array>
#include <chrono>
#include <cstdint>

#include "base/clock.h"
#include "limit/offences.h"
#include "limit/score.h"
#include "limit/worth.h"

namespace sipward::limit {

// Refusals by rate that follow each other.
class Streak {
 public:
  // One more; how long the streak has lasted now.
  std::chrono::milliseconds note(Instant now);
  [[nodiscard]] bool is_alive(Instant now) const { return is_recent(last_, kStreakGap, now); }
  // From its first refusal to its last; 0 when it is over.
  [[nodiscard]] std::chrono::milliseconds length(Instant now) const;

 private:
  Instant since_;
  Instant last_;
};

struct Dossier {
  Instant evidence_at;         // when evidence of it was last kept
  Instant banned_until;        // decided here; the kernel's set follows within a batch
  bool ban_verified = false;   // of that ban: its source proved itself
  Instant observed_ban_until;  // what banned_until would be if nothing were only observed
  Instant known_until;         // what was last asked for it
  Instant doubted_at;          // when something was last counted that anybody may have sent in its name
  Instant window_start;        // of `refused`
  // Keyed hash of the last refused request's top Via, so a retransmission is no second one.
  std::uint64_t last_transaction = 0;
  std::uint32_t refused = 0;  // distinct refused requests since window_start
  Streak excess;              // refused because it sent too much
  Score score;
  Offences<12> credentials;  // distinct attempts that were refused
  Offences<24> targets;      // distinct users asked for that do not exist

  [[nodiscard]] bool is_banned(Instant now) const { return banned_until > now; }
  // Whether something doubtful may still count. A score fades within eight of its half-lives.
  [[nodiscard]] bool is_doubted(std::chrono::milliseconds score_half_life, Instant now) const;
  void ban(std::chrono::milliseconds duration, bool verified, Instant now);
  [[nodiscard]] Worth worth(Instant now) const;
  // Forgets bans and everything that would soon lead to the next one.
  void forgive();
};

static_assert(sizeof(Dossier) <= 640);

}  // namespace sipward::limit
