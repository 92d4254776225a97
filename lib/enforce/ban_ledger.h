// Which sources are banned, until when and why: the truth that the kernel's sets and the database follow.
#pragma once

#include <cstddef>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <unordered_map>
#include <vector>

#include "base/address.h"
#include "base/clock.h"
#include "base/keyed_hash.h"
#include "base/ranges.h"

namespace sipward::enforce {

struct Cause {
  std::string reason;  // a decide::Reason name, or the operator's words
  std::string rule;    // "" when no rule
  std::string origin;  // "auto:RULE", "cli:USER"
  bool verified = false;
  friend auto operator<=>(const Cause&, const Cause&) = default;
};

struct Ban {
  Prefix net;
  std::shared_ptr<const Cause> cause;
  WallTime created;
  std::optional<WallTime> expires;  // nothing: for ever
};

// Bounded, pure: time is an argument. One thread at a time.
class BanLedger {
 public:
  // `hosts_max` per family; nets that operators ban are not counted.
  explicit BanLedger(std::size_t hosts_max) : hosts_max_(hosts_max) {}

  enum class Outcome {
    added,
    extended,  // was banned, now for longer; created stays, the cause is the new one
    kept,      // was banned for as long or longer: nothing changes, a ban is never shortened
    full,      // no room: the packet is dropped all the same, and the next one will ask again
  };
  Outcome put(const Prefix& net, const Cause& cause, WallTime created, std::optional<WallTime> expires);

  // The ban of exactly this net, or, for an address, of the narrowest banned net around it.
  [[nodiscard]] const Ban* find(const Prefix& net) const;
  [[nodiscard]] const Ban* covering(const Address& address) const;

  // Every ban inside `net` (itself included) is taken out and returned.
  std::vector<Ban> remove(const Prefix& net);
  // All, or those whose origin begins with `origin`.
  std::vector<Ban> flush(std::string_view origin);
  // Takes out and returns what has ended at `now`.
  std::vector<Ban> expire(WallTime now);

  [[nodiscard]] std::size_t size() const { return bans_.size(); }
  // The newest `limit` (0: all), newest first.
  [[nodiscard]] std::vector<Ban> list(std::size_t limit) const;
  [[nodiscard]] std::vector<TimedPrefix> hosts_and_nets() const;
  [[nodiscard]] std::vector<TimedPrefix> nets() const;

 private:
  struct Hash {
    KeyedHash keyed;
    std::size_t operator()(const Prefix& net) const;
  };
  using Bans = std::unordered_map<Prefix, Ban, Hash>;

  std::shared_ptr<const Cause> intern(const Cause& cause);
  Ban take(Bans::iterator it);
  std::vector<Ban> take_all(const std::vector<Prefix>& nets);

  std::size_t hosts_max_;
  Bans bans_;
  std::set<Prefix> nets_;                          // those of bans_ that are no hosts
  std::set<std::pair<WallTime, Prefix>> endings_;  // those that end
  std::size_t hosts_v4_ = 0;
  std::size_t hosts_v6_ = 0;
  std::set<std::shared_ptr<const Cause>,
           bool (*)(const std::shared_ptr<const Cause>&, const std::shared_ptr<const Cause>&)>
      causes_{[](const auto& a, const auto& b) { return *a < *b; }};
};

}  // namespace sipward::enforce
