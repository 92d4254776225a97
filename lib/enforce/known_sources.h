// Sources whose registration or call the softswitch accepted, and until when that holds.
#pragma once

#include <cstddef>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "base/address.h"
#include "base/clock.h"

namespace sipward::enforce {

struct KnownSource {
  Address address;
  WallTime since;  // when it first became known, without a pause
  WallTime until;
  std::string how;  // "register", "invite"
  friend bool operator==(const KnownSource&, const KnownSource&) = default;
};

// Bounded, pure: time is an argument. One thread at a time.
class KnownSources {
 public:
  explicit KnownSources(std::size_t sources_max) : sources_max_(sources_max) {}

  enum class Outcome {
    added,
    extended,  // was known, now for longer; `since` stays, `how` is the new one
    kept,      // was known for as long or longer: nothing changes
    refused,   // no room, and it would be the one that ends first
  };
  // When there is no room the source that ends first goes, and is given back in `displaced`.
  Outcome put(const KnownSource& source, std::optional<KnownSource>& displaced);

  [[nodiscard]] const KnownSource* find(const Address& address) const;
  // The lowest one in `net`; nothing: there is none.
  [[nodiscard]] const KnownSource* inside(const Prefix& net) const;

  std::optional<KnownSource> remove(const Address& address);
  // Takes out and returns what has ended at `now`.
  std::vector<KnownSource> expire(WallTime now);

  [[nodiscard]] std::size_t size() const { return sources_.size(); }
  // Those that are known for longest first, the first `limit` (0: all).
  [[nodiscard]] std::vector<KnownSource> list(std::size_t limit) const;

 private:
  KnownSource take(std::map<Address, KnownSource>::iterator it);

  std::size_t sources_max_;
  std::map<Address, KnownSource> sources_;
  std::set<std::pair<WallTime, Address>> endings_;
};

}  // namespace sipward::enforce
