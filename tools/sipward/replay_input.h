// A capture as the shield would have met it: frames -> whole UDP and TCP packets that came to this host.
#pragma once

#include <array>
#include <optional>

#include "base/clock.h"
#include "capture/pcap_file.h"
#include "packet/decode.h"
#include "packet/defragment.h"
#include "packet/handshakes.h"
#include "packet/link.h"

namespace sipward::cli {

// Why a captured frame is none of those that are judged.
enum class Ignored : std::uint8_t {
  not_ip,
  outgoing,        // left the capturing host (only "cooked" captures tell)
  other_host,      // for another host
  loopback,        // within the host
  cut_short,       // the capture does not hold all of it
  fragment_part,   // of a packet that was put together, and is counted as one
  fragment_lost,   // of a packet that could not be put together
  other_protocol,  // neither UDP nor TCP, or undecodable
  other_port,      // not toward a SIP port
  unprotected,     // toward a SIP port of a destination that is not shielded
  count_,
};
inline constexpr std::size_t kIgnored = static_cast<std::size_t>(Ignored::count_);
using IgnoredCounts = std::array<std::uint64_t, kIgnored>;

// Stable, for JSON; and as people read it.
[[nodiscard]] std::string_view to_string(Ignored why);
[[nodiscard]] std::string_view describe(Ignored why);

// A packet at the shield's door. Views into the input: valid until its next().
struct Sighting {
  std::span<const std::byte> bytes;
  packet::Datagram datagram;
  bool verified = false;  // TCP: its source was seen to receive
  Now now{};              // the capture's time, on both clocks; never steps back
  WallTime time;          // as captured
};

class Input {
 public:
  // `invalid` when the capture's link type is not read.
  [[nodiscard]] static Result<Input> open(const std::filesystem::path& path);

  // The next packet; nothing at the end. After an error there is nothing more, and what was read counts.
  [[nodiscard]] Result<std::optional<Sighting>> next();

  [[nodiscard]] std::string link_name() const { return file_.link_name(); }
  [[nodiscard]] std::uint64_t frames() const { return frames_; }
  [[nodiscard]] std::optional<WallTime> first() const { return first_; }
  [[nodiscard]] std::optional<WallTime> last() const { return last_; }
  // Frames that never became a sighting. Of fragments only known when all is read.
  [[nodiscard]] IgnoredCounts ignored() const;
  [[nodiscard]] const packet::FragmentCounters& fragments() const { return fragments_.counters(); }

 private:
  explicit Input(capture::PcapFile file) : file_(std::move(file)) {}
  std::optional<Sighting> look(const capture::Frame& frame);
  std::optional<Sighting> arrive(std::span<const std::byte> ip);
  Now tell_time(capture::CaptureTime time);
  std::nullopt_t ignore(Ignored why);

  capture::PcapFile file_;
  packet::Defragmenter fragments_;
  packet::Handshakes handshakes_;
  Now now_{};
  WallTime time_;
  std::uint64_t frames_ = 0;
  std::uint64_t parts_ = 0;  // fragments that did not complete a packet
  IgnoredCounts ignored_{};
  std::optional<WallTime> first_;
  std::optional<WallTime> last_;
};

}  // namespace sipward::cli
