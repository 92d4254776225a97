// What is remembered of each source, and of its neighbourhood: fixed memory, filled by strangers.
#pragma once

#include <algorithm>
#include <array>
#include <chrono>
#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

#include "base/address.h"
#include "base/clock.h"
#include "base/keyed_hash.h"
#include "limit/allowance.h"
#include "limit/arena.h"
#include "limit/dossier.h"
#include "limit/meter.h"
#include "limit/places.h"
#include "limit/pool.h"
#include "limit/prefix_table.h"
#include "limit/table_time.h"
#include "limit/worth.h"

namespace sipward::limit {

// Nothing but what every packet needs. The address and the time it was last seen are the table's.
class Source {
 public:
  Source() = default;
  explicit Source(TableTime now) : meter_(now.ticks), packets_(now.ticks), first_seen_(now.eighths) {}

  void count_read() { read_ += read_ != UINT32_MAX; }
  // `reason` is a decide::Reason.
  void count_dropped(std::uint8_t reason);
  // A request came in its name that anybody may have sent.
  void note_unproven() { sent_unproven_ = 1; }

  [[nodiscard]] Instant first_seen() const { return instant_of(first_seen_); }  // to 1/8 s
  [[nodiscard]] std::uint32_t read() const { return read_; }        // packets; stays at the highest number
  [[nodiscard]] std::uint32_t dropped() const { return dropped_; }  // of these
  [[nodiscard]] std::uint8_t last_drop_reason() const { return last_drop_reason_; }  // when dropped() > 0
  [[nodiscard]] bool sent_unproven() const { return sent_unproven_ != 0; }

 private:
  friend class SourceTable;

  Meter meter_;
  Bucket packets_;
  Eighths first_seen_ = 0;
  std::uint32_t read_ = 0;
  std::uint32_t dropped_ = 0;
  std::uint32_t dossier_ : 24 = 0;  // its number in the pool; 0: none
  std::uint32_t last_drop_reason_ : 7 = 0;
  std::uint32_t sent_unproven_ : 1 = 0;
};

static_assert(sizeof(Source) == 44);

// A copy of everything about one source, for people to read.
struct SourceReport {
  Address address;
  Source source;
  Instant last_seen;  // to 1/8 s
  std::optional<Dossier> dossier;
};

// Three tables of places (addresses, prefixes; the families apart from each other, so that a flood of one
// cannot evict the other) and a pool of dossiers, in one piece of memory that is taken at construction and
// touched as it fills. A full group of places gives up the one of least Worth, and of these the one seen
// longest ago. Nothing but top() and report() allocates, nothing throws after construction. Time that goes
// back stands still. One thread at a time.
class SourceTable {
 public:
  // For 64 MiB: a million sources, 80,000 prefixes, 12,000 dossiers.
  static constexpr std::size_t kBytesMin = std::size_t{64} * 1024;

  // Takes at most `bytes` for everything in it; with less than kBytesMin, that. IPv4 has 7/8 of the places.
  explicit SourceTable(std::size_t bytes);

  // The source's place, made if it is new. Valid until the next touch().
  [[nodiscard]] Source& touch(const Address& address, Instant now);
  [[nodiscard]] const Source* find(const Address& address) const;

  // The source's dossier, made if it has none. Valid until the next call of dossier() or touch().
  [[nodiscard]] Dossier& dossier(Source& source, Instant now);
  [[nodiscard]] Dossier* find_dossier(const Source& source);
  [[nodiscard]] const Dossier* find_dossier(const Source& source) const;

  // Which rate one more request (or what is no SIP) would exceed, of the address, its /24, or its /64 and
  // /48. `source` is what touch(address) gave.
  [[nodiscard]] Excess excess(const Address& address, Source& source, Group group, const Allowance& allowance,
                              Instant now);
  // Charges it to all of them; when excess() gave none.
  void charge(const Address& address, Source& source, Group group, const Allowance& allowance, Instant now);
  // Charges a packet of any kind; false when it is over the rate, and a flood.
  [[nodiscard]] bool charge_packet(Source& source, const Allowance& allowance, Instant now);

  // Counts a refused request; returns how many distinct ones the window holds now. The same `transaction` as
  // the last time is a retransmission and does not count again (RFC 3261 section 17.1.2); an empty one is
  // never the same.
  std::uint32_t count_refused(Dossier& dossier, std::string_view transaction,
                              std::chrono::milliseconds window, Instant now) const;

  // Counts an offence of `address` (refused credentials, an unknown target) against its prefixes.
  PrefixOffences note_offence(const Address& address, std::chrono::milliseconds window, Instant now);

  // Forgets that the sources inside `net` are banned, and what would soon lead to the next ban: scores,
  // streaks and offences, and the offences of the prefixes that overlap with it; how many were banned.
  std::size_t lift_bans(const Prefix& net);

  // Copies, for people. The `n` sources with the most packets, most first: visits all places.
  [[nodiscard]] std::vector<SourceReport> top(std::size_t n) const;
  [[nodiscard]] std::optional<SourceReport> report(const Address& address) const;

  [[nodiscard]] std::size_t capacity() const { return ipv4_.capacity() + ipv6_.capacity(); }
  [[nodiscard]] std::size_t capacity(Family family) const;
  [[nodiscard]] std::size_t dossiers_max() const { return dossiers_.capacity(); }
  [[nodiscard]] std::size_t prefixes_max() const { return prefixes_.capacity(); }
  // Sources, prefixes and dossiers that had to make room for others.
  [[nodiscard]] std::uint64_t evictions() const { return ipv4_.evictions() + ipv6_.evictions(); }
  [[nodiscard]] std::uint64_t prefix_evictions() const { return prefixes_.evictions(); }
  [[nodiscard]] std::uint64_t dossier_evictions() const { return dossiers_.evictions(); }
  // What it took, touched or not.
  [[nodiscard]] std::size_t bytes() const { return arena_.size(); }

 private:
  using Key4 = std::array<std::byte, 4>;
  using Key6 = std::array<std::byte, 16>;
  using Ipv4 = Places<Key4, Source>;
  using Ipv6 = Places<Key6, Source>;
  using Dossiers = Pool<Dossier, Source>;
  struct Sizes;

  explicit SourceTable(const Sizes& sizes);
  // Time that goes back stands still.
  [[nodiscard]] Instant clock(Instant now) { return latest_ = std::max(latest_, now); }
  template <class Key>
  [[nodiscard]] Source& touch(Places<Key, Source>& places, const Key& key, Instant now);
  [[nodiscard]] Worth worth(const Source& source, Instant now) const;
  [[nodiscard]] Address address_of(const Source& source) const;
  [[nodiscard]] SourceReport report(const Source& source) const;

  KeyedHash hash_;
  Arena arena_;
  Ipv4 ipv4_;
  Ipv6 ipv6_;
  PrefixTable prefixes_;
  Dossiers dossiers_;
  Instant latest_;
};

}  // namespace sipward::limit
