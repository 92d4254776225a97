// From, To, Contact and their relatives: name-addr / addr-spec with parameters (RFC 3261
// section 20.10, 25.1).
#pragma once

#include <string_view>

namespace sipward::sip {

struct NameAddr {
  std::string_view display;     // without the quotes; escapes stay as they are
  std::string_view uri;         // between < and >, or the bare addr-spec up to the first ';'
  std::string_view parameters;  // what follows the address: ";tag=1;x"; header parameters, not URI parameters
};

// Views into `value` (one header value, folded or not). Lenient: an unended quote or bracket takes the rest
// of the value.
[[nodiscard]] NameAddr read_name_addr(std::string_view value);

// The value of parameter `name` (any letter case, blanks around `=` allowed, quotes removed) in ";a=b;tag=c";
// "" when it is absent or has no value.
[[nodiscard]] std::string_view parameter(std::string_view parameters, std::string_view name);

// The user part of a sip:, sips: or tel: URI (any letter case of the scheme), without password; "" if it has
// none.
[[nodiscard]] std::string_view uri_user(std::string_view uri);
// The host of a sip: or sips: URI, without port and brackets; "" if none.
[[nodiscard]] std::string_view uri_host(std::string_view uri);

}  // namespace sipward::sip
