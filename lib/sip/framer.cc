#include "sip/framer.h"

#include <algorithm>

#include "sip/header_lines.h"
#include "sip/scan.h"
#include "sip/start_line.h"
#include "sip/text.h"

namespace sipward::sip {
namespace {

constexpr std::string_view kVersion = "SIP/2.0";
// Looked at again with each call until the first line ends, so it is short. All known methods fit.
constexpr std::size_t kEarlyLook = 32;

std::string_view without_cr(std::string_view line) {
  return line.ends_with('\r') ? line.substr(0, line.size() - 1) : line;
}

// The beginning of a first line whose end has not arrived: its first word may still become a method or the
// version.
bool may_become_start_line(std::string_view bytes) {
  if (without_cr(bytes).size() > kStartLineMax) return false;
  const std::string_view look = trim_left_lws(bytes.substr(0, kEarlyLook));
  const auto* const end = std::find_if(look.begin(), look.end(), is_lws);
  const std::string_view word = look.substr(0, static_cast<std::size_t>(end - look.begin()));
  if (std::all_of(word.begin(), word.end(), is_token_char)) return true;
  return equal_nocase(word, kVersion.substr(0, word.size())) &&
         (end == look.end() || word.size() == kVersion.size());
}

// `line` is whole, without its line end; `message` where it is a start line.
Frame::Is judge_first_line(std::string_view line) {
  if (line.size() > kStartLineMax) return Frame::Is::not_sip;
  if (trim_left_lws(line).empty()) return Frame::Is::keepalive;
  return read_start_line(line).is == StartLine::Is::neither ? Frame::Is::not_sip : Frame::Is::message;
}

// The size of the empty line that `bytes` begins with; 0 if there is none, kNone if more bytes may show one.
std::size_t empty_line(std::string_view bytes) {
  if (bytes.empty() || bytes == "\r") return kNone;
  if (bytes.front() == '\n') return 1;
  return bytes.starts_with("\r\n") ? 2 : 0;
}

// The size of the head; kNone if its end has not arrived. `searched` moves on.
std::size_t find_head_end(std::string_view bytes, std::size_t& searched) {
  for (;;) {
    const std::size_t line_end = bytes.find('\n', searched);
    searched = std::min(line_end, bytes.size());
    if (line_end == kNone) return kNone;
    const std::size_t size = empty_line(bytes.substr(line_end + 1));
    if (size == kNone) return kNone;
    if (size != 0) return line_end + 1 + size;
    searched = line_end + 1;
  }
}

// `head` holds a start line, headers and the empty line.
ContentLength content_length(std::string_view head) {
  Defects ignored;
  ContentLength length;
  static_cast<void>(take_line(head, ignored));
  while (!head.empty()) {
    const std::string_view line = take_continuations(take_line(head, ignored), head, ignored);
    const std::size_t colon = line.find(':');
    if (colon == kNone) continue;
    Header header;
    static_cast<void>(read_name(line.substr(0, colon), header));
    if (header.name != HeaderName::content_length) continue;
    length = join(length, read_content_length(line.substr(colon + 1)));
  }
  return length;
}

}  // namespace

Frame frame_message(std::string_view bytes, FrameProgress progress) {
  Frame frame;
  frame.progress = progress;
  if (!progress.start_line_read) {
    const std::size_t end = bytes.find('\n', progress.searched);
    if (end == kNone) {
      frame.progress.searched = bytes.size();
      frame.is = may_become_start_line(bytes) ? Frame::Is::incomplete : Frame::Is::not_sip;
      return frame;
    }
    frame.is = judge_first_line(without_cr(bytes.substr(0, end)));
    frame.progress = {end, true};
    frame.size = frame.is == Frame::Is::keepalive ? end + 1 : 0;
    if (frame.is != Frame::Is::message) return frame;
  }
  const std::size_t head = find_head_end(bytes, frame.progress.searched);
  frame.is = head == kNone ? Frame::Is::incomplete : Frame::Is::message;
  if (head == kNone) return frame;
  frame.size = head;
  const ContentLength length = content_length(bytes.substr(0, head));
  frame.length = length.field;
  frame.content_length = length.bytes;
  return frame;
}

}  // namespace sipward::sip
