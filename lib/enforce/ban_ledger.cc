#include "enforce/ban_ledger.h"

#include <algorithm>
#include <array>

namespace sipward::enforce {
namespace {

bool lasts_longer(const std::optional<WallTime>& a, const std::optional<WallTime>& b) {
  return b && (!a || *a > *b);
}

}  // namespace

std::size_t BanLedger::Hash::operator()(const Prefix& net) const {
  std::array<std::byte, 18> key{};
  std::ranges::copy(net.base().key(), key.begin());
  key[17] = static_cast<std::byte>(net.length());
  return keyed(key);
}

// A million bans share a few dozen causes.
std::shared_ptr<const Cause> BanLedger::intern(const Cause& cause) {
  return *causes_.insert(std::make_shared<const Cause>(cause)).first;
}

BanLedger::Outcome BanLedger::put(const Prefix& net, const Cause& cause, WallTime created,
                                  std::optional<WallTime> expires) {
  if (const auto it = bans_.find(net); it != bans_.end()) {
    Ban& ban = it->second;
    if (!lasts_longer(expires, ban.expires)) return Outcome::kept;
    if (ban.expires) endings_.erase({*ban.expires, net});
    if (expires) endings_.emplace(*expires, net);
    ban.expires = expires;
    ban.cause = intern(cause);
    return Outcome::extended;
  }
  std::size_t& hosts = net.family() == Family::ipv4 ? hosts_v4_ : hosts_v6_;
  if (net.is_host() && hosts >= hosts_max_) return Outcome::full;
  bans_.emplace(net, Ban{net, intern(cause), created, expires});
  if (expires) endings_.emplace(*expires, net);
  if (net.is_host())
    ++hosts;
  else
    nets_.insert(net);
  return Outcome::added;
}

const Ban* BanLedger::find(const Prefix& net) const {
  const auto it = bans_.find(net);
  return it == bans_.end() ? nullptr : &it->second;
}

const Ban* BanLedger::covering(const Address& address) const {
  if (const Ban* ban = find(address)) return ban;
  const Ban* narrowest = nullptr;
  for (const Prefix& net : nets_)
    if (net.contains(address) && (!narrowest || net.length() > narrowest->net.length()))
      narrowest = find(net);
  return narrowest;
}

Ban BanLedger::take(Bans::iterator it) {
  Ban ban = std::move(it->second);
  bans_.erase(it);
  if (ban.expires) endings_.erase({*ban.expires, ban.net});
  if (!ban.net.is_host())
    nets_.erase(ban.net);
  else if (ban.net.family() == Family::ipv4)
    --hosts_v4_;
  else
    --hosts_v6_;
  return ban;
}

std::vector<Ban> BanLedger::take_all(const std::vector<Prefix>& nets) {
  std::vector<Ban> taken;
  for (const Prefix& net : nets) taken.push_back(take(bans_.find(net)));
  return taken;
}

std::vector<Ban> BanLedger::remove(const Prefix& net) {
  if (net.is_host()) {
    const auto it = bans_.find(net);
    if (it == bans_.end()) return {};
    return {take(it)};
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

std::vector<TimedPrefix> BanLedger::hosts_and_nets() const {
  std::vector<TimedPrefix> all;
  all.reserve(bans_.size());
  for (const auto& [net, ban] : bans_) all.push_back({net, ban.expires});
  return all;
}

std::vector<TimedPrefix> BanLedger::nets() const {
  std::vector<TimedPrefix> all;
  for (const Prefix& net : nets_) all.push_back({net, find(net)->expires});
  return all;
}

}  // namespace sipward::enforce
