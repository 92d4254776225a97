// What operators can ask of the running shield (lib/control/PROTOCOL.md): one function a method, one file a
// subject.
#pragma once

#include <map>
#include <nlohmann/json.hpp>
#include <string>

#include "control/server.h"
#include "running.h"

namespace sipward::shield {

// All methods, for control::Server. `running` must outlive them.
[[nodiscard]] std::map<std::string, control::Method> operator_calls(Running& running);

using control::Caller;
using nlohmann::json;

// operator_status.cc
[[nodiscard]] Result<json> get_status(Running& running, const json& parameters);
[[nodiscard]] Result<json> get_stats(Running& running, const json& parameters);
[[nodiscard]] Result<json> get_mode(Running& running, const json& parameters);
[[nodiscard]] Result<json> set_mode(Running& running, const json& parameters, const Caller& caller);
// operator_effective.cc
[[nodiscard]] Result<json> get_effective(Running& running, const json& parameters);
// operator_rules.cc
[[nodiscard]] Result<json> list_rules(Running& running, const json& parameters);
[[nodiscard]] Result<json> show_rule(Running& running, const json& parameters);
[[nodiscard]] Result<json> override_rule(Running& running, const json& parameters, const Caller& caller);
[[nodiscard]] Result<json> reset_rule(Running& running, const json& parameters, const Caller& caller);
[[nodiscard]] Result<json> reload(Running& running, const json& parameters, const Caller& caller);
// The same for SIGHUP: what comes of it is in the log and the audit table. `sender`: whose signal it was.
void reload_for_signal(Running& running, uid_t sender);
// operator_whitelist.cc
[[nodiscard]] Result<json> list_whitelist(Running& running, const json& parameters);
[[nodiscard]] Result<json> check_whitelist(Running& running, const json& parameters);
[[nodiscard]] Result<json> add_whitelist(Running& running, const json& parameters, const Caller& caller);
[[nodiscard]] Result<json> remove_whitelist(Running& running, const json& parameters, const Caller& caller);
// operator_bans.cc
[[nodiscard]] Result<json> list_bans(Running& running, const json& parameters);
[[nodiscard]] Result<json> add_ban(Running& running, const json& parameters, const Caller& caller);
[[nodiscard]] Result<json> remove_bans(Running& running, const json& parameters, const Caller& caller);
[[nodiscard]] Result<json> flush_bans(Running& running, const json& parameters, const Caller& caller);
// operator_known.cc
[[nodiscard]] Result<json> list_known(Running& running, const json& parameters);
[[nodiscard]] Result<json> forget_known(Running& running, const json& parameters, const Caller& caller);
// operator_explain.cc
[[nodiscard]] Result<json> explain(Running& running, const json& parameters);

// Shared by them.
[[nodiscard]] json to_json(std::optional<WallTime> time);  // ISO 8601 UTC with milliseconds; null for nothing
[[nodiscard]] json to_json(const store::WhitelistEntry& entry);
[[nodiscard]] json to_json(const enforce::Ban& ban, WallTime now, std::optional<std::uint64_t> dropped);
[[nodiscard]] json to_json(const enforce::KnownSource& known);
// Parameters: an absent one is its default where that is allowed; a wrong one is `invalid` and names it.
[[nodiscard]] Result<std::string> text_parameter(const json& parameters, const char* name,
                                                 std::optional<std::string> otherwise);
[[nodiscard]] Result<Prefix> net_parameter(const json& parameters);
[[nodiscard]] Result<Address> address_parameter(const json& parameters);
[[nodiscard]] Result<std::size_t> count_parameter(const json& parameters, const char* name,
                                                  std::size_t otherwise);
// for_ms: nothing for null or absent.
[[nodiscard]] Result<std::optional<std::chrono::milliseconds>> length_parameter(const json& parameters);
void audit(Running& running, const Caller& caller, std::string event, std::string detail);

}  // namespace sipward::shield
