// Branches of Via that tell our own requests, and the responses to them, from everybody else's.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/keyed_hash.h"
#include "sip/message.h"

namespace sipward::inject {

// A branch holds a number and a keyed hash of it and of the Call-ID, so that nobody without the key can make
// one, and one that was seen is worth nothing in another call.
class Branches {
 public:
  // Whoever has the same key recognises them, also after a restart.
  explicit Branches(const KeyedHash& key) : key_(key) {}

  // "z9hG4bK" (RFC 3261 section 8.1.1.7) and 36 more characters of a token. `number` is the sender's own: of
  // one client transaction.
  [[nodiscard]] std::string make(std::uint64_t number, std::string_view call_id) const;
  // The number; nothing when make() did not make `branch` for this Call-ID.
  [[nodiscard]] std::optional<std::uint64_t> read(std::string_view branch, std::string_view call_id) const;

  // The number of our own BYE that `message` is, or is the response to, by its topmost Via. Only a BYE: who
  // got one may put its branch into any other request of that call, which is not ours then.
  [[nodiscard]] std::optional<std::uint64_t> own_bye(const sip::Message& message) const;

 private:
  KeyedHash key_;
};

}  // namespace sipward::inject
