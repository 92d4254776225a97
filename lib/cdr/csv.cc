#include "cdr/csv.h"

#include <variant>

#include "cdr/fields.h"
#include "cdr/shown_text.h"

namespace sipward::cdr {
namespace {

bool begins_formula(char32_t c) {
  constexpr std::u32string_view kSigns = U"=+-@＝＋－＠";
  return kSigns.find(c) != std::u32string_view::npos;
}

bool is_plus_and_digits(std::string_view text) {
  return text.size() > 1 && text.front() == '+' &&
         text.find_first_not_of("0123456789", 1) == std::string_view::npos;
}

// What a spreadsheet shows, and does not compute.
std::string harmless(std::string_view foreign) {
  if (is_plus_and_digits(foreign)) return std::string(foreign);
  std::string text;
  bool cell_begins = true;
  for_each_character(foreign, [&](std::string_view character, char32_t c) {
    if (cell_begins && begins_formula(c)) text += '\'';
    text += is_control(c) ? kReplacement : character;
    cell_begins = c == ';' || c == '\t';
  });
  return text;
}

struct Writer {
  std::string operator()(std::monostate) const { return {}; }
  std::string operator()(const Foreign& foreign) const { return csv_field(foreign.text); }
  std::string operator()(const std::string& ours) const { return ours; }
  std::string operator()(std::int64_t number) const { return std::to_string(number); }
  std::string operator()(bool yes) const { return yes ? "true" : "false"; }
};

template <class Text>
std::string line(Text&& text_of) {
  std::string line;
  for (const Column& column : columns()) {
    line += text_of(column);
    line += ',';
  }
  line.pop_back();
  return line + "\r\n";
}

}  // namespace

std::string csv_field(std::string_view foreign) {
  const std::string text = harmless(foreign);
  if (text.find_first_of(",;\"") == std::string::npos) return text;
  std::string quoted = "\"";
  for (const char c : text) quoted.append(c == '"' ? 2 : 1, c);
  return quoted + '"';
}

std::string csv_header() {
  return line([](const Column& column) { return column.name; });
}

std::string csv_line(const CallRecord& record) {
  return line([&](const Column& column) { return std::visit(Writer{}, column.value(record)); });
}

}  // namespace sipward::cdr
