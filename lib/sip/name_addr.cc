#include "sip/name_addr.h"

#include <algorithm>

#include "sip/text.h"

namespace sipward::sip {
namespace {

constexpr std::size_t kNone = std::string_view::npos;

// Where the quoted string that begins at `text[open]` has its closing quote; kNone when it has none.
std::size_t closing_quote(std::string_view text, std::size_t open) {
  for (std::size_t i = open + 1; i < text.size(); ++i) {
    if (text[i] == '"') return i;
    if (text[i] == '\\') ++i;
  }
  return kNone;
}

// The first `wanted` at or behind `begin` that is in no quoted string. An unended one takes the rest.
std::size_t find_unquoted(std::string_view text, std::size_t begin, char wanted) {
  for (std::size_t i = begin; i < text.size(); ++i) {
    if (text[i] == wanted) return i;
    if (text[i] != '"') continue;
    i = closing_quote(text, i);
    if (i == kNone) return kNone;
  }
  return kNone;
}

// The inside of the quoted string that `text` begins with; `text` itself when it begins with none.
std::string_view unquote(std::string_view text) {
  if (text.empty() || text.front() != '"') return text;
  const std::size_t end = closing_quote(text, 0);
  return end == kNone ? text.substr(1) : text.substr(1, end - 1);
}

std::string_view from(std::string_view text, std::size_t begin) {
  return text.substr(std::min(begin, text.size()));
}

// addr-spec without brackets: every ';' belongs to the header (section 20.10). A quoted string before it,
// which the grammar takes in front of brackets only, is still a display name.
NameAddr read_addr_spec(std::string_view value) {
  NameAddr result;
  if (!value.empty() && value.front() == '"') {
    const std::size_t end = closing_quote(value, 0);
    result.display = unquote(value);
    value = end == kNone ? std::string_view{} : trim_lws(value.substr(end + 1));
  }
  const std::size_t semicolon = value.find(';');
  result.uri = trim_lws(value.substr(0, semicolon));
  result.parameters = from(value, semicolon);
  return result;
}

// What stands behind "sip:" or "sips:"; nothing for another scheme.
std::string_view behind_sip_scheme(std::string_view uri) {
  const std::size_t colon = uri.find(':');
  const std::string_view scheme = uri.substr(0, colon);
  if (colon == kNone || !(equal_nocase(scheme, "sip") || equal_nocase(scheme, "sips"))) return {};
  return uri.substr(colon + 1);
}

// The '@' that ends the userinfo; kNone without one. A user may hold ';' and '?' (section 25.1), so the first
// '@' comes before any parameter; '@' itself must be escaped in it. Of several the last counts that stands
// before the first ';' or
// '?' behind the first '@': "a@b@host;x=y@z" is at "host".
std::size_t end_of_userinfo(std::string_view authority) {
  const std::size_t first = authority.find('@');
  if (first == kNone) return kNone;
  return authority.substr(0, authority.find_first_of(";?", first)).rfind('@');
}

}  // namespace

NameAddr read_name_addr(std::string_view value) {
  value = trim_lws(value);
  const std::size_t open = find_unquoted(value, 0, '<');
  if (open == kNone) return read_addr_spec(value);
  NameAddr result;
  result.display = unquote(trim_lws(value.substr(0, open)));
  const std::size_t close = value.find('>', open);
  result.uri = trim_lws(value.substr(open + 1, close == kNone ? kNone : close - open - 1));
  if (close != kNone) result.parameters = trim_lws(value.substr(close + 1));
  return result;
}

std::string_view parameter(std::string_view parameters, std::string_view name) {
  std::size_t begin = find_unquoted(parameters, 0, ';');
  while (begin != kNone) {
    const std::size_t end = find_unquoted(parameters, begin + 1, ';');
    const std::string_view one = parameters.substr(begin + 1, end == kNone ? kNone : end - begin - 1);
    const std::size_t equals = one.find('=');
    if (equal_nocase(trim_lws(one.substr(0, equals)), name)) {
      return equals == kNone ? std::string_view{} : unquote(trim_lws(one.substr(equals + 1)));
    }
    begin = end;
  }
  return {};
}

std::string_view uri_user(std::string_view uri) {
  uri = trim_lws(uri);
  if (equal_nocase(uri.substr(0, 4), "tel:")) return uri.substr(4, uri.find(';', 4) - 4);
  const std::string_view authority = behind_sip_scheme(uri);
  const std::size_t at = end_of_userinfo(authority);
  if (at == kNone) return {};
  const std::string_view userinfo = authority.substr(0, at);
  return userinfo.substr(0, userinfo.find(':'));
}

std::string_view uri_host(std::string_view uri) {
  const std::string_view authority = behind_sip_scheme(trim_lws(uri));
  const std::size_t at = end_of_userinfo(authority);
  const std::string_view host = at == kNone ? authority : authority.substr(at + 1);
  if (!host.empty() && host.front() == '[') return host.substr(1, host.find(']') - 1);
  return host.substr(0, host.find_first_of(":;? \t"));
}

}  // namespace sipward::sip
