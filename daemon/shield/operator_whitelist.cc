#include "control/whitelist_net.h"
#include "operator_calls.h"

namespace sipward::shield {
namespace {

json to_rows(const std::vector<store::WhitelistEntry>& entries) {
  json rows = json::array();
  for (const store::WhitelistEntry& entry : entries) rows.push_back(to_json(entry));
  return rows;
}

Result<std::string> class_parameter(const json& parameters) {
  auto name = text_parameter(parameters, "class", "trusted");
  if (name && *name != "trusted" && *name != "peer")
    return fail(ErrorKind::invalid, "class '{}' is neither 'trusted' nor 'peer'", *name);
  return name;
}

}  // namespace

Result<json> list_whitelist(Running& running, const json&) {
  return json{{"entries", to_rows(running.enforcer.whitelist())}};
}

Result<json> check_whitelist(Running& running, const json& parameters) {
  const auto address = address_parameter(parameters);
  if (!address) return tl::unexpected(address.error());
  const auto entries = entries_covering(running.enforcer.whitelist(), *address, wall_now());
  return json{{"covered", !entries.empty()}, {"entries", to_rows(entries)}};
}

Result<json> add_whitelist(Running& running, const json& parameters, const Caller& caller) {
  const auto net = net_parameter(parameters);
  if (!net) return tl::unexpected(net.error());
  if (auto may = control::check_whitelist_net(*net); !may) return tl::unexpected(may.error());
  const auto source_class = class_parameter(parameters);
  const auto comment = text_parameter(parameters, "comment", "");
  const auto length = length_parameter(parameters);
  if (!source_class) return tl::unexpected(source_class.error());
  if (!comment) return tl::unexpected(comment.error());
  if (!length) return tl::unexpected(length.error());

  const Now time = now();
  store::WhitelistEntry entry{*net,      *source_class, comment->substr(0, 1024),
                              time.wall, std::nullopt,  "cli:" + caller.user};
  if (*length) entry.expires = time.wall + **length;
  const auto added = running.enforcer.whitelist(entry, time);
  if (!added) return tl::unexpected(added.error());
  running.lift_in_workers(*net);
  audit(running, caller, "whitelist.add",
        fmt::format("{} class {} {}", net->to_string(), *source_class, *comment));
  json lifted = json::array();
  for (const enforce::Ban& ban : added->lifted) lifted.push_back(ban.net.to_string());
  return json{{"entry", to_json(entry)}, {"lifted", lifted}, {"updated", added->updated}};
}

Result<json> remove_whitelist(Running& running, const json& parameters, const Caller& caller) {
  const auto net = net_parameter(parameters);
  if (!net) return tl::unexpected(net.error());
  const auto removed = running.enforcer.remove_whitelist(*net, now());
  if (!removed) return tl::unexpected(removed.error());
  audit(running, caller, "whitelist.remove", net->to_string());
  return json{{"entry", to_json(*removed)}};
}

}  // namespace sipward::shield
