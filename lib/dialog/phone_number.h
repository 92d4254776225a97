// The numbers of a call, as rules and reports know them.
#pragma once

#include <string>
#include <string_view>

namespace sipward::dialog {

// Whom a URI names: the user part of a sip:, sips: or tel: URI without its parameters and %-escapes; "" when
// it has none. Of any other URI all of it, in lower case: "urn:service:sos" (RFC 5031).
//
// Visual separators ("-", ".", "(" and ")", RFC 3966 section 5.1.1) are left out where the rest is a number.
// Nothing else is changed: "+4930", "004930" and "4930" are three numbers, since only the operator knows how
// his carriers spell them.
[[nodiscard]] std::string number_of(std::string_view uri);

// The same of a From or To value: "\"Alice\" <sip:alice@a.example>;tag=1".
[[nodiscard]] std::string number_of_address(std::string_view address);

}  // namespace sipward::dialog
