#include "suspicion.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <cmath>

namespace sipward::shield {
namespace {

// A source that stops is forgiven one half-life after the limit could ban it no more.
limit::ScoreLimits limits_of(const decide::Policy& policy) {
  return {policy.score_half_life, 2.0 * policy.score_ban_at};
}

}  // namespace

bool charge_score(limit::Dossier& dossier, const match::Matcher& matcher, const decide::Policy& policy,
                  decide::Evidence& evidence, Instant now) {
  if (!evidence.hits->scores || evidence.source_class == decide::SourceClass::peer) return false;
  const limit::ScoreLimits limits = limits_of(policy);
  bool counted = false;
  bool enforcing = false;
  for (const std::uint32_t index : evidence.hits->all) {
    const match::Rule& rule = matcher.rules()[index];
    if (rule.action != match::Action::score) continue;
    enforcing |= !rule.observe;
    counted |= dossier.score.add({match::rule_key(rule.id), rule.weight, rule.observe}, limits, now);
  }
  evidence.score_with_observed = dossier.score.with_observed(limits.half_life, now);
  if (enforcing) evidence.score = dossier.score.enforced(limits.half_life, now);
  return counted;
}

ScoreView view_score(const limit::Score& score, const match::Matcher& matcher, const decide::Policy& policy,
                     Instant now) {
  const auto half_life = policy.score_half_life;
  ScoreView view{score.enforced(half_life, now), score.with_observed(half_life, now), {}};
  for (const match::Rule& rule : matcher.rules()) {
    if (rule.action != match::Action::score || !score.holds(match::rule_key(rule.id), half_life, now))
      continue;
    view.rules.push_back(fmt::format("{} {}{}", rule.id, rule.weight, rule.observe ? " (observed)" : ""));
  }
  return view;
}

std::string to_string(const ScoreView& view, const decide::Policy& policy) {
  const double only_observed = view.with_observed - view.score;
  return fmt::format("score {:.0f}{} (bans at {}){}{}", std::floor(view.score),
                     only_observed < 1 ? ""
                                       : fmt::format(", {:.0f} with the rules that only observe",
                                                     std::floor(view.with_observed)),
                     policy.score_ban_at, view.rules.empty() ? "" : ": ", fmt::join(view.rules, ", "));
}

}  // namespace sipward::shield
