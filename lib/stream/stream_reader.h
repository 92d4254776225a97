// START HERE: TCP segments -> the messages that their receiver will read, in its order (RFC 3261,
// section 18.3).
#pragma once

#include <optional>
#include <string_view>

#include "packet/decode.h"
#include "stream/connection_table.h"
#include "stream/trouble.h"

namespace sipward::stream {

// One segment at hand, and what can be read now that it is there.
struct SegmentInfo {
  const packet::Datagram& datagram;
  bool proven = false;   // its connection's handshake was completed; of a SYN: there is a living connection
  bool lenient = false;  // what cannot be read is let pass, and reading goes on at the next start line
  bool cut = false;      // its last bytes are missing here
};

class StreamReader;

class Segment {
 public:
  struct Item {
    std::string_view
        bytes;  // a whole head and as much of its body as is there; or the line ends of a keepalive
    bool is_keepalive = false;
  };

  // The next message whose head is complete now. Nothing: look at trouble(). The view is good until the
  // reader takes the next segment. Linear in the bytes that came with the segment.
  [[nodiscard]] std::optional<Item> next();
  [[nodiscard]] Trouble trouble() const { return trouble_; }
  // What has arrived of a head that has not ended; "" when there is none.
  [[nodiscard]] std::string_view unfinished() const;
  // What the caller wants to keep, of `size` bytes, for as long as this head is unfinished. Only when
  // unfinished() is not empty; it may be afterwards, if the source's share is full: look at trouble().
  void keep(std::shared_ptr<void> companion, std::size_t size);
  [[nodiscard]] void* companion() const { return connection_->companion.get(); }
  // The number of the first byte that the receiver has not been given yet: where a RST in the client's name
  // must stand (RFC 5961, section 3.2).
  [[nodiscard]] std::uint32_t expected() const { return expected_; }
  // Nothing of this connection is to arrive any more. One that is not proven, or whose numbers are guessed,
  // may have been somebody's forgery: it is read anew from where it goes on. Nothing is to be asked of the
  // segment afterwards but trouble() and expected().
  void end();

 private:
  friend class StreamReader;
  Segment(StreamReader& reader, const SegmentInfo& info, Instant now)
      : reader_(reader), info_(info), now_(now), expected_(info.datagram.tcp.sequence) {}
  void place(Connection& connection);
  [[nodiscard]] Trouble place_guess(Connection& connection);
  [[nodiscard]] Trouble begin_or_wait(Connection& connection);
  [[nodiscard]] Trouble wait_for_guess(Connection& connection, bool may_begin);
  [[nodiscard]] Trouble begin_guess(Connection& connection);
  void fill_gap_or_wait(Placement placement);
  [[nodiscard]] bool may_skip_gap() const;
  [[nodiscard]] bool skip_body();
  [[nodiscard]] std::optional<Item> read(const sip::Frame& frame, std::string_view unread);
  [[nodiscard]] std::optional<Item> search();
  [[nodiscard]] bool pass_over(std::string_view unread);
  void give_up(Trouble trouble);
  void settle();

  StreamReader& reader_;
  SegmentInfo info_;
  Instant now_;
  Connection* connection_ = nullptr;  // none: nothing to read
  std::uint32_t expected_;
  Trouble trouble_ = Trouble::none;
  bool length_unclear_ = false;
  bool is_new_run_ = false;  // of a guessed connection: nothing of it has passed yet
};

// All connections of one worker. One thread.
class StreamReader {
 public:
  explicit StreamReader(const TableLimits& limits) : table_(limits), message_max_(limits.message_max) {}

  // Finishes the segment before.
  [[nodiscard]] Segment take(const SegmentInfo& info, Instant now);
  [[nodiscard]] const ConnectionTable& table() const { return table_; }

 private:
  friend class Segment;
  [[nodiscard]] Connection* connection_of(const SegmentInfo& info, Instant now);
  Connection* reopen(Connection* old, const packet::Datagram& datagram, Instant now);
  [[nodiscard]] bool note_syn(const SegmentInfo& info, Instant now);
  // Connections may be older than this reader.
  [[nodiscard]] bool has_just_started(Instant now) const;

  ConnectionTable table_;
  // Head and body. What stacks do with a larger one they do each in their own way: PJSIP throws its buffer
  // away and takes the next byte for the beginning of a message.
  std::size_t message_max_;
  std::optional<Instant> start_;  // when the first segment came
};

}  // namespace sipward::stream
