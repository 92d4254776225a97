#include "operator_calls.h"

#include <fmt/chrono.h>

#include <algorithm>

namespace sipward::shield {
namespace {

constexpr std::chrono::milliseconds kLengthMax = std::chrono::days(3660);

using Read = Result<json> (*)(Running&, const json&);
using Change = Result<json> (*)(Running&, const json&, const Caller&);

control::Method reading(Running& running, Read call) {
  return {false,
          [&running, call](const json& parameters, const Caller&) { return call(running, parameters); }};
}

control::Method changing(Running& running, Change call) {
  return {true, [&running, call](const json& parameters, const Caller& caller) {
            return call(running, parameters, caller);
          }};
}

}  // namespace

std::map<std::string, control::Method> operator_calls(Running& running) {
  return {
      {"Status", reading(running, get_status)},
      {"Stats", reading(running, get_stats)},
      {"RulesList", reading(running, list_rules)},
      {"RulesShow", reading(running, show_rule)},
      {"RulesOverride", changing(running, override_rule)},
      {"RulesReset", changing(running, reset_rule)},
      {"Reload", changing(running, reload)},
      {"Effective", reading(running, get_effective)},
      {"Mode", reading(running, get_mode)},
      {"SetMode", changing(running, set_mode)},
      {"WhitelistList", reading(running, list_whitelist)},
      {"WhitelistCheck", reading(running, check_whitelist)},
      {"WhitelistAdd", changing(running, add_whitelist)},
      {"WhitelistRemove", changing(running, remove_whitelist)},
      {"BansList", reading(running, list_bans)},
      {"BansAdd", changing(running, add_ban)},
      {"BansRemove", changing(running, remove_bans)},
      {"BansFlush", changing(running, flush_bans)},
      {"KnownList", reading(running, list_known)},
      {"KnownForget", changing(running, forget_known)},
      {"Explain", reading(running, explain)},
  };
}

json to_json(std::optional<WallTime> time) {
  if (!time) return nullptr;
  const auto seconds = std::chrono::floor<std::chrono::seconds>(*time);
  const auto rest = (*time - seconds).count();
  return fmt::format("{:%FT%T}.{:03d}Z", fmt::gmtime(std::chrono::system_clock::to_time_t(seconds)), rest);
}

json to_json(const store::WhitelistEntry& entry) {
  return {{"net", entry.net.to_string()},      {"class", entry.source_class},
          {"comment", entry.comment},          {"created", to_json(std::optional(entry.created))},
          {"expires", to_json(entry.expires)}, {"origin", entry.origin}};
}

json to_json(const enforce::Ban& ban, WallTime now, std::optional<std::uint64_t> dropped) {
  json row{{"net", ban.net.to_string()},
           {"reason", ban.cause->reason},
           {"rule", ban.cause->rule},
           {"origin", ban.cause->origin},
           {"verified", ban.cause->verified},
           {"created", to_json(std::optional(ban.created))},
           {"expires", to_json(ban.expires)},
           {"left_ms", nullptr},
           {"dropped", nullptr}};
  if (ban.expires) row["left_ms"] = std::max<std::int64_t>((*ban.expires - now).count(), 0);
  if (dropped) row["dropped"] = *dropped;
  return row;
}

Result<std::string> text_parameter(const json& parameters, const char* name,
                                   std::optional<std::string> otherwise) {
  const auto it = parameters.find(name);
  if (it == parameters.end() || it->is_null()) {
    if (otherwise) return *otherwise;
    return fail(ErrorKind::invalid, "parameter '{}' is missing", name);
  }
  if (!it->is_string()) return fail(ErrorKind::invalid, "parameter '{}' must be a string", name);
  auto text = it->get<std::string>();
  const auto is_control = [](char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7f; };
  if (std::ranges::any_of(text, is_control))
    return fail(ErrorKind::invalid, "parameter '{}' must not hold line breaks or control characters", name);
  return text;
}

Result<Prefix> net_parameter(const json& parameters) {
  const auto text = text_parameter(parameters, "net", std::nullopt);
  return text ? Prefix::parse(*text) : tl::unexpected(text.error());
}

Result<Address> address_parameter(const json& parameters) {
  const auto text = text_parameter(parameters, "address", std::nullopt);
  return text ? Address::parse(*text) : tl::unexpected(text.error());
}

Result<std::size_t> count_parameter(const json& parameters, const char* name, std::size_t otherwise) {
  const auto it = parameters.find(name);
  if (it == parameters.end() || it->is_null()) return otherwise;
  if (!it->is_number_unsigned() || it->get<std::uint64_t>() > 10'000'000)
    return fail(ErrorKind::invalid, "parameter '{}' must be a number from 0 to 10000000", name);
  return it->get<std::size_t>();
}

Result<std::optional<std::chrono::milliseconds>> length_parameter(const json& parameters) {
  const auto it = parameters.find("for_ms");
  if (it == parameters.end() || it->is_null()) return std::optional<std::chrono::milliseconds>();
  if (!it->is_number_integer() || it->get<std::int64_t>() <= 0 ||
      it->get<std::int64_t>() > kLengthMax.count())
    return fail(ErrorKind::invalid,
                "parameter 'for_ms' must be a number of milliseconds above 0, at most 10 years");
  return std::optional(std::chrono::milliseconds(it->get<std::int64_t>()));
}

void audit(Running& running, const Caller& caller, std::string event, std::string detail) {
  running.keeper.audit({0, wall_now(), "general", caller.user, std::move(event), std::move(detail)});
}

}  // namespace sipward::shield
