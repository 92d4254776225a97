// Authorization and Proxy-Authorization, and what asks for them: WWW-Authenticate and Proxy-Authenticate (RFC
// 3261 section 20.7, 20.27, 20.28, 20.44 and 22.4, RFC 8760).
#pragma once

#include <optional>
#include <string_view>

#include "sip/list.h"

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

struct Challenge {
  std::string_view nonce;  // as in Digest; "" in another scheme than Digest
  bool stale = false;  // the credentials may have been right, their nonce was too old (RFC 7616 section 3.3)
};

// Takes the challenges of one header value, first to last. RFC 3261 section 7.3.1 forbids more than one, HTTP
// and some stacks do not: an element of two words, `Digest realm="x"`, begins one. All calls together cost
// time linear in the value.
class ChallengeReader {
 public:
  // `value` must live as long as the challenges are used: they are views into it.
  explicit ChallengeReader(std::string_view value);
  [[nodiscard]] std::optional<Challenge> next();

 private:
  ListReader list_;
  std::optional<std::string_view> element_;  // the one that `next` begins with
};

}  // namespace sipward::sip
