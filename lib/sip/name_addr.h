// From, To, Contact and their relatives: name-addr / addr-spec with parameters (RFC 3261
// section 20.10, 25.1).
#pragma once

#include <optional>
#include <string_view>

#include "sip/uri.h"

namespace sipward::sip {

struct NameAddr {
  std::string_view display;     // without the quotes; escapes stay as they are
  std::string_view uri;         // between < and >, or the bare addr-spec up to the first ';'
  std::string_view parameters;  // what follows the address: ";tag=1;x"; header parameters, not URI parameters
};

// Views into `value` (one header value, folded or not; of a list, one element). Lenient: `<` outside quotes
// makes it a name-addr, wherever it stands. What never ends hides no tag: behind an unended bracket the
// address goes to the first ';', and a quote that never ends, or ends with no address behind it, quotes
// nothing.
[[nodiscard]] NameAddr read_name_addr(std::string_view value);

// The value of the first parameter `name` (any letter case, blanks around `=` allowed, quotes removed) in
// ";a=b;tag=c"; "" when it has none, nothing when it is absent.
[[nodiscard]] std::optional<std::string_view> find_parameter(std::string_view parameters,
                                                             std::string_view name);
// The same, "" when it is absent.
[[nodiscard]] std::string_view parameter(std::string_view parameters, std::string_view name);

}  // namespace sipward::sip
