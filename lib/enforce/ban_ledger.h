// Which sources are banned, until when and why: the truth that the kernel's sets and the database follow.
#pragma once

#include <cstddef>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "base/address.h"
#include "base/clock.h"
#include "base/ranges.h"
#include "enforce/prefix_hash.h"
#include "enforce/prefixes.h"

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

  [[nodiscard]] bool is_automatic() const { return std::string_view(cause->origin).starts_with("auto:"); }
  // Of a net for what its hosts did: whitelisted and known sources in it stay what they are.
  [[nodiscard]] bool is_of_prefix() const {
    return is_automatic() && is_prefix_length(net.family(), net.length());
  }
  // The shield's own, of somebody who proved to be who it says: these count when the next one is measured.
  [[nodiscard]] bool is_proven() const { return is_automatic() && cause->verified; }
};

// Bounded, pure: time is an argument. One thread at a time.
class BanLedger {
 public:
  // `hosts_max` per family, `prefixes_max` nets that were banned for what their hosts did; nets that
  // operators ban are not counted.
  explicit BanLedger(std::size_t hosts_max, std::size_t prefixes_max = 65536)
      : hosts_max_(hosts_max), prefixes_max_(prefixes_max) {}

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
  // How many hosts in `net` have a proven ban that began after `since`: counted up to `enough`.
  [[nodiscard]] std::size_t offenders_in(const Prefix& net, WallTime since, std::size_t enough) const;

  // Every ban inside `net` (itself included) is taken out and returned.
  std::vector<Ban> remove(const Prefix& net);
  // The ban of exactly this net.
  std::optional<Ban> remove_exactly(const Prefix& net);
  // All, or those whose origin begins with `origin`.
  std::vector<Ban> flush(std::string_view origin);
  // Takes out and returns what has ended at `now`.
  std::vector<Ban> expire(WallTime now);

  [[nodiscard]] std::size_t size() const { return bans_.size(); }
  // The newest `limit` (0: all), newest first.
  [[nodiscard]] std::vector<Ban> list(std::size_t limit) const;
  // Those that the kernel finds by an address or its net, and the nets that operators banned.
  [[nodiscard]] std::vector<TimedPrefix> hosts_and_prefixes() const;
  [[nodiscard]] std::vector<TimedPrefix> nets() const;

 private:
  using Bans = std::unordered_map<Prefix, Ban, PrefixHash>;

  std::shared_ptr<const Cause> intern(const Cause& cause);
  // In the indexes below, or out of them.
  void index(const Ban& ban);
  void unindex(const Ban& ban);
  Ban take(Bans::iterator it);
  std::vector<Ban> take_all(const std::vector<Prefix>& nets);

  std::size_t hosts_max_;
  std::size_t prefixes_max_;
  Bans bans_;
  std::set<Prefix> nets_;                          // those that operators banned
  std::set<Address> proven_;                       // hosts whose ban is proven
  std::set<std::pair<WallTime, Prefix>> endings_;  // those that end
  std::size_t hosts_v4_ = 0;
  std::size_t hosts_v6_ = 0;
  std::size_t prefixes_ = 0;
  std::set<std::shared_ptr<const Cause>,
           bool (*)(const std::shared_ptr<const Cause>&, const std::shared_ptr<const Cause>&)>
      causes_{[](const auto& a, const auto& b) { return *a < *b; }};
};

}  // namespace sipward::enforce
