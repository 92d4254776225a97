#include "control/framing.h"

#include <algorithm>

namespace sipward::control {

Result<void> Unframer::feed(std::string_view bytes) {
  std::size_t size = partial_size_;
  std::size_t whole = whole_;
  for (std::string_view rest = bytes; !rest.empty();) {
    const std::size_t end = rest.find('\0');
    size += std::min(end, rest.size());
    if (size > size_max_) return fail(ErrorKind::invalid, "a message is longer than {} bytes", size_max_);
    if (end == std::string_view::npos) break;
    rest.remove_prefix(end + 1);
    size = 0;
    ++whole;
  }
  partial_size_ = size;
  whole_ = whole;
  buffer_ += bytes;
  return {};
}

std::optional<std::string> Unframer::next() {
  if (whole_ == 0) return std::nullopt;
  const std::size_t end = buffer_.find('\0', begin_);
  std::string message = buffer_.substr(begin_, end - begin_);
  begin_ = end + 1;
  --whole_;
  // Moving the rest only when it is the smaller half keeps many small messages in one buffer linear.
  if (begin_ * 2 >= buffer_.size()) {
    buffer_.erase(0, begin_);
    begin_ = 0;
  }
  if (buffer_.empty()) buffer_.shrink_to_fit();
  return message;
}

}  // namespace sipward::control
