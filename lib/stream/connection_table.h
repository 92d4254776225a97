// The TCP connections whose messages are being read: bounded in number and in memory, for strangers fill it.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <list>
#include <memory>
#include <optional>
#include <unordered_map>
#include <unordered_set>

#include "base/address.h"
#include "base/clock.h"
#include "base/keyed_hash.h"
#include "sip/framer.h"
#include "stream/byte_sequence.h"

namespace sipward::stream {

// One direction of a connection: from the client that connected to the softswitch.
struct Flow {
  Address client;
  Address server;
  std::uint16_t client_port = 0;
  std::uint16_t server_port = 0;

  friend bool operator==(const Flow&, const Flow&) = default;
};

struct Connection {
  Connection(const Flow& flow_, std::uint32_t first_) : flow(flow_), first(first_), bytes(first_) {}

  const Flow flow;
  const std::uint32_t first;  // the number of the first byte that was expected here
  ByteSequence bytes;
  bool synchronized = true;  // it is known where in `bytes` a message begins
  bool ended = false;        // reset: nothing of it is to arrive any more
  bool forgotten = false;    // it was followed before, and evicted since
  std::uint64_t body_left = 0;
  sip::FrameProgress progress;
  std::optional<std::uint32_t> reopened;  // a later SYN asks for a new connection that begins here
  std::shared_ptr<void> companion;        // see Segment::companion()
  Instant last_seen;

  // Its handshake was completed.
  [[nodiscard]] bool is_proven() const { return proven_; }
  // Nothing of a message is waiting for its rest: to forget this connection does no harm.
  [[nodiscard]] bool between_messages() const {
    return bytes.unread().empty() && body_left == 0 && bytes.waiting_since() == Instant::max();
  }

 private:
  friend class ConnectionTable;
  bool proven_ = false;
  std::size_t charged_ = 0;
  std::list<Connection>::iterator place_;
  std::list<Connection*>::iterator in_share_;
  std::optional<std::list<Connection*>::iterator> in_heavy_;
};

struct TableLimits {
  std::size_t connections = 65536;
  std::size_t connections_per_source = 1024;
  std::size_t bytes = 64U << 20U;  // of stream bytes; a connection without any costs about 500 bytes more
  std::size_t bytes_per_source = 4U << 20U;
};

// One thread. References stay good until the next call of open() or account(), or close() of that one.
class ConnectionTable {
 public:
  explicit ConnectionTable(const TableLimits& limits) : limits_(limits) {}

  [[nodiscard]] Connection* find(const Flow& flow, Instant now);
  // The flow must not be there. Where the table or its source's share is full, the unproven connection that
  // was seen longest ago gives way, so that forged SYNs drive out each other alone; if all are proven, the
  // oldest of them does for a proven one, and an unproven one is not opened: nothing is returned.
  [[nodiscard]] Connection* open(const Flow& flow, std::uint32_t first, bool proven, Instant now);
  // A proven connection that was evicted, or one that could not be opened, and has not begun anew since. When
  // more were evicted than are remembered, every unknown flow counts as one.
  [[nodiscard]] bool was_evicted(const Flow& flow) const;
  // Its handshake was completed.
  void prove(Connection& connection);
  void close(Connection& connection);

  // Books the memory that the connection holds now. Makes room by forgetting the read bytes of connections
  // that have been silent longest, then by closing those that hold part of a message. False: its own source
  // holds more than its share all the same.
  [[nodiscard]] bool account(Connection& connection, Instant now);

  [[nodiscard]] std::size_t size() const { return flows_.size(); }
  [[nodiscard]] std::size_t bytes() const { return bytes_; }
  // Connections closed to make room while they held part of a message, or were too many.
  [[nodiscard]] std::uint64_t evictions() const { return evictions_; }

 private:
  struct Share {
    std::list<Connection*> connections;  // the one seen longest ago first
    std::size_t bytes = 0;
  };
  struct HashFlow {
    KeyedHash hash;
    std::size_t operator()(const Flow& flow) const;
  };
  struct HashAddress {
    KeyedHash hash;
    std::size_t operator()(const Address& address) const;
  };

  std::list<Connection>& pool(const Connection& connection) { return pools_[connection.proven_ ? 1 : 0]; }
  [[nodiscard]] Share& share_of(const Connection& connection) {
    return shares_.find(connection.flow.client)->second;
  }
  void touch(Connection& connection, Instant now);
  [[nodiscard]] bool make_place(const Flow& flow, bool proven);
  void remember(const Flow& flow);
  void evict(Connection& connection);
  void charge(Connection& connection);
  void relieve(Connection& connection);
  void release_idle(Instant now);
  [[nodiscard]] bool fits_share(const Connection& connection);
  void shrink_to_limit(const Connection& except);

  TableLimits limits_;
  std::array<std::list<Connection>, 2> pools_;  // unproven, proven; the one seen longest ago first
  std::unordered_map<Flow, Connection*, HashFlow> flows_;
  std::unordered_map<Address, Share, HashAddress> shares_;
  std::list<Connection*> heavy_;  // those that hold bytes, the one seen longest ago first
  std::size_t bytes_ = 0;
  std::uint64_t evictions_ = 0;
  std::unordered_set<std::size_t> evicted_;  // hashes of flows
  bool evicted_too_many_ = false;
};

}  // namespace sipward::stream
