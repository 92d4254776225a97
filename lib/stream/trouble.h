// What can be wrong with the bytes of a TCP connection.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

namespace sipward::stream {

// Why a connection's bytes cannot be read on.
enum class Trouble : std::uint8_t {
  none,
  // This segment must not pass. If its bytes were honest they come again.
  contradiction,  // bytes that were sent before, changed
  forgotten,      // bytes from so far back that they cannot be compared any more
  no_room,        // more bytes ahead of missing ones than are kept
  cut_short,      // the segment was not handed over whole
  data_in_syn,    // TCP Fast Open (RFC 7413): comes again after the handshake
  second_syn,     // asks for a connection whose numbers could not be told from those of the one before it
  urgent,         // marked so: the receiver reads the bytes around the urgent one without it (RFC 6093)
  unproven,       // of a proven connection, but conntrack does not take it for one of its segments: a forgery
  unplaced,       // of a connection not seen from its beginning: not where it is being read
  after_end,      // of a connection that was ended before
  // The connection must end.
  too_far,      // bytes that no window reaches
  lost_bytes,   // bytes before these passed unseen, and nothing tells where the next message begins
  mid_message,  // the connection was not seen from its beginning, and this is none of a message
  embedded,     // as before, and there is a request within a message: either may be what its receiver reads
  not_sip,      // what should be a start line is none
  head_too_large,  // more than message_max bytes without the empty line
  no_length,       // a Content-Length that stacks read differently, or of a message beyond message_max
  over_share,      // its source has more unfinished messages than it may
  count_,
};

inline constexpr std::size_t kTroubles = static_cast<std::size_t>(Trouble::count_);

[[nodiscard]] constexpr bool ends_connection(Trouble trouble) {
  return trouble >= Trouble::too_far;
}
[[nodiscard]] std::string_view to_string(Trouble trouble);

}  // namespace sipward::stream
