#include "sip/uri.h"

#include <algorithm>
#include <charconv>
#include <system_error>

#include "sip/scan.h"
#include "sip/text.h"

namespace sipward::sip {
namespace {

std::string_view from(std::string_view text, std::size_t begin) {
  return text.substr(std::min(begin, text.size()));
}

// Takes what stands before the first of `ends` off `text`.
std::string_view take_until(std::string_view& text, std::string_view ends) {
  const std::string_view taken = text.substr(0, text.find_first_of(ends));
  text.remove_prefix(taken.size());
  return taken;
}

Uri::Scheme scheme_of(std::string_view text) {
  if (equal_nocase(text, "sip")) return Uri::Scheme::sip;
  if (equal_nocase(text, "sips")) return Uri::Scheme::sips;
  return equal_nocase(text, "tel") ? Uri::Scheme::tel : Uri::Scheme::other;
}

// The '@' that ends the userinfo; kNone without one.
std::size_t end_of_userinfo(std::string_view authority) {
  const std::size_t first = authority.find('@');
  if (first == kNone) return kNone;
  return authority.substr(0, authority.find_first_of(";?", first)).rfind('@');
}

// Takes the userinfo and its '@' off `rest`.
void read_userinfo(std::string_view& rest, Uri& uri) {
  const std::size_t at = end_of_userinfo(rest);
  if (at == kNone) return;
  const std::string_view userinfo = rest.substr(0, at);
  const std::size_t colon = userinfo.find(':');
  uri.user = userinfo.substr(0, colon);
  if (colon != kNone) uri.password = userinfo.substr(colon + 1);
  rest.remove_prefix(at + 1);
}

// Takes host and port off `rest`.
void read_hostport(std::string_view& rest, Uri& uri) {
  if (rest.starts_with('[')) {
    uri.ipv6_reference = true;
    rest.remove_prefix(1);
    uri.host = take_until(rest, "]");
    if (!rest.empty()) rest.remove_prefix(1);
  } else {
    uri.host = take_until(rest, ":;? \t\r\n");
  }
  std::string_view behind = take_until(rest, ";?");
  behind = trim_lws(behind);
  if (behind.starts_with(':')) uri.port = trim_left_lws(behind.substr(1));
}

// Asterisk takes the brackets of "INVITE <sip:100@h> SIP/2.0" off (RFC 4475 section 3.1.2.7).
std::string_view without_brackets(std::string_view uri) {
  if (!uri.starts_with('<')) return uri;
  return trim_lws(uri.substr(1, uri.find('>') - 1));
}

int hexadecimal(char c) {
  if (is_digit(c)) return c - '0';
  const char letter = lower(c);
  return letter >= 'a' && letter <= 'f' ? letter - 'a' + 10 : -1;
}

// The byte of the escape that `text` begins with; nothing if it begins with none.
std::optional<char> escaped(std::string_view text) {
  if (text.size() < 3 || text.front() != '%') return std::nullopt;
  const int high = hexadecimal(text[1]);
  const int low = hexadecimal(text[2]);
  if (high < 0 || low < 0) return std::nullopt;
  return static_cast<char>(high * 16 + low);
}

}  // namespace

Uri read_uri(std::string_view uri) {
  uri = without_brackets(trim_lws(uri));
  Uri result;
  const std::size_t colon = uri.find(':');
  if (colon != kNone) result.scheme_text = uri.substr(0, colon);
  result.rest = colon == kNone ? uri : uri.substr(colon + 1);
  result.scheme = scheme_of(result.scheme_text);
  std::string_view rest = result.rest;
  if (result.scheme == Uri::Scheme::other) return result;
  if (result.scheme == Uri::Scheme::tel) {
    result.user = take_until(rest, ";");
    result.parameters = rest;
    return result;
  }
  read_userinfo(rest, result);
  read_hostport(rest, result);
  result.parameters = take_until(rest, "?");
  result.headers = from(rest, 1);
  return result;
}

std::string_view uri_user(std::string_view uri) {
  return read_uri(uri).user;
}

std::string_view uri_host(std::string_view uri) {
  return read_uri(uri).host;
}

std::optional<std::uint16_t> read_port(std::string_view digits) {
  std::uint16_t port = 0;
  const char* const end = digits.data() + digits.size();
  const auto [stopped, error] = std::from_chars(digits.data(), end, port);
  if (error != std::errc{} || stopped != end || port == 0) return std::nullopt;
  return port;
}

std::string_view unescape(std::string_view text, std::span<char> buffer) {
  if (text.find('%') == kNone) return text;
  std::size_t size = 0;
  for (std::size_t i = 0; i < text.size() && size < buffer.size(); ++i) {
    const std::optional<char> byte = escaped(text.substr(i));
    buffer[size++] = byte.value_or(text[i]);
    if (byte) i += 2;
  }
  return {buffer.data(), size};
}

}  // namespace sipward::sip
