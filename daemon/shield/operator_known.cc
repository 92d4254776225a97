#include "operator_calls.h"

namespace sipward::shield {

json to_json(const enforce::KnownSource& known) {
  return {{"address", known.address.to_string()},
          {"since", to_json(std::optional(known.since))},
          {"until", to_json(std::optional(known.until))},
          {"how", known.how}};
}

Result<json> list_known(Running& running, const json& parameters) {
  const auto limit = count_parameter(parameters, "limit", 1000);
  if (!limit) return tl::unexpected(limit.error());
  std::size_t total = 0;
  json rows = json::array();
  for (const enforce::KnownSource& known : running.enforcer.known(*limit, total))
    rows.push_back(to_json(known));
  return json{{"total", total}, {"known", rows}};
}

Result<json> forget_known(Running& running, const json& parameters, const Caller& caller) {
  const auto address = address_parameter(parameters);
  if (!address) return tl::unexpected(address.error());
  const auto forgotten = running.enforcer.forget_known(*address);
  if (!forgotten) return tl::unexpected(forgotten.error());
  audit(running, caller, "known.forget", address->to_string());
  return json{{"forgotten", to_json(*forgotten)}};
}

}  // namespace sipward::shield
