// SIP, SIPS and tel URIs (RFC 3261 section 19.1 and 25.1, RFC 3966); other schemes are left whole.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string_view>

namespace sipward::sip {

struct Uri {
  enum class Scheme : std::uint8_t { sip, sips, tel, other } scheme = Scheme::other;
  std::string_view scheme_text;  // as spelled; "" without a colon
  std::string_view rest;         // what follows the scheme's colon; all that other schemes have
  std::string_view user;         // still escaped; of a tel URI, the number
  std::string_view password;
  std::string_view host;        // without the brackets of an IPv6 reference
  bool ipv6_reference = false;  // it had brackets
  std::string_view port;        // as spelled, see read_port; "" if none
  std::string_view parameters;  // ";transport=tcp;lr"
  std::string_view headers;     // behind the '?'
};

// Views into `uri`, any letter case of the scheme, outer blanks and <brackets> taken off. Never fails: what
// is not there is empty, and what is no number stays in `port` (`sip:2001:db8::10` has host 2001 and port
// "db8::10").
//
// A user may hold ';' and '?' (section 25.1), so the userinfo ends at the last '@' that stands before the
// first
// ';' or '?' behind the first '@': "a@b@host;x=y@z" is at "host".
[[nodiscard]] Uri read_uri(std::string_view uri);

// read_uri().user and .host: the user part of a sip:, sips: or tel: URI, the host of a sip: or sips: URI.
[[nodiscard]] std::string_view uri_user(std::string_view uri);
[[nodiscard]] std::string_view uri_host(std::string_view uri);

// 1 to 65535; nothing for anything else.
[[nodiscard]] std::optional<std::uint16_t> read_port(std::string_view digits);

// `text` with each %XX made the byte it stands for (section 19.1.2); a '%' without two hexadecimal digits
// stays. `text` itself when it holds no '%', else a view into `buffer`, cut off where that is full: give it
// text.size() bytes. For comparing a user with what the softswitch will see: `%31%30%30` dials 100.
[[nodiscard]] std::string_view unescape(std::string_view text, std::span<char> buffer);

}  // namespace sipward::sip
