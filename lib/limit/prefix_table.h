// What the addresses of a neighbourhood may do together, and what they did wrong.
#pragma once

#include <array>
#include <chrono>
#include <cstdint>

#include "base/address.h"
#include "base/clock.h"
#include "limit/allowance.h"
#include "limit/meter.h"
#include "limit/offences.h"
#include "limit/places.h"
#include "limit/pool.h"

namespace sipward::limit {

// Offences of the members of an address's prefixes within the window, as WindowCount counts; and how many
// members they are from: exactly up to 16, more as Offences counts.
struct PrefixOffences {
  struct Of {
    unsigned offences = 0;
    unsigned offenders = 0;
  };
  Of narrow;  // IPv4: /24; IPv6: /64
  Of wide;    // IPv6: /48, whose offenders are the /64s in it; IPv4: nothing
};

// IPv4 /24, IPv6 /64 and /48, each in places of their own. A prefix has a place when a limited rate of it was
// charged, or an offence noted. Part of a SourceTable, whose memory it is in.
class PrefixTable {
 public:
  // In `bytes` of the arena, and one group and one record of each kind at least.
  PrefixTable(Arena& arena, std::size_t bytes);
  [[nodiscard]] static std::size_t bytes_for(std::size_t bytes);

  // Which rate of a prefix of `member` one more would exceed.
  [[nodiscard]] Excess excess(const Address& member, Group group, const Rates& rates, Instant now);
  // Charges all prefixes of `member`.
  void charge(const Address& member, Group group, const Rates& rates, Instant now);

  // One more offence of `member`.
  PrefixOffences note_offence(const Address& member, std::chrono::milliseconds window, Instant now);
  // Forgets the offences of the prefixes that overlap with `net`.
  void forgive(const Prefix& net);

  [[nodiscard]] std::size_t capacity() const;
  [[nodiscard]] std::uint64_t evictions() const;

 private:
  struct Record {
    WindowCount offences;
    Offences<16> offenders;  // keyed hashes of members
    [[nodiscard]] Worth worth(Instant now) const;
  };
  struct State {
    Meter meter;
    Eighths exceeded = 0;      // when a rate of it last was
    std::uint32_t record = 0;  // its number in the pool
  };
  static_assert(sizeof(State) == 32);
  using Records = Pool<Record, State>;
  // Keys are the first bytes of the address.
  template <std::size_t kBytes>
  using Table = Places<std::array<std::byte, kBytes>, State>;
  struct Sizes {
    explicit Sizes(std::size_t bytes);
    std::size_t groups24, groups64, groups48, records;
  };

  template <std::size_t kBytes>
  [[nodiscard]] State& touch(Table<kBytes>& table, const Address& member, Instant now);
  PrefixOffences::Of note(State& state, const Address& offender, std::chrono::milliseconds window,
                          Instant now);
  [[nodiscard]] Prefix prefix_of(const State& state) const;

  KeyedHash member_hash_;
  Table<3> prefixes24_;
  Table<8> prefixes64_;
  Table<6> prefixes48_;
  Records records_;
};

}  // namespace sipward::limit
