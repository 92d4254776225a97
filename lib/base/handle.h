// Ownership of C resources, wrapped once.
#pragma once

#include <unistd.h>

#include <memory>
#include <utility>

namespace sipward {

// Stateless deleter for a C handle: using Db = std::unique_ptr<sqlite3, CloseWith<sqlite3_close>>.
template <auto Function>
struct CloseWith {
  template <class T>
  void operator()(T* handle) const noexcept {
    Function(handle);
  }
};

// A file descriptor that closes itself. Move-only; -1 means none.
class Fd {
 public:
  Fd() = default;
  explicit Fd(int fd) : fd_(fd) {}
  Fd(Fd&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
  Fd& operator=(Fd&& other) noexcept {
    if (this != &other) {
      reset();
      fd_ = std::exchange(other.fd_, -1);
    }
    return *this;
  }
  Fd(const Fd&) = delete;
  Fd& operator=(const Fd&) = delete;
  ~Fd() { reset(); }

  [[nodiscard]] int get() const { return fd_; }
  [[nodiscard]] bool valid() const { return fd_ >= 0; }
  void reset() {
    if (fd_ >= 0) ::close(fd_);
    fd_ = -1;
  }

 private:
  int fd_ = -1;
};

}  // namespace sipward
