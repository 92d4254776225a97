#include "stream/stream_reader.h"

#include <algorithm>
#include <utility>

namespace sipward::stream {
namespace {

// A lost segment comes again after 0.2 s to, at the third try, some 10 s (RFC 6298); one that passed unseen
// never does.
constexpr auto kGapPatience = std::chrono::seconds(30);
// A message that was on its way when the reader started is through by then.
constexpr auto kStartGrace = std::chrono::seconds(10);

Flow flow_of(const packet::Datagram& datagram) {
  return {datagram.source, datagram.destination, datagram.source_port, datagram.destination_port};
}

Trouble trouble_of(Placement placement) {
  switch (placement) {
    case Placement::conflict:
      return Trouble::contradiction;
    case Placement::forgotten:
      return Trouble::forgotten;
    case Placement::too_far:
      return Trouble::too_far;
    case Placement::no_room:
      return Trouble::no_room;
    default:
      return Trouble::none;
  }
}

// How far two numbers are apart, whichever comes first.
std::uint32_t away(std::uint32_t one, std::uint32_t other) {
  return std::min(one - other, other - one);
}

bool begins_message(std::string_view bytes) {
  const sip::Frame frame = sip::frame_message(bytes);
  return frame.is == sip::Frame::Is::message || frame.is == sip::Frame::Is::keepalive ||
         (frame.is == sip::Frame::Is::incomplete && frame.progress.start_line_read);
}

}  // namespace

Segment StreamReader::take(const SegmentInfo& info, Instant now) {
  if (!start_) start_ = now;
  Segment segment(*this, info, now);
  const packet::Datagram& datagram = info.datagram;
  if (datagram.tcp.urg) {
    segment.give_up(Trouble::urgent);
  } else if (datagram.tcp.syn) {
    if (!datagram.payload.empty()) segment.give_up(Trouble::data_in_syn);
    if (!note_syn(info, now)) segment.give_up(Trouble::second_syn);
  } else if (Connection* connection = connection_of(info, now)) {
    segment.place(*connection);
  }
  return segment;
}

// A forged or stray SYN must not make a living connection unreadable: it only says where another would begin.
// False: it must not pass, for which of two connections the bytes then belong to would be anybody's guess.
bool StreamReader::note_syn(const SegmentInfo& info, Instant now) {
  const Flow flow = flow_of(info.datagram);
  const std::uint32_t first = info.datagram.tcp.sequence + 1;
  Connection* old = table_.find(flow, now);
  if (!old) {
    (void)table_.open(flow, first, false, now);
    return true;
  }
  // The first SYN once more; or the old connection lives, and its receiver ignores this.
  if (first == old->first || info.proven) return true;
  if (!old->ended && away(first, old->bytes.next()) <= 2 * ByteSequence::kAheadMax) return false;
  old->reopened = first;
  return true;
}

Connection* StreamReader::connection_of(const SegmentInfo& info, Instant now) {
  const packet::Datagram& datagram = info.datagram;
  const Flow flow = flow_of(datagram);
  Connection* connection = reopen(table_.find(flow, now), datagram, now);
  if (!connection) {
    if (datagram.payload.empty()) return nullptr;
    const bool was_forgotten = table_.was_evicted(flow);
    connection = table_.open(flow, datagram.tcp.sequence, info.proven, now);
    if (!connection) return nullptr;
    connection->synchronized = false;
    connection->forgotten = was_forgotten;
  }
  if (info.proven) table_.prove(*connection);
  return connection;
}

// Only where the receiver cannot take these bytes for the old connection's, or where the old one waits for a
// start line too: otherwise a SYN that the receiver ignores would hide the head that was begun before it.
Connection* StreamReader::reopen(Connection* old, const packet::Datagram& datagram, Instant now) {
  if (!old || old->reopened != datagram.tcp.sequence) return old;
  const bool outside = away(datagram.tcp.sequence, old->bytes.next()) > ByteSequence::kAheadMax;
  if (!old->ended && !old->between_messages() && !outside) return old;
  table_.close(*old);
  return table_.open(flow_of(datagram), datagram.tcp.sequence, false, now);
}

bool StreamReader::has_just_started(Instant now) const {
  return now - *start_ < kStartGrace;
}

void Segment::place(Connection& connection) {
  expected_ = connection.bytes.next();
  // Without bytes there is nothing to read: what it says about the connection is the receiver's affair.
  if (info_.datagram.payload.empty() || info_.datagram.tcp.rst) return;
  // One forged segment must not end a connection, nor say what its bytes are.
  const bool exact = info_.datagram.tcp.sequence == connection.bytes.next();  // nobody guesses it (RFC 5961)
  if (connection.is_proven() && !info_.proven && !exact) {
    trouble_ = Trouble::unproven;
    return;
  }
  if (connection.ended) {
    trouble_ = Trouble::after_end;
    return;
  }
  connection_ = &connection;
  // Whoever made us forget it may have chosen where: what its receiver is in the middle of is not known.
  if (std::exchange(connection.forgotten, false)) return give_up(Trouble::lost_bytes);
  if (info_.cut) return give_up(Trouble::cut_short);
  const Placement placement =
      connection.bytes.place(info_.datagram.tcp.sequence, info_.datagram.payload, now_);
  if (placement == Placement::in_order) connection.reopened.reset();
  if (placement == Placement::ahead || placement == Placement::no_room) return fill_gap_or_wait(placement);
  if (const Trouble trouble = trouble_of(placement); trouble != Trouble::none) give_up(trouble);
}

void Segment::fill_gap_or_wait(Placement placement) {
  const bool lost = now_ - connection_->bytes.waiting_since() >= kGapPatience;
  if (lost && may_skip_gap()) {
    connection_->body_left = 0;
    connection_->bytes.skip_gap();
    expected_ = connection_->bytes.next();
  } else if (lost) {
    give_up(Trouble::lost_bytes);
  } else if (placement == Placement::no_room) {
    give_up(Trouble::no_room);
  }
}

// The missing bytes passed unseen (a full queue lets packets pass). Should they come after all, they are
// `forgotten` and dropped, so nothing can be hidden in them.
bool Segment::may_skip_gap() const {
  const ByteSequence& bytes = connection_->bytes;
  return bytes.unread().empty() && bytes.missing() >= connection_->body_left &&
         begins_message(bytes.first_held());
}

std::optional<Segment::Item> Segment::next() {
  if (!connection_ || trouble_ != Trouble::none) return std::nullopt;
  if (length_unclear_) {
    give_up(Trouble::no_length);
  } else if (skip_body()) {
    const std::string_view unread = connection_->bytes.unread();
    if (auto item = read(sip::frame_message(unread, connection_->progress), unread)) return item;
  }
  settle();
  return std::nullopt;
}

// True when bytes behind the body are there.
bool Segment::skip_body() {
  const std::size_t there = connection_->bytes.unread().size();
  const auto n = static_cast<std::size_t>(std::min<std::uint64_t>(connection_->body_left, there));
  connection_->bytes.consume(n);
  connection_->body_left -= n;
  return there > n;
}

std::optional<Segment::Item> Segment::read(const sip::Frame& frame, std::string_view unread) {
  const bool incomplete = frame.is == sip::Frame::Is::incomplete;
  connection_->progress = incomplete ? frame.progress : sip::FrameProgress{};
  switch (frame.is) {
    case sip::Frame::Is::incomplete:
      if (unread.size() > StreamReader::kHeadMax) give_up(Trouble::head_too_large);
      return std::nullopt;
    case sip::Frame::Is::not_sip:
      give_up(connection_->synchronized ? Trouble::not_sip : Trouble::mid_message);
      return std::nullopt;
    case sip::Frame::Is::keepalive:
      connection_->bytes.consume(frame.size);
      return Item{unread.substr(0, frame.size), true};
    case sip::Frame::Is::message:
      break;
  }
  connection_->synchronized = true;
  connection_->companion.reset();
  connection_->bytes.consume(frame.size);
  connection_->body_left = frame.content_length;
  // Where stacks would read on each in its own way: without a length (section 18.3 demands it), and behind an
  // empty line that is not CRLF, which PJSIP does not take for the end.
  length_unclear_ = frame.length != sip::LengthField::given ||
                    frame.size + frame.content_length > StreamReader::kMessageMax ||
                    !unread.substr(0, frame.size).ends_with("\n\r\n");
  return Item{unread.substr(0, frame.size + std::min(frame.content_length, unread.size() - frame.size))};
}

void Segment::give_up(Trouble trouble) {
  trouble_ = trouble;
  if (!connection_) return;
  if (trouble == Trouble::mid_message && reader_.has_just_started(now_)) {
    trouble_ = Trouble::none;
    return start_again(connection_->bytes.next());
  }
  const bool is_old = trouble == Trouble::contradiction || trouble == Trouble::forgotten;
  if (!info_.lenient || is_old) return;
  start_again(info_.datagram.tcp.sequence + static_cast<std::uint32_t>(info_.datagram.payload.size()));
}

// Reading goes on with the bytes from `first` on, where they begin a message.
void Segment::start_again(std::uint32_t first) {
  connection_->bytes = ByteSequence(first);
  connection_->synchronized = false;
  connection_->companion.reset();
  connection_->body_left = 0;
  connection_->progress = {};
}

std::string_view Segment::unfinished() const {
  const bool reading = connection_ && trouble_ == Trouble::none && !connection_->ended;
  return reading && connection_->body_left == 0 ? connection_->bytes.unread() : std::string_view();
}

void Segment::end() {
  Connection* connection = std::exchange(connection_, nullptr);
  if (!connection) return;
  if (!connection->is_proven()) return reader_.table_.close(*connection);
  connection->ended = true;
  connection->companion.reset();
  connection->body_left = 0;
  connection->bytes = ByteSequence(connection->bytes.next());
  (void)reader_.table_.account(*connection, now_);
}

void Segment::settle() {
  if (!connection_ || reader_.table_.account(*connection_, now_) || trouble_ != Trouble::none) return;
  give_up(Trouble::over_share);
  (void)reader_.table_.account(*connection_, now_);
}

}  // namespace sipward::stream
