#include "cdr/json_line.h"

#include <fmt/format.h>

#include <variant>

#include "cdr/fields.h"
#include "cdr/shown_text.h"

namespace sipward::cdr {
namespace {

struct Writer {
  std::string operator()(std::monostate) const { return "null"; }
  std::string operator()(const Foreign& foreign) const { return json_string(foreign.text); }
  std::string operator()(const std::string& ours) const { return json_string(ours); }
  std::string operator()(std::int64_t number) const { return std::to_string(number); }
  std::string operator()(bool yes) const { return yes ? "true" : "false"; }
};

}  // namespace

std::string json_string(std::string_view text) {
  std::string json = "\"";
  for_each_character(text, [&](std::string_view character, char32_t c) {
    if (is_control(c)) {
      json += fmt::format("\\u{:04x}", static_cast<unsigned>(c));
      return;
    }
    if (c == '"' || c == '\\') json += '\\';
    json += character;
  });
  return json + '"';
}

std::string json_line(const CallRecord& record) {
  std::string line;
  for (const Column& column : columns()) {
    line += fmt::format("{}\"{}\":{}", line.empty() ? '{' : ',', column.name,
                        std::visit(Writer{}, column.value(record)));
  }
  return line + "}\n";
}

}  // namespace sipward::cdr
