#include "replay_input.h"

#include <algorithm>

namespace sipward::cli {
namespace {

struct Words {
  std::string_view name;
  std::string_view text;
};

constexpr std::array<Words, kIgnored> kWords{{
    {"not_ip", "not IP"},
    {"outgoing", "sent by the capturing host"},
    {"other_host", "for another host"},
    {"loopback", "within the capturing host"},
    {"cut_short", "cut short by the capture"},
    {"fragment_part", "fragments that were put together"},
    {"fragment_lost", "fragments of unfinished packets"},
    {"other_protocol", "neither UDP nor TCP"},
    {"other_port", "not toward a SIP port"},
    {"unprotected", "toward hosts that are not shielded"},
}};

// The pipeline takes an Instant of zero for "never".
constexpr auto kEpoch = std::chrono::hours(1);

}  // namespace

std::string_view to_string(Ignored why) {
  return kWords[static_cast<std::size_t>(why)].name;
}

std::string_view describe(Ignored why) {
  return kWords[static_cast<std::size_t>(why)].text;
}

Result<Input> Input::open(const std::filesystem::path& path) {
  auto file = capture::PcapFile::open(path);
  if (!file) return tl::unexpected(file.error());
  const auto empty = packet::read_link(file->link_type(), {});
  if (!empty && empty.error() == packet::LinkFault::unknown_link)
    return fail(ErrorKind::invalid, "{}: packets of link type {} cannot be read", path.string(),
                file->link_name());
  return Input(*std::move(file));
}

Result<std::optional<Sighting>> Input::next() {
  for (;;) {
    const auto frame = file_.next();
    if (!frame) return tl::unexpected(frame.error());
    if (!*frame) return std::nullopt;
    ++frames_;
    now_ = tell_time((*frame)->time);
    if (auto sighting = look(**frame)) return sighting;
  }
}

std::optional<Sighting> Input::look(const capture::Frame& frame) {
  const auto link = packet::read_link(file_.link_type(), frame.bytes);
  if (!link) return ignore(link.error() == packet::LinkFault::not_ip ? Ignored::not_ip : Ignored::cut_short);
  if (link->loopback) return ignore(Ignored::loopback);
  if (link->direction == packet::Direction::other_host) return ignore(Ignored::other_host);
  const bool outgoing = link->direction == packet::Direction::outgoing;
  const bool cut = frame.is_cut() && !packet::is_whole(link->ip);
  if (!outgoing && !cut) return arrive(link->ip);
  // Nothing to judge, but perhaps a step of a handshake.
  const auto datagram = packet::decode(link->ip, cut);
  if (datagram && datagram->protocol == packet::Protocol::tcp) handshakes_.see(*datagram);
  return ignore(outgoing ? Ignored::outgoing : Ignored::cut_short);
}

std::optional<Sighting> Input::arrive(std::span<const std::byte> ip) {
  const auto whole = fragments_.put(ip, now_.steady);
  if (!whole) {
    ++parts_;
    return std::nullopt;
  }
  const auto datagram = packet::decode(*whole);
  if (!datagram) return ignore(Ignored::other_protocol);
  const bool verified = datagram->protocol == packet::Protocol::tcp && handshakes_.see(*datagram);
  return Sighting{*whole, *datagram, verified, now_, time_};
}

// Captures of several interfaces are not always in order; timers must never see time step back.
Now Input::tell_time(capture::CaptureTime time) {
  time_ = std::chrono::floor<std::chrono::milliseconds>(time);
  if (!first_) first_ = time_;
  last_ = last_ ? std::max(*last_, time_) : time_;
  return {std::max(now_.steady, Instant(kEpoch + time.time_since_epoch())), std::max(now_.wall, time_)};
}

std::nullopt_t Input::ignore(Ignored why) {
  ++ignored_[static_cast<std::size_t>(why)];
  return std::nullopt;
}

IgnoredCounts Input::ignored() const {
  IgnoredCounts counts = ignored_;
  const std::uint64_t joined = fragments_.counters().joined;
  counts[static_cast<std::size_t>(Ignored::fragment_part)] = joined;
  counts[static_cast<std::size_t>(Ignored::fragment_lost)] = parts_ - joined;
  return counts;
}

}  // namespace sipward::cli
