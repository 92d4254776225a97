// Content-Length (RFC 3261 section 20.14).
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

namespace sipward::sip {

// The largest Content-Length that is read alike by stacks that keep it in an int and by those that do not.
inline constexpr std::size_t kContentLengthMax = 2'147'483'647;

// All but `given` leave it open where the body ends: a stack that reads on may find a message where another
// sees a body.
enum class LengthField : std::uint8_t {
  given,
  missing,  // an error over TCP
  invalid,  // not digits alone, or empty
  negative,
  too_large,      // more than kContentLengthMax
  contradictory,  // several numbers that differ
};

struct ContentLength {
  LengthField field = LengthField::missing;
  std::size_t bytes = 0;  // 0 unless it is given
};

[[nodiscard]] ContentLength read_content_length(std::string_view value);

// What two Content-Length headers say together: the first fault stays.
[[nodiscard]] ContentLength join(ContentLength first, ContentLength second);

}  // namespace sipward::sip
