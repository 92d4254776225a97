#include "control/message.h"

#include <array>
#include <utility>

namespace sipward::control {
namespace {

using nlohmann::json;

constexpr std::array<std::pair<ErrorKind, std::string_view>, 6> kErrorNames{{
    {ErrorKind::failed, "sipward.Failed"},
    {ErrorKind::invalid, "sipward.Invalid"},
    {ErrorKind::not_found, "sipward.NotFound"},
    {ErrorKind::refused, "sipward.Refused"},
    {ErrorKind::denied, "sipward.Denied"},
    {ErrorKind::busy, "sipward.Busy"},
}};

// Counted before parsing, so that a message of brackets costs no memory either. Brackets inside strings do
// not count.
bool is_nested_too_deep(std::string_view text) {
  std::size_t depth = 0;
  bool in_string = false;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    if (in_string && c == '\\') ++i;
    if (c == '"') in_string = !in_string;
    if (in_string) continue;
    if ((c == '{' || c == '[') && ++depth > kNestingMax) return true;
    if ((c == '}' || c == ']') && depth > 0) --depth;
  }
  return false;
}

}  // namespace

std::string_view error_name(ErrorKind kind) {
  for (const auto& [known, name] : kErrorNames)
    if (known == kind) return name;
  return "sipward.Failed";
}

ErrorKind error_kind(std::string_view name) {
  for (const auto& [kind, known] : kErrorNames)
    if (known == name) return kind;
  return ErrorKind::failed;
}

Result<json> parse_message(std::string_view text) {
  if (is_nested_too_deep(text))
    return fail(ErrorKind::invalid, "the message nests deeper than {} levels", kNestingMax);
  json message = json::parse(text, nullptr, /*allow_exceptions=*/false);
  if (message.is_discarded())
    return fail(ErrorKind::invalid, "the message of {} bytes is not JSON", text.size());
  if (!message.is_object())
    return fail(ErrorKind::invalid, "the message is a JSON {}, not an object", message.type_name());
  return message;
}

std::string frame(const json& message) {
  std::string text = message.dump(-1, ' ', /*ensure_ascii=*/false, json::error_handler_t::replace);
  text.push_back('\0');
  return text;
}

json error_reply(const Error& error) {
  return {{"error", error_name(error.kind)}, {"parameters", {{"text", error.text}}}};
}

}  // namespace sipward::control
