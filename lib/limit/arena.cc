#include "limit/arena.h"

#include <sys/mman.h>

#include <new>

namespace sipward::limit {

Arena::Arena(std::size_t bytes) : size_(bytes) {
  void* memory =
      mmap(nullptr, size_, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (memory == MAP_FAILED) throw std::bad_alloc();
  start_ = static_cast<std::byte*>(memory);
}

Arena::~Arena() {
  munmap(start_, size_);
}

void* Arena::cut_bytes(std::size_t bytes) {
  if (bytes > size_ - used_) throw std::bad_alloc();
  void* start = start_ + used_;
  used_ += bytes;
  return start;
}

}  // namespace sipward::limit
