#include "dialog/call_limit.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "base/duration.h"
#include "base/one_line.h"
#include "dialog/phone_number.h"

namespace sipward::dialog {
namespace {

using std::chrono::seconds;

constexpr std::array<std::string_view, kLimitSources> kSourceNames{
    {"none", "exempt", "no_timer", "session_expires", "max_duration"}};

// The guides' "at least three times".
constexpr int kSessionIntervals = 3;

const NetRule* most_specific(const std::vector<NetRule>& rules, const Address& caller) {
  const NetRule* best = nullptr;
  for (const NetRule& rule : rules)
    if (rule.net.contains(caller) && (!best || rule.net.length() > best->net.length())) best = &rule;
  return best;
}

const NumberRule* most_specific(const std::vector<NumberRule>& rules, std::string_view number) {
  const NumberRule* best = nullptr;
  for (const NumberRule& rule : rules)
    if (number.starts_with(rule.prefix) && (!best || rule.prefix.size() > best->prefix.size())) best = &rule;
  return best;
}

void lower_to(std::optional<Bound>& bound, std::optional<seconds> after, const std::string& rule) {
  if (after && (!bound || *after < bound->after)) bound = Bound{*after, rule};
}

// The bounds of one call, as one rule after the other sets them.
struct Bounds {
  std::optional<Bound> no_timer;
  std::optional<Bound> maximum;

  template <class Rule>
  void take(const Rule* rule) {
    if (!rule) return;
    lower_to(no_timer, rule->limits.no_timer, rule->name);
    lower_to(maximum, rule->limits.maximum, rule->name);
  }
};

bool is_exempt(std::string_view callee, const LimitPolicy& policy) {
  return std::ranges::any_of(policy.exempt_numbers, [&](std::string_view exempt) {
    if (callee == exempt) return true;
    return exempt.starts_with("urn:") && callee.starts_with(exempt) && callee[exempt.size()] == '.';
  });
}

bool uses_session_timer(const SessionTimer& timer, TimerDetection detection) {
  if (!timer.runs()) return false;
  switch (detection) {
    case TimerDetection::option_tag:
      return timer.caller_supports;
    case TimerDetection::offered:
      return timer.caller_offered;
    case TimerDetection::negotiated:
      break;
  }
  return true;
}

Deadline after(LimitSource source, const std::optional<Bound>& bound, Instant start) {
  if (!bound) return {};
  return {source, start + bound->after, bound->after, bound->rule};
}

Deadline after_session(const SessionTimer& timer, seconds grace) {
  const seconds interval{timer.interval_s};
  const seconds late = std::max(grace, -interval / 3);
  return {LimitSource::session_expires, timer.expires + late, interval + late, ""};
}

Deadline unless_maximum(const CallLimit& limit, const Dialog& dialog, Instant now) {
  if (!limit.session_timer) return after(LimitSource::no_timer, limit.no_timer, dialog.answered_at);
  if (dialog.timer.runs()) return after_session(dialog.timer, limit.session_grace);
  return after(LimitSource::no_timer, limit.no_timer, now);
}

void warn_of(std::vector<std::string>& sentences, const LimitPolicy& policy, const Limits& limits,
             std::string_view whose) {
  const seconds least = kSessionIntervals * policy.session_interval;
  if (!limits.no_timer || *limits.no_timer >= least) return;
  sentences.push_back(fmt::format(
      "the no-timer limit of {} {} is less than {} session intervals of {}; at least {} is advised",
      spell_duration(*limits.no_timer), whose, kSessionIntervals, spell_duration(policy.session_interval),
      spell_duration(least)));
}

}  // namespace

Result<Limits> limits_of_profile(std::string_view name) {
  std::string known;
  for (const Profile& profile : kProfiles) {
    if (profile.name == name) return Limits{.no_timer = profile.no_timer, .maximum = std::nullopt};
    known += fmt::format("{}{}", known.empty() ? "" : ", ", profile.name);
  }
  return fail(ErrorKind::invalid, "there is no profile '{}'; write one of {}", one_line(name), known);
}

std::string_view to_string(LimitSource source) {
  return kSourceNames[static_cast<std::size_t>(source)];
}

std::optional<LimitSource> read_limit_source(std::string_view name) {
  const auto* const at = std::ranges::find(kSourceNames, name);
  if (at == kSourceNames.end()) return std::nullopt;
  return static_cast<LimitSource>(at - kSourceNames.begin());
}

CallLimit limit_of(const Dialog& dialog, const LimitPolicy& policy) {
  const std::string callee = number_of(dialog.request_uri);
  CallLimit limit;
  limit.exempt = is_exempt(callee, policy);
  if (limit.exempt) return limit;

  const Party& caller = dialog.party(Side::caller);
  Bounds bounds;
  bounds.take(most_specific(policy.by_caller_net, caller.seen.address));
  bounds.take(most_specific(policy.by_caller_number, number_of_address(caller.address)));
  bounds.take(most_specific(policy.by_callee_number, callee));
  if (!bounds.no_timer) lower_to(bounds.no_timer, policy.limits.no_timer, "");
  lower_to(bounds.maximum, policy.limits.maximum, "");
  limit.session_timer = uses_session_timer(dialog.timer, policy.detection);
  limit.no_timer = std::move(bounds.no_timer);
  limit.maximum = std::move(bounds.maximum);
  limit.session_grace = policy.session_grace;
  return limit;
}

Deadline deadline_of(const CallLimit& limit, const Dialog& dialog, Instant now) {
  if (limit.exempt) return {LimitSource::exempt, std::nullopt, std::nullopt, ""};
  Deadline deadline = unless_maximum(limit, dialog, now);
  Deadline maximum = after(LimitSource::max_duration, limit.maximum, dialog.answered_at);
  const bool maximum_is_first = maximum.at && (!deadline.at || *maximum.at < *deadline.at);
  return maximum_is_first ? maximum : deadline;
}

std::vector<std::string> warnings(const LimitPolicy& policy) {
  std::vector<std::string> sentences;
  warn_of(sentences, policy, policy.limits, "of every call");
  const auto each = [&](const auto& rules) {
    for (const auto& rule : rules)
      warn_of(sentences, policy, rule.limits, fmt::format("of rule '{}'", one_line(rule.name)));
  };
  each(policy.by_caller_net);
  each(policy.by_caller_number);
  each(policy.by_callee_number);
  return sentences;
}

}  // namespace sipward::dialog
