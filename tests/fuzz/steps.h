// How much work a call was, told without a clock: branches taken and bytes searched by memchr.
#pragma once

#include <cstddef>
#include <cstdint>

namespace sipward::fuzz {

// Counts from its construction on. Sees our own code alone: libraries are not instrumented.
class Steps {
 public:
  Steps();
  [[nodiscard]] std::uint64_t taken() const;
  // The steps must not be more than `each` for every one of `bytes`, and some to begin with.
  void must_be_linear(std::size_t bytes, std::uint64_t each) const;

 private:
  std::uint64_t begun_at_;
};

}  // namespace sipward::fuzz
