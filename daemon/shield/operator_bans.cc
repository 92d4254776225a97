#include "operator_calls.h"

namespace sipward::shield {
namespace {

std::optional<std::uint64_t> dropped_in_kernel(Running& running, const Prefix& net) {
  const auto element = running.enforcer.in_kernel(net);
  return element ? element->packets : std::nullopt;
}

json to_rows(Running& running, const std::vector<enforce::Ban>& bans) {
  json rows = json::array();
  for (const enforce::Ban& ban : bans)
    rows.push_back(to_json(ban, wall_now(), dropped_in_kernel(running, ban.net)));
  return rows;
}

}  // namespace

Result<json> list_bans(Running& running, const json& parameters) {
  const auto limit = count_parameter(parameters, "limit", 1000);
  if (!limit) return tl::unexpected(limit.error());
  std::size_t total = 0;
  const auto bans = running.enforcer.bans(*limit, total);
  return json{{"total", total}, {"bans", to_rows(running, bans)}};
}

Result<json> add_ban(Running& running, const json& parameters, const Caller& caller) {
  const auto net = net_parameter(parameters);
  const auto length = length_parameter(parameters);
  const auto reason = text_parameter(parameters, "reason", "banned by hand");
  if (!net) return tl::unexpected(net.error());
  if (!length) return tl::unexpected(length.error());
  if (!reason) return tl::unexpected(reason.error());
  const Now time = now();
  const std::optional<WallTime> expires = *length ? std::optional(time.wall + **length) : std::nullopt;
  const auto added =
      running.enforcer.ban(*net, {reason->substr(0, 256), "", "cli:" + caller.user, true}, expires, time);
  if (!added) return tl::unexpected(added.error());
  audit(running, caller, "bans.add", fmt::format("{} {}", net->to_string(), *reason));
  return json{{"ban", to_json(added->ban, time.wall, std::nullopt)},
              {"extended", added->extended || added->kept}};
}

Result<json> remove_bans(Running& running, const json& parameters, const Caller& caller) {
  const auto net = net_parameter(parameters);
  if (!net) return tl::unexpected(net.error());
  const auto removed = running.enforcer.unban(*net, "removed:" + caller.user, now());
  if (!removed) return tl::unexpected(removed.error());
  running.lift_in_workers(*net);
  audit(running, caller, "bans.remove", net->to_string());
  json rows = json::array();
  for (const enforce::Ban& ban : *removed) rows.push_back(to_json(ban, wall_now(), std::nullopt));
  return json{{"removed", rows}};
}

Result<json> flush_bans(Running& running, const json& parameters, const Caller& caller) {
  const auto origin = text_parameter(parameters, "origin", "");
  if (!origin) return tl::unexpected(origin.error());
  const auto removed = running.enforcer.flush(*origin, "flushed:" + caller.user, now());
  if (!removed) return tl::unexpected(removed.error());
  for (const char* everything : {"0.0.0.0/0", "::/0"}) running.lift_in_workers(*Prefix::parse(everything));
  audit(running, caller, "bans.flush", fmt::format("{} bans, origin '{}'", *removed, *origin));
  return json{{"removed", *removed}};
}

}  // namespace sipward::shield
