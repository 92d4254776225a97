// Varlink's framing: JSON objects, each followed by a NUL byte. Cost is linear in the bytes, however they are
// cut.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

#include "base/result.h"

namespace sipward::control {

inline constexpr std::size_t kMessageSizeMax = 16U << 20U;

// Bytes in, whole messages out.
class Unframer {
 public:
  explicit Unframer(std::size_t size_max = kMessageSizeMax) : size_max_(size_max) {}
  // Appends what was received; `invalid` when a message grows beyond `size_max` bytes without its NUL:
  // nothing is appended then and the connection is useless.
  [[nodiscard]] Result<void> feed(std::string_view bytes);
  // The next whole message without its NUL.
  [[nodiscard]] std::optional<std::string> next();

 private:
  std::size_t size_max_;
  std::string buffer_;  // whole messages and the beginning of one; what lies before begin_ is used up
  std::size_t begin_ = 0;
  std::size_t whole_ = 0;         // NULs at or after begin_
  std::size_t partial_size_ = 0;  // bytes after the last NUL
};

}  // namespace sipward::control
