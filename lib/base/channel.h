// A bounded queue between threads: many writers, one reader.
#pragma once

#include <chrono>
#include <condition_variable>
#include <cstddef>
#include <mutex>
#include <utility>
#include <vector>

namespace sipward {

template <class T>
class Channel {
 public:
  explicit Channel(std::size_t capacity) : capacity_(capacity) {}

  // False when it is full or closed: the caller counts what is lost. Never waits for the reader.
  [[nodiscard]] bool put(T value) {
    {
      const std::lock_guard lock(mutex_);
      if (closed_ || waiting_.size() >= capacity_) return false;
      waiting_.push_back(std::move(value));
    }
    filled_.notify_one();
    return true;
  }

  // All that is there, in order; waits up to `timeout` for something. Empty: nothing came, or closed and
  // drained.
  [[nodiscard]] std::vector<T> take_all(std::chrono::milliseconds timeout) {
    std::unique_lock lock(mutex_);
    filled_.wait_for(lock, timeout, [this] { return closed_ || !waiting_.empty(); });
    return std::exchange(waiting_, {});
  }

  // Waits up to `timeout` for its end and takes nothing: true when it is closed.
  [[nodiscard]] bool wait_closed(std::chrono::milliseconds timeout) {
    std::unique_lock lock(mutex_);
    return filled_.wait_for(lock, timeout, [this] { return closed_; });
  }

  // Nothing more goes in; the reader gets what is left.
  void close() {
    {
      const std::lock_guard lock(mutex_);
      closed_ = true;
    }
    filled_.notify_all();
  }

  [[nodiscard]] bool is_drained() {
    const std::lock_guard lock(mutex_);
    return closed_ && waiting_.empty();
  }

 private:
  const std::size_t capacity_;
  std::mutex mutex_;
  std::condition_variable filled_;
  std::vector<T> waiting_;
  bool closed_ = false;
};

}  // namespace sipward
