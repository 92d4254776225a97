#include "enforce/known_sources.h"

namespace sipward::enforce {

KnownSources::Outcome KnownSources::put(const KnownSource& source, std::optional<KnownSource>& displaced) {
  if (const auto it = sources_.find(source.address); it != sources_.end()) {
    KnownSource& known = it->second;
    if (source.until <= known.until) return Outcome::kept;
    endings_.erase({known.until, known.address});
    known.until = source.until;
    known.how = source.how;
    endings_.emplace(known.until, known.address);
    return Outcome::extended;
  }
  if (sources_.size() >= sources_max_) {
    if (endings_.empty() || source.until <= endings_.begin()->first) return Outcome::refused;
    displaced = take(sources_.find(endings_.begin()->second));
  }
  sources_.emplace(source.address, source);
  endings_.emplace(source.until, source.address);
  return Outcome::added;
}

const KnownSource* KnownSources::find(const Address& address) const {
  const auto it = sources_.find(address);
  return it == sources_.end() ? nullptr : &it->second;
}

const KnownSource* KnownSources::inside(const Prefix& net) const {
  const auto it = sources_.lower_bound(net.base());
  return it != sources_.end() && net.contains(it->first) ? &it->second : nullptr;
}

KnownSource KnownSources::take(std::map<Address, KnownSource>::iterator it) {
  KnownSource source = std::move(it->second);
  sources_.erase(it);
  endings_.erase({source.until, source.address});
  return source;
}

std::optional<KnownSource> KnownSources::remove(const Address& address) {
  const auto it = sources_.find(address);
  return it == sources_.end() ? std::nullopt : std::optional(take(it));
}

std::vector<KnownSource> KnownSources::expire(WallTime now) {
  std::vector<KnownSource> ended;
  while (!endings_.empty() && endings_.begin()->first <= now)
    ended.push_back(take(sources_.find(endings_.begin()->second)));
  return ended;
}

std::vector<KnownSource> KnownSources::list(std::size_t limit) const {
  std::vector<KnownSource> all;
  for (auto it = endings_.rbegin(); it != endings_.rend() && (limit == 0 || all.size() < limit); ++it)
    all.push_back(sources_.at(it->second));
  return all;
}

}  // namespace sipward::enforce
