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
#include <vector>

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

// Bytes that are read one behind the other, and how far that is.
struct Run {
  explicit Run(std::uint32_t first_) : first(first_), bytes(first_) {}

  std::uint32_t first;  // the number of its first byte
  ByteSequence bytes;
  std::uint64_t body_left = 0;
  sip::FrameProgress progress;
  // These are for guessed connections, of which body_left counts the rest of the head too: all is searched.
  bool synchronized = true;  // it is known where in `bytes` a message begins
  bool dead = false;         // neither these bytes nor the one behind them may pass any more

  // Nothing of a message is waiting for its rest.
  [[nodiscard]] bool between_messages() const {
    return bytes.unread().empty() && body_left == 0 && bytes.waiting_since() == Instant::max();
  }
  // Where a segment lies. `before`: it begins before these bytes, reaches them and agrees with them.
  enum class Fit : std::uint8_t { apart, continues, before, refused };
  [[nodiscard]] Fit fit(std::uint32_t sequence, std::string_view segment) const;
  // Nothing of what is unread has been read: a message begins there, or not.
  void restart_reading(bool synchronized_);
};

// A segment that fits nowhere.
struct Stray {
  Instant since;  // when it came first
  std::uint32_t sequence;
};

// It is the run that is read.
struct Connection : Run {
  Connection(const Flow& flow_, std::uint32_t first_) : Run(first_), flow(flow_) {}

  const Flow flow;
  bool ended = false;                     // reset: nothing of it is to arrive any more
  std::optional<std::uint32_t> reopened;  // a later SYN asks for a new connection that begins here
  std::shared_ptr<void> companion;        // see Segment::keep()
  std::size_t companion_size = 0;
  Instant last_seen;

  // Not seen from its beginning: what its receiver expects next, a number or a part of a message, is guessed.
  bool guessed = false;
  bool adrift = false;         // guessed, and no run is being read
  bool forgotten = false;      // guessed, and nothing of it may pass: it was followed before, and evicted
  std::vector<Run> others;     // guessed: what else of it has passed, or must not
  std::optional<Stray> stray;  // guessed: what may prove the guess wrong

  // No run is read any more. What was read of this one may not pass again, if `passed`.
  void lose_track(bool passed);
  [[nodiscard]] bool has_room() const;
  // Another run is read from now on, a new one or one of `others`. has_room() is needed for a new one.
  void begin(std::uint32_t sequence, bool synchronized_);
  void select(std::size_t other);
  // Takes in the runs that this one has reached. True: there were some.
  bool absorb();
  void drop_companion();
  // Frees what it can, also of unfinished messages if it is guessed: they are never to be finished then.
  // Returns how many.
  std::size_t forget_history();
  [[nodiscard]] std::size_t memory() const;

  // Its handshake was completed.
  [[nodiscard]] bool is_proven() const { return proven_; }

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
  // Of stream bytes and companions; a connection without any costs about 600 bytes more, a
  // guessed one up to 1,600.
  std::size_t bytes = 64U << 20U;
  std::size_t bytes_per_source = 4U << 20U;
  std::size_t message_max = 65535;  // of one message, head and body
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
  // Connections closed to make room while they held part of a message, or were too many; and messages that
  // were given up for it.
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
  void forget_history(Connection& connection);
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
