// Connections that were not seen from their beginning: the shield was started later, or the table was full.
//
// What their receiver expects is not known, and who sends may lie about it: a forger of segments, so that the
// customer's own do not fit any more; the client itself, so that bytes that its receiver ignores tell us
// where messages begin. So a guess is given up rather than the connection, and no border is trusted:
// * What passes are runs of bytes, each of which begins with a message. Any of them may go on. What does not
//   continue one, nor begins another, is dropped and comes again, if it was honest: nothing is kept of bytes
//   ahead, for the receiver may read them at once.
// * All that has passed is binding, as elsewhere. Runs that meet are read as one, from their beginning on.
// * A request within a message, be it in its head or its body, ends the connection: to its receiver it may be
//   one of its own. Nobody is banned for it, and on the next connection it is read as what it is.
#include <algorithm>

#include "sip/start_line.h"
#include "stream/begins_message.h"
#include "stream/stream_reader.h"

namespace sipward::stream {
namespace {

// A lost segment comes again for the fifth time after some 6 s (RFC 6298).
constexpr auto kPatience = std::chrono::seconds(10);
// What was waiting before has come or given up.
constexpr auto kStrayLife = std::chrono::seconds(60);
// Of a line that has not ended: a request line of more is none.
constexpr std::size_t kLineMax = 2 * sip::kStartLineMax;

}  // namespace

// Finds the run that the segment belongs to; none: it can be read there.
Trouble Segment::place_guess(Connection& connection) {
  if (connection.forgotten) {
    connection.forgotten = !info_.lenient;
    return Trouble::lost_bytes;
  }
  if (info_.lenient) return connection.adrift ? begin_guess(connection) : Trouble::none;
  const std::string_view bytes = info_.datagram.payload;
  const auto fit = [&](const Run& run) { return run.fit(info_.datagram.tcp.sequence, bytes); };
  const bool refused =
      (!connection.adrift && fit(connection) == Run::Fit::refused) ||
      std::ranges::find(connection.others, Run::Fit::refused, fit) != connection.others.end();
  if (refused) return wait_for_guess(connection, false);
  if (connection.adrift || fit(connection) != Run::Fit::continues) {
    const auto other = std::ranges::find(connection.others, Run::Fit::continues, fit);
    if (other == connection.others.end()) return begin_or_wait(connection);
    connection.select(static_cast<std::size_t>(other - connection.others.begin()));
  }
  expected_ = connection.bytes.next();
  return Trouble::none;
}

Trouble Segment::begin_or_wait(Connection& connection) {
  const bool is_first = connection.adrift && connection.others.empty();
  if (is_first || begins_message(info_.datagram.payload) || reader_.has_just_started(now_))
    return begin_guess(connection);
  return wait_for_guess(connection, true);
}

// What comes again and again was meant so: it is told that it cannot be read, if it may not begin a run.
Trouble Segment::wait_for_guess(Connection& connection, bool may_begin) {
  const std::uint32_t sequence = info_.datagram.tcp.sequence;
  auto& stray = connection.stray;
  if (!stray || now_ - stray->since > kStrayLife) stray = Stray{now_, sequence};
  if (stray->sequence != sequence || now_ - stray->since < kPatience) return Trouble::unplaced;
  return may_begin ? begin_guess(connection) : Trouble::lost_bytes;
}

// Here, if it is a place where a message may begin.
Trouble Segment::begin_guess(Connection& connection) {
  const std::string_view bytes = info_.datagram.payload;
  const bool is_sip = sip::frame_message(bytes).is != sip::Frame::Is::not_sip;
  // A message that was on its way when the reader started.
  if (!is_sip && !reader_.has_just_started(now_)) return Trouble::mid_message;
  if (!connection.has_room()) return Trouble::lost_bytes;
  connection.begin(info_.datagram.tcp.sequence, is_sip);
  is_new_run_ = true;
  return Trouble::none;
}

std::optional<Segment::Item> Segment::search() {
  Connection& connection = *connection_;
  for (;;) {
    const std::string_view unread = connection.bytes.unread();
    if (unread.empty() || trouble_ != Trouble::none) return std::nullopt;
    if (!connection.synchronized && begins_message(unread)) connection.synchronized = true;
    if (connection.synchronized && connection.body_left == 0)
      return read(sip::frame_message(unread, connection.progress), unread);
    if (!pass_over(unread)) return std::nullopt;
  }
}

// What holds no request line. True: there is more to read.
bool Segment::pass_over(std::string_view unread) {
  Connection& connection = *connection_;
  const auto end = static_cast<std::size_t>(std::min<std::uint64_t>(connection.body_left, unread.size()));
  const std::size_t at = sip::find_request_line(unread, 0);
  if (!connection.synchronized && at != std::string_view::npos) {
    connection.bytes.consume(at);
    connection.synchronized = true;
    return true;
  }
  if (at < end && !info_.lenient) {
    give_up(Trouble::embedded);
    return false;
  }
  const bool ends = connection.synchronized && connection.body_left <= unread.size();
  // The beginning of a line may become one.
  const std::size_t line =
      std::max(unread.rfind('\n') + 1, unread.size() - std::min(unread.size(), kLineMax));
  const std::size_t size = ends ? end : line;
  connection.bytes.consume(size);
  connection.body_left -= std::min<std::uint64_t>(connection.body_left, size);
  return ends;
}

}  // namespace sipward::stream
