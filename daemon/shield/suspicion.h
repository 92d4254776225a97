// What rules with action score make of a source.
#pragma once

#include <string>
#include <vector>

#include "base/clock.h"
#include "decide/decide.h"
#include "limit/dossier.h"
#include "match/matcher.h"

namespace sipward::shield {

// Adds the weights of the score rules that this message hit to its source's score, and puts the score into
// `evidence`. True if one counted: a rule does so once per half-life. Whitelisted peers have no score: they
// carry the oddities of many callers.
bool charge_score(limit::Dossier& dossier, const match::Matcher& matcher, const decide::Policy& policy,
                  decide::Evidence& evidence, Instant now);

// A source's score for people and scripts.
struct ScoreView {
  double score = 0;                // of the enforcing rules
  double with_observed = 0;        // and of those that only observe
  std::vector<std::string> rules;  // those that counted within the last half-life, as "sipsak 40"
};
[[nodiscard]] ScoreView view_score(const limit::Score& score, const match::Matcher& matcher,
                                   const decide::Policy& policy, Instant now);

// "score 110 (bans at 100): sipsak 40, padded-prefix-011 30"
[[nodiscard]] std::string to_string(const ScoreView& view, const decide::Policy& policy);

}  // namespace sipward::shield
