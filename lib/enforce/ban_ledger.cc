#include "enforce/ban_ledger.h"

#include <algorithm>

namespace sipward::enforce {
namespace {

bool lasts_longer(const std::optional<WallTime>& a, const std::optional<WallTime>& b) {
  return b && (!a || *a > *b);
}

}  // namespace

// A million bans share a few dozen causes.
std::shared_ptr<const Cause> BanLedger::intern(const Cause& cause) {
  return *causes_.insert(std::make_shared<const Cause>(cause)).first;
}

void BanLedger::index(const Ban& ban) {
  if (ban.expires) endings_.emplace(*ban.expires, ban.net);
  if (ban.net.is_host()) {
    ++(ban.net.family() == Family::ipv4 ? hosts_v4_ : hosts_v6_);
    if (ban.is_proven()) proven_.insert(ban.net.base());
  } else if (ban.is_of_prefix()) {
    ++prefixes_;
  } else {
    nets_.insert(ban.net);
  }
}

void BanLedger::unindex(const Ban& ban) {
  if (ban.expires) endings_.erase({*ban.expires, ban.net});
  if (ban.net.is_host()) {
    --(ban.net.family() == Family::ipv4 ? hosts_v4_ : hosts_v6_);
    proven_.erase(ban.net.base());
  } else if (ban.is_of_prefix()) {
    --prefixes_;
  } else {
    nets_.erase(ban.net);
  }
}

BanLedger::Outcome BanLedger::put(const Prefix& net, const Cause& cause, WallTime created,
                                  std::optional<WallTime> expires) {
  if (const auto it = bans_.find(net); it != bans_.end()) {
    Ban& ban = it->second;
    if (!lasts_longer(expires, ban.expires)) return Outcome::kept;
    unindex(ban);
    ban.expires = expires;
    ban.cause = intern(cause);
    index(ban);
    return Outcome::extended;
  }
  const Ban ban{net, intern(cause), created, expires};
  const std::size_t hosts = net.family() == Family::ipv4 ? hosts_v4_ : hosts_v6_;
  if (net.is_host() ? hosts >= hosts_max_ : ban.is_of_prefix() && prefixes_ >= prefixes_max_)
    return Outcome::full;
  index(bans_.emplace(net, ban).first->second);
  return Outcome::added;
}

const Ban* BanLedger::find(const Prefix& net) const {
  const auto it = bans_.find(net);
  return it == bans_.end() ? nullptr : &it->second;
}

const Ban* BanLedger::covering(const Address& address) const {
  for (unsigned length = address.bits() + 1; length-- > 0;)
    if (const Ban* ban = find(Prefix(address, length))) return ban;
  return nullptr;
}

std::size_t BanLedger::offenders_in(const Prefix& net, WallTime since, std::size_t enough) const {
  std::size_t found = 0;
  for (auto it = proven_.lower_bound(net.base()); it != proven_.end() && found < enough; ++it) {
    if (!net.contains(*it)) break;
    if (find(*it)->created > since) ++found;
  }
  return found;
}

Ban BanLedger::take(Bans::iterator it) {
  Ban ban = std::move(it->second);
  bans_.erase(it);
  unindex(ban);
  return ban;
}

std::vector<Ban> BanLedger::take_all(const std::vector<Prefix>& nets) {
  std::vector<Ban> taken;
  for (const Prefix& net : nets) taken.push_back(take(bans_.find(net)));
  return taken;
}

std::optional<Ban> BanLedger::remove_exactly(const Prefix& net) {
  const auto it = bans_.find(net);
  return it == bans_.end() ? std::nullopt : std::optional(take(it));
}

std::vector<Ban> BanLedger::remove(const Prefix& net) {
  if (net.is_host()) {
    auto ban = remove_exactly(net);
    return ban ? std::vector{std::move(*ban)} : std::vector<Ban>();
  }
  std::vector<Prefix> inside;
  for (const auto& [banned, ban] : bans_)
    if (net.contains(banned)) inside.push_back(banned);
  return take_all(inside);
}

std::vector<Ban> BanLedger::flush(std::string_view origin) {
  std::vector<Prefix> chosen;
  for (const auto& [net, ban] : bans_)
    if (std::string_view(ban.cause->origin).starts_with(origin)) chosen.push_back(net);
  return take_all(chosen);
}

std::vector<Ban> BanLedger::expire(WallTime now) {
  std::vector<Ban> ended;
  while (!endings_.empty() && endings_.begin()->first <= now)
    ended.push_back(take(bans_.find(Prefix(endings_.begin()->second))));
  return ended;
}

std::vector<Ban> BanLedger::list(std::size_t limit) const {
  std::vector<Ban> all;
  all.reserve(bans_.size());
  for (const auto& [net, ban] : bans_) all.push_back(ban);
  const std::size_t kept = limit == 0 ? all.size() : std::min(limit, all.size());
  std::partial_sort(
      all.begin(), all.begin() + static_cast<std::ptrdiff_t>(kept), all.end(),
      [](const Ban& a, const Ban& b) { return std::tie(b.created, a.net) < std::tie(a.created, b.net); });
  all.resize(kept);
  return all;
}

std::vector<TimedPrefix> BanLedger::hosts_and_prefixes() const {
  std::vector<TimedPrefix> all;
  all.reserve(bans_.size());
  for (const auto& [net, ban] : bans_)
    if (net.is_host() || ban.is_of_prefix()) all.push_back({net, ban.expires});
  return all;
}

std::vector<TimedPrefix> BanLedger::nets() const {
  std::vector<TimedPrefix> all;
  for (const Prefix& net : nets_) all.push_back({net, find(net)->expires});
  return all;
}

}  // namespace sipward::enforce
