#include "sip/name_addr.h"

#include <algorithm>

#include "sip/scan.h"
#include "sip/text.h"

namespace sipward::sip {
namespace {

// The address ends at the first ';'.
NameAddr split(std::string_view value) {
  const std::size_t semicolon = value.find(';');
  return {{}, trim_lws(value.substr(0, semicolon)), value.substr(std::min(semicolon, value.size()))};
}

// addr-spec without brackets: every ';' belongs to the header (section 20.10). A quoted string before it,
// which the grammar takes in front of brackets only, is still a display name.
NameAddr read_addr_spec(std::string_view value) {
  if (!value.starts_with('"')) return split(value);
  const std::size_t end = closing_quote(value, 0);
  NameAddr result = split(trim_lws(value.substr(end == kNone ? 1 : end + 1)));
  if (end != kNone) result.display = unquote(value);
  return result;
}

// Where the '<' of a name-addr stands; kNone if there is none. Behind a display name an address must follow:
// where it does not, the closing quote was none.
std::size_t find_bracket(std::string_view value) {
  const std::size_t open = Unquoted(value).find(0, '<');
  if (open != kNone || !value.starts_with('"')) return open;
  const std::size_t end = closing_quote(value, 0);
  if (end == kNone) return kNone;
  const std::string_view behind = trim_lws(value.substr(end + 1));
  return behind.empty() || behind.front() == ';' ? value.find('<') : kNone;
}

}  // namespace

NameAddr read_name_addr(std::string_view value) {
  value = trim_lws(value);
  const std::size_t open = find_bracket(value);
  if (open == kNone) return read_addr_spec(value);
  const std::size_t close = value.find('>', open);
  NameAddr result = close == kNone ? split(value.substr(open + 1)) : NameAddr{};
  result.display = unquote(trim_lws(value.substr(0, open)));
  if (close == kNone) return result;
  result.uri = trim_lws(value.substr(open + 1, close - open - 1));
  result.parameters = trim_lws(value.substr(close + 1));
  return result;
}

std::optional<std::string_view> find_parameter(std::string_view parameters, std::string_view name) {
  Unquoted scan(parameters);
  std::size_t begin = scan.find(0, ';');
  while (begin != kNone) {
    const std::size_t end = scan.find(begin + 1, ';');
    const std::string_view one = parameters.substr(begin + 1, end == kNone ? kNone : end - begin - 1);
    const std::size_t equals = one.find('=');
    if (equal_nocase(trim_lws(one.substr(0, equals)), name)) {
      return equals == kNone ? std::string_view{} : unquote(trim_lws(one.substr(equals + 1)));
    }
    begin = end;
  }
  return std::nullopt;
}

std::string_view parameter(std::string_view parameters, std::string_view name) {
  return find_parameter(parameters, name).value_or(std::string_view{});
}

}  // namespace sipward::sip
