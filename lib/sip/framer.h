// Where one message ends and the next begins in a TCP stream (RFC 3261 section 18.3, RFC 5626 section 4.4.1).
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

#include "sip/content_length.h"

namespace sipward::sip {

// A start line of more bytes, without its line end, is no start line: 16 times what PJSIP takes as a URI.
inline constexpr std::size_t kStartLineMax = 4096;

// How far the head of a message was searched without finding its end. Belongs to the stream bytes it was made
// from: keep it beside them, and start again with {} when bytes are taken off their front.
struct FrameProgress {
  std::size_t searched = 0;
  bool start_line_read = false;
};

struct Frame {
  enum class Is : std::uint8_t {
    incomplete,  // the head has not ended: call again with `progress` when more bytes are there
    keepalive,   // `size` bytes: an empty line, or a line of blanks, before the next message
    message,     // a head of `size` bytes with its empty line; then `content_length` bytes of body
    not_sip,     // the first line is, or will be, no start line of SIP, or is longer than kStartLineMax
  } is = Is::incomplete;
  FrameProgress progress;  // of an incomplete head
  std::size_t size = 0;
  LengthField length = LengthField::missing;  // of all Content-Length headers, spelled as Message reads them
  std::size_t content_length = 0;             // 0 unless `length` is given
};

// Looks at the unread bytes of a stream, which begin where the last frame ended. Pure; no allocation, no
// recursion. Says the same however the bytes arrive, and ends a head exactly where Message::read ends it. All
// calls for one head together cost time linear in it, also when it grows by one byte a call; how large a head
// may become is the caller's to bound. not_sip is told as soon as the first bytes show it (a TLS ClientHello
// at its first byte), else when the first line ends.
[[nodiscard]] Frame frame_message(std::string_view bytes, FrameProgress progress = {});

}  // namespace sipward::sip
