#include "stream/stream_reader.h"

#include <algorithm>
#include <utility>

#include "stream/begins_message.h"

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

// Without bytes there is nothing to read: what it says about the connection is the receiver's affair.
bool carries_bytes(const packet::Datagram& datagram) {
  return !datagram.payload.empty() && !datagram.tcp.rst;
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
  } else if (carries_bytes(datagram)) {
    segment.give_up(Trouble::no_room);
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
    // Of a living connection it says nothing: anybody can send it.
    if (!info.proven) (void)table_.open(flow, first, false, now);
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
    if (!carries_bytes(datagram)) return nullptr;
    // Whoever made us forget it may have chosen where: what its receiver is in the middle of is not known.
    const bool was_evicted = table_.was_evicted(flow);
    connection = table_.open(flow, datagram.tcp.sequence, info.proven, now);
    if (!connection) return nullptr;
    connection->lose_track(false);
    connection->forgotten = was_evicted;
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
  // Nobody guesses this number (RFC 5961). Where we did, the segment's own is the better one.
  const bool exact = info_.datagram.tcp.sequence == connection.bytes.next() && !connection.adrift;
  if (!connection.guessed) expected_ = connection.bytes.next();
  if (!carries_bytes(info_.datagram)) return;
  // One forged segment must not end a connection, nor say what its bytes are.
  if (connection.is_proven() && !info_.proven && !exact) {
    trouble_ = Trouble::unproven;
    return;
  }
  if (connection.ended) {
    trouble_ = Trouble::after_end;
    return;
  }
  if (connection.guessed && !info_.cut) {
    trouble_ = place_guess(connection);
    if (trouble_ != Trouble::none) return;
  }
  connection_ = &connection;
  if (info_.cut) return give_up(Trouble::cut_short);
  const Placement placement =
      connection.bytes.place(info_.datagram.tcp.sequence, info_.datagram.payload, now_);
  if (placement == Placement::in_order) connection.reopened.reset();
  if (connection.guessed && connection.absorb()) is_new_run_ = false;
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
  } else if (connection_->guessed) {
    if (auto item = search()) return item;
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
      if (unread.size() > reader_.message_max_) give_up(Trouble::head_too_large);
      return std::nullopt;
    case sip::Frame::Is::not_sip:
      give_up(Trouble::not_sip);
      return std::nullopt;
    case sip::Frame::Is::keepalive:
      connection_->bytes.consume(frame.size);
      return Item{unread.substr(0, frame.size), true};
    case sip::Frame::Is::message:
      break;
  }
  // Of a guessed connection all that follows the first line is searched for others.
  const std::size_t taken = connection_->guessed ? unread.find('\n') + 1 : frame.size;
  connection_->drop_companion();
  connection_->bytes.consume(taken);
  connection_->body_left = frame.size - taken + std::uint64_t{frame.content_length};
  // Where stacks would read on each in its own way: without a length (section 18.3 demands it), and behind an
  // empty line that is not CRLF, which PJSIP does not take for the end.
  length_unclear_ = frame.length != sip::LengthField::given || frame.size > reader_.message_max_ ||
                    frame.content_length > reader_.message_max_ - frame.size ||
                    !unread.substr(0, frame.size).ends_with("\n\r\n");
  return Item{unread.substr(0, frame.size + std::min(frame.content_length, unread.size() - frame.size))};
}

void Segment::give_up(Trouble trouble) {
  trouble_ = trouble;
  const bool is_old = trouble == Trouble::contradiction || trouble == Trouble::forgotten;
  if (!connection_ || !info_.lenient || is_old) return;
  // Reading goes on behind the segment, at the next start line.
  connection_->guessed = true;
  connection_->restart_reading(false);
  connection_->drop_companion();
  connection_->bytes =
      ByteSequence(info_.datagram.tcp.sequence + static_cast<std::uint32_t>(info_.datagram.payload.size()));
}

std::string_view Segment::unfinished() const {
  const bool reading = connection_ && trouble_ == Trouble::none && !connection_->ended;
  const bool in_head = reading && connection_->synchronized && connection_->body_left == 0;
  return in_head ? connection_->bytes.unread() : std::string_view();
}

void Segment::end() {
  Connection* connection = std::exchange(connection_, nullptr);
  if (!connection) return;
  if (!connection->is_proven() || connection->guessed) {
    connection->lose_track(!is_new_run_);
  } else {
    connection->ended = true;
    connection->bytes = ByteSequence(connection->bytes.next());
    connection->restart_reading(true);
    connection->drop_companion();
  }
  (void)reader_.table_.account(*connection, now_);
}

void Segment::keep(std::shared_ptr<void> companion, std::size_t size) {
  connection_->companion = std::move(companion);
  connection_->companion_size = size;
  settle();
}

void Segment::settle() {
  if (!connection_ || reader_.table_.account(*connection_, now_) || trouble_ != Trouble::none) return;
  give_up(Trouble::over_share);
  if (connection_->guessed) connection_->forget_history();
  (void)reader_.table_.account(*connection_, now_);
}

}  // namespace sipward::stream
