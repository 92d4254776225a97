// For the .cc files of lib/stream alone.
#pragma once

#include <string_view>

#include "sip/framer.h"

namespace sipward::stream {

// Bytes that hold a whole start line, or a keepalive, at their beginning.
[[nodiscard]] inline bool begins_message(std::string_view bytes) {
  const sip::Frame frame = sip::frame_message(bytes);
  return frame.is == sip::Frame::Is::message || frame.is == sip::Frame::Is::keepalive ||
         (frame.is == sip::Frame::Is::incomplete && frame.progress.start_line_read);
}

}  // namespace sipward::stream
