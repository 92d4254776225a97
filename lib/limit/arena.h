// One piece of memory of fixed size for tables that fill slowly.
#pragma once

#include <cstddef>
#include <span>
#include <type_traits>

namespace sipward::limit {

// Zeroed memory from the kernel, which gives each page when it is first written to. Arrays are cut from it
// and live as long as it does.
class Arena {
 public:
  static constexpr std::size_t kAlignment = 64;  // a cache line

  // Throws std::bad_alloc.
  explicit Arena(std::size_t bytes);
  ~Arena();
  Arena(const Arena&) = delete;
  Arena& operator=(const Arena&) = delete;

  // `count` objects of zero bytes, at the start of a cache line. The sum of what is cut must be in size().
  template <class T>
  [[nodiscard]] std::span<T> cut(std::size_t count) {
    static_assert(std::is_trivially_copyable_v<T> && std::is_trivially_destructible_v<T>);
    return {static_cast<T*>(cut_bytes(bytes_for<T>(count))), count};
  }
  // What cut() takes for them.
  template <class T>
  [[nodiscard]] static constexpr std::size_t bytes_for(std::size_t count) {
    return (count * sizeof(T) + kAlignment - 1) / kAlignment * kAlignment;
  }

  [[nodiscard]] std::size_t size() const { return size_; }

 private:
  [[nodiscard]] void* cut_bytes(std::size_t bytes);

  std::size_t size_;
  std::size_t used_ = 0;
  std::byte* start_;
};

}  // namespace sipward::limit
