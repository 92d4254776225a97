// Header field names (RFC 3261 section 20 and 7.3.3) and those that signatures look at.
#pragma once

#include <cstdint>
#include <string_view>

namespace sipward::sip {

enum class HeaderName : std::uint8_t {
  other,
  accept,
  allow,
  authorization,
  call_id,           // i
  contact,           // m
  content_encoding,  // e
  content_length,    // l
  content_type,      // c
  cseq,
  event,  // o (RFC 6665)
  expires,
  from,  // f
  max_forwards,
  min_se,
  proxy_authenticate,
  proxy_authorization,
  record_route,
  refer_to,     // r (RFC 3515)
  referred_by,  // b (RFC 3892)
  require,
  route,
  server,
  session_expires,  // x (RFC 4028)
  subject,          // s
  supported,        // k
  to,               // t
  user_agent,
  via,  // v
  www_authenticate,
  count_,
};

// Any letter case, long or compact form. The name must match whole: a hash or a prefix never decides.
[[nodiscard]] HeaderName header_name(std::string_view spelled);

// The long form as in the RFC ("User-Agent"); "" for other.
[[nodiscard]] std::string_view to_string(HeaderName name);

}  // namespace sipward::sip
