// Where a request within a dialog is addressed to, when no request of its sender was seen that shows it
// (RFC 3261 section 12.2.1.1). For the .cc files of lib/inject alone.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "dialog/dialog.h"

namespace sipward::inject {

struct Addressing {
  std::string request_uri;         // "" when the other side's target is not known
  std::vector<std::string> route;  // values of Route, first to last
};

// As the last request of `from` within the dialog on this hop had it; else from the other side's target and
// Record-Route, with strict routers, the first of which takes the place of the Request-URI.
[[nodiscard]] Addressing addressing(const dialog::Dialog& dialog, dialog::Side from);

// A value of Route or Contact, with brackets or bare -> its URI. View into `value`.
[[nodiscard]] std::string_view uri_of(std::string_view value);

// Without what a Request-URI must not hold: the parameter `method`, and headers (section 19.1.1, table 1).
[[nodiscard]] std::string as_request_uri(std::string_view uri);

}  // namespace sipward::inject
