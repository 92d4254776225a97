#include "arguments.h"

#include "base/address.h"
#include "base/duration.h"
#include "text.h"

namespace sipward::cli {
namespace {

template <class T>
std::string rewrite(std::string& text) {
  const auto value = T::parse(text);
  if (!value) return value.error().text;
  text = value->to_string();
  return {};
}

CLI::Validator check(std::function<std::string(std::string&)> function) {
  return CLI::Validator(std::move(function), "");
}

}  // namespace

CLI::Validator is_address() {
  return check(rewrite<Address>);
}

CLI::Validator is_net() {
  return check(rewrite<Prefix>);
}

CLI::Validator is_duration() {
  return check([](const std::string& text) -> std::string {
    const auto duration = parse_duration(text);
    if (!duration) return duration.error().text;
    return duration->count() > 0 ? "" : fmt::format("'{}' is no time at all", text);
  });
}

CLI::Validator is_printable() {
  return check([](const std::string& text) -> std::string {
    const auto printable = check_printable(text);
    return printable ? "" : printable.error().text;
  });
}

nlohmann::json duration_ms(const std::string& text) {
  if (text.empty()) return nullptr;
  return parse_duration(text).value().count();
}

Result<void> check_printable(const std::string& text) {
  const std::string shown = safe(text);
  if (shown == text) return {};
  return fail(ErrorKind::invalid, "'{}' holds control or invisible characters, or is not UTF-8", shown);
}

}  // namespace sipward::cli
