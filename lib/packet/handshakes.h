// Which TCP peers have shown that they receive what is sent to them: for captures. In the live path
// connection tracking knows it (kernel: net/netfilter/nf_conntrack_proto_tcp.c, IPS_ASSURED).
#pragma once

#include <cstddef>
#include <list>
#include <map>

#include "packet/decode.h"

namespace sipward::packet {

// Bounded by connections; of those that are not verified, the one that was silent for longest is forgotten
// first. Pure. One thread.
class Handshakes {
 public:
  static constexpr std::size_t kConnectionsMax = 65536;

  explicit Handshakes(std::size_t connections_max = kConnectionsMax) : sides_max_(connections_max * 2) {}

  // Notes a TCP segment, in the order of the capture and in both directions. True when its sender is known to
  // receive: it has acknowledged, now or earlier in this connection, a sequence number that the other side
  // was seen to use. So a handshake must be in the capture, or data from the other side and its
  // acknowledgment.
  bool see(const Datagram& segment);

 private:
  // One direction of a connection.
  struct Key {
    Address source;
    Address destination;
    std::uint16_t source_port = 0;
    std::uint16_t destination_port = 0;
    friend auto operator<=>(const Key&, const Key&) = default;
  };
  struct Side {
    Key key;
    std::uint32_t first = 0;  // the first sequence number that was seen
    std::uint32_t next = 0;   // behind the last one
    bool verified = false;
  };
  using Sides = std::list<Side>;  // the longest silent first

  Side* find(const Key& key);
  Side& touch(const Key& key, std::uint32_t sequence);
  void verify(Side& side);
  void forget(const Key& key);

  std::size_t sides_max_;
  Sides suspects_;  // not verified
  Sides verified_;
  std::map<Key, Sides::iterator> sides_;
};

}  // namespace sipward::packet
