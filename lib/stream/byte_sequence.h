// The bytes of one direction of a TCP connection in their order (RFC 9293, sections 3.4 and 3.10.7.4).
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"

namespace sipward::stream {

// What a segment's bytes are to the bytes before them.
enum class Placement : std::uint8_t {
  nothing_new,  // all of them were there before, and are the same
  in_order,     // there are more bytes to read now
  ahead,        // bytes before them are missing: a copy is kept until those come
  no_room,      // as `ahead`, but kHeldMax bytes or kHeldSegmentsMax segments are kept already
  conflict,     // some contradict bytes that were there before
  forgotten,    // some lie so far back that what was there before is no longer known
  too_far,      // more than kAheadMax bytes ahead
};

// The receiver's view, rebuilt. Bytes that were seen once are binding: a segment that says otherwise is told
// as a conflict, whichever of the two the receiver would take. So it does not matter which copy got lost on
// the way, was built not to arrive (a low TTL, a wrong checksum) or is ignored there. Segments that come
// early may pass on to the receiver: it gives them to nobody before the missing ones have come, and those are
// read here first.
class ByteSequence {
 public:
  static constexpr std::size_t kHistoryBytes = 16384;  // of read bytes that are kept to compare with
  static constexpr std::size_t kHeldMax = 65536;
  static constexpr std::size_t kHeldSegmentsMax = 1024;
  static constexpr std::uint32_t kAheadMax = 1U << 20U;  // larger than any window that SIP needs

  explicit ByteSequence(std::uint32_t first) : next_(first) {}

  // Takes the bytes of a segment, of which `sequence` is the first one's number. Nothing is taken unless the
  // placement is in_order or ahead.
  [[nodiscard]] Placement place(std::uint32_t sequence, std::string_view bytes, Instant now);

  // In order and not consumed yet. Valid until place(), skip_gap() or forget_history().
  [[nodiscard]] std::string_view unread() const {
    return std::string_view(known_).substr(known_.size() - unread_);
  }
  void consume(std::size_t n) { unread_ -= n; }

  // Whether place() would take the bytes in order, or find nothing new in them.
  [[nodiscard]] bool continues(std::uint32_t sequence, std::string_view bytes) const;
  // The bytes up to next() that are kept, read ones too.
  [[nodiscard]] std::string_view known() const { return known_; }

  // The number of the first byte that is still to come.
  [[nodiscard]] std::uint32_t next() const { return next_; }
  // Since when bytes have been waiting for missing ones; nothing waits: Instant::max().
  [[nodiscard]] Instant waiting_since() const;
  // How many bytes are missing before the first that wait.
  [[nodiscard]] std::uint32_t missing() const;
  // The first bytes that wait; "" when none do.
  [[nodiscard]] std::string_view first_held() const;
  // Gives up the missing bytes, and those that are unread: goes on with those that wait.
  void skip_gap();
  // Frees what it can without losing unread or waiting bytes.
  void forget_history();

  // Memory held, in bytes.
  [[nodiscard]] std::size_t memory() const;

 private:
  struct Held {
    std::uint32_t sequence;
    std::string bytes;
    Instant since;
  };

  [[nodiscard]] Placement compare_known(std::uint32_t sequence, std::string_view bytes) const;
  [[nodiscard]] bool contradicts_held(std::uint32_t sequence, std::string_view bytes) const;
  [[nodiscard]] Placement hold(std::uint32_t sequence, std::string_view bytes, Instant now);
  void append(std::string_view bytes);
  void take_held();
  void trim();

  std::uint32_t next_;
  std::string known_;       // the bytes up to next_: read ones, then unread ones
  std::size_t unread_ = 0;  // how many of known_
  std::vector<Held> held_;  // by sequence; each holds a byte that those before do not
  std::size_t held_bytes_ = 0;
};

}  // namespace sipward::stream
