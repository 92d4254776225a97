// Via (RFC 3261 section 20.42, RFC 3581).
#pragma once

#include <optional>
#include <string_view>

namespace sipward::sip {

struct Via {
  std::string_view protocol;              // "SIP"
  std::string_view version;               // "2.0"
  std::string_view transport;             // as spelled: "UDP", "tcp", unknown ones too
  std::string_view host;                  // sent-by, without the brackets of an IPv6 reference
  std::string_view port;                  // sent-by, as spelled, see read_port; "" if none
  std::string_view branch;                // "" if none
  std::string_view received;              // without brackets; "" if none
  std::optional<std::string_view> rport;  // "" in a request that asks for it; nothing when absent
  std::string_view parameters;            // ";branch=z9hG4bK1;rport"
};

// Views into `value`, one element of a Via list (see ListReader). Blanks may stand around each part (`SIP
// / 2.0`). Nothing when protocol, version, transport or host is missing. Parameters are found wherever they
// stand behind the host, also behind a comment or what no grammar allows there.
[[nodiscard]] std::optional<Via> read_via(std::string_view value);

}  // namespace sipward::sip
