// Lists of records that hold their own links: joined and left in constant time, without allocation. For
// lib/dialog alone.
#pragma once

#include <cstddef>

namespace sipward::dialog {

template <class Record>
struct Link {
  Record* previous = nullptr;
  Record* next = nullptr;
};

// Does not own what is in it. A record may be in one list per link.
template <class Record, Link<Record> Record::*kLink>
class List {
 public:
  void push_back(Record& record) {
    (record.*kLink) = {last_, nullptr};
    (last_ ? (last_->*kLink).next : first_) = &record;
    last_ = &record;
    ++size_;
  }
  void push_front(Record& record) {
    (record.*kLink) = {nullptr, first_};
    (first_ ? (first_->*kLink).previous : last_) = &record;
    first_ = &record;
    ++size_;
  }
  // It must be in this list.
  void remove(Record& record) {
    const Link<Record> link = record.*kLink;
    (link.previous ? (link.previous->*kLink).next : first_) = link.next;
    (link.next ? (link.next->*kLink).previous : last_) = link.previous;
    record.*kLink = {};
    --size_;
  }

  [[nodiscard]] Record* front() const { return first_; }
  [[nodiscard]] Record* back() const { return last_; }
  [[nodiscard]] static Record* after(const Record& record) { return (record.*kLink).next; }
  [[nodiscard]] static Record* before(const Record& record) { return (record.*kLink).previous; }
  [[nodiscard]] std::size_t size() const { return size_; }

 private:
  Record* first_ = nullptr;
  Record* last_ = nullptr;
  std::size_t size_ = 0;
};

}  // namespace sipward::dialog
