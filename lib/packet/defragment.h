// IPv4 and IPv6 fragments -> packets, as Linux puts them together before the shield sees them: for captures,
// which hold the fragments. RFC 791, RFC 8200 section 4.5, RFC 5722; kernel: net/ipv4/inet_fragment.c,
// net/ipv4/ip_fragment.c, net/ipv6/netfilter/nf_conntrack_reasm.c.
#pragma once

#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <list>
#include <map>
#include <optional>
#include <span>
#include <vector>

#include "base/address.h"
#include "base/clock.h"

namespace sipward::packet {

// What became of the packets that came in parts. A part is a fragment.
struct FragmentCounters {
  std::uint64_t completed = 0;   // packets put together
  std::uint64_t joined = 0;      // parts in them, but for the one that completed each
  std::uint64_t duplicates = 0;  // parts that were there already: left out
  std::uint64_t broken = 0;  // parts with a length or place that no part can have, or not all there: left out
  std::uint64_t overlapping = 0;  // packets given up: parts overlapped (RFC 5722 section 4; Linux: IPv4 too)
  std::uint64_t contradicting =
      0;                        // packets given up: parts disagreed about the end, or the whole was too long
  std::uint64_t timed_out = 0;  // packets given up: parts missing after 30 s (IPv4), 60 s (IPv6)
  std::uint64_t evicted = 0;    // packets given up: no more room
};

// Pure: time is an argument. Bounded by packets under way and by their bytes; the oldest gives way. One
// thread.
class Defragmenter {
 public:
  static constexpr std::size_t kPacketsMax = 4096;
  static constexpr std::size_t kBytesMax = 16U << 20U;

  explicit Defragmenter(std::size_t packets_max = kPacketsMax, std::size_t bytes_max = kBytesMax)
      : packets_max_(packets_max), bytes_max_(bytes_max) {}

  // An IP packet that is no fragment comes back as it is. A fragment is kept, and when it is the last that
  // was missing the whole packet comes back, valid until the next call, with the headers of its first
  // fragment. Nothing: parts are missing, or the fragment was refused. `now` must not step back.
  [[nodiscard]] std::optional<std::span<const std::byte>> put(std::span<const std::byte> packet, Instant now);

  [[nodiscard]] const FragmentCounters& counters() const { return counters_; }
  // Packets of which parts are still missing.
  [[nodiscard]] std::size_t waiting() const { return packets_.size(); }

 private:
  struct Fragment;
  struct Key {
    Address source;
    Address destination;
    std::uint32_t id = 0;
    std::uint8_t protocol = 0;  // IPv4 alone: RFC 8200 tells packets apart without it
    friend auto operator<=>(const Key&, const Key&) = default;
  };
  // Bytes [begin, end) that came in order.
  struct Run {
    std::uint32_t begin = 0;
    std::uint32_t end = 0;
  };
  struct Partial {
    Key key;
    Instant since;
    std::vector<std::byte> header{};  // of the first fragment
    std::vector<std::byte> data{};
    std::vector<Run> runs{};  // sorted, disjoint
    std::uint32_t received = 0;
    std::uint32_t length = 0;  // of the data, as far as is known
    bool ended = false;        // the last fragment is there
    std::uint64_t parts = 0;
  };
  using Partials = std::list<Partial>;  // the oldest first

  enum class Place : std::uint8_t { added, duplicate, overlap };

  [[nodiscard]] static std::optional<Fragment> read_v4(std::span<const std::byte> packet);
  [[nodiscard]] static std::optional<Fragment> read_v6(std::span<const std::byte> packet);
  [[nodiscard]] static Place place(std::vector<Run>& runs, Run fresh);
  [[nodiscard]] static bool agree_on_end(Partial& partial, const Fragment& fragment);
  [[nodiscard]] std::optional<std::span<const std::byte>> add(const Fragment& fragment, Instant now);
  [[nodiscard]] std::optional<std::span<const std::byte>> complete(Partials::iterator partial);
  Partials::iterator find_or_make(const Key& key, Instant now);
  void store(Partial& partial, const Fragment& fragment);
  void make_room(const Key& kept);
  void expire(Instant now);
  void give_up(Partials::iterator partial, std::uint64_t& counter);

  std::size_t packets_max_;
  std::size_t bytes_max_;
  std::size_t bytes_ = 0;
  Partials order_;
  std::map<Key, Partials::iterator> packets_;
  std::vector<std::byte> whole_;
  FragmentCounters counters_;
};

}  // namespace sipward::packet
