// Authorization and Proxy-Authorization (RFC 3261 section 20.7 and 22.4, RFC 8760).
#pragma once

#include <optional>
#include <string_view>

namespace sipward::sip {

// Values without their quotes; escapes in them stay. "" for what is absent. Of a repeated one, the first.
struct Digest {
  std::string_view username;
  std::string_view realm;
  std::string_view nonce;
  std::string_view uri;
  std::string_view response;
  std::string_view algorithm;  // "" stands for MD5
};

// Views into `value`. Nothing for another scheme than Digest, in any letter case. A quote that never ends
// takes the rest of its element, up to the next comma. Linear in the value.
[[nodiscard]] std::optional<Digest> read_digest(std::string_view value);

}  // namespace sipward::sip
