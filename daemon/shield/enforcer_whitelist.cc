#include <algorithm>

#include "enforcer.h"
#include "log.h"

namespace sipward::shield {

enforce::Lists lists_of(const std::vector<store::WhitelistEntry>& whitelist) {
  enforce::Lists lists;
  for (const store::WhitelistEntry& entry : whitelist)
    (entry.source_class == "peer" ? lists.peers : lists.trusted).push_back({entry.net, entry.expires});
  return lists;
}

std::vector<store::WhitelistEntry> entries_covering(const std::vector<store::WhitelistEntry>& entries,
                                                    const Address& address, WallTime now) {
  std::vector<store::WhitelistEntry> covering;
  std::ranges::copy_if(entries, std::back_inserter(covering), [&](const store::WhitelistEntry& entry) {
    return entry.net.contains(address) && (!entry.expires || *entry.expires > now);
  });
  std::ranges::sort(covering, [](const auto& a, const auto& b) { return a.net.length() > b.net.length(); });
  return covering;
}

// Kernel, then database; if the second fails the first is taken back, so that an error means that nothing has
// changed.
Result<void> Enforcer::change_whitelist(State& state, std::vector<store::WhitelistEntry> wanted,
                                        const std::function<Result<void>()>& store_change, WallTime now) {
  if (auto done = state.table.put_whitelist(lists_of(wanted), now); !done) return done;
  if (auto done = store_change(); !done) {
    if (auto back = state.table.put_whitelist(lists_of(state.whitelist), now); !back)
      log_error("the whitelist in the kernel is ahead of the database: {}", back.error().text);
    return done;
  }
  state.whitelist = std::move(wanted);
  return {};
}

Result<Enforcer::Whitelisted> Enforcer::whitelist(const store::WhitelistEntry& entry, Now now) {
  auto added = state_.with([&](State& state) -> Result<Whitelisted> {
    Whitelisted result;
    std::vector<store::WhitelistEntry> wanted = state.whitelist;
    result.updated = std::erase_if(wanted, [&](const auto& old) { return old.net == entry.net; }) > 0;
    wanted.push_back(entry);
    const auto stored = [&] {
      return keeper_.with_store([&](store::Store& store) { return store.put(entry); });
    };
    if (auto done = change_whitelist(state, std::move(wanted), stored, now.wall); !done)
      return tl::unexpected(done.error());
    auto lifted = lift(state, state.ledger.remove(entry.net), now.wall);
    if (!lifted) return tl::unexpected(lifted.error());
    result.lifted = std::move(*lifted);
    return result;
  });
  if (added)
    keeper_.save(
        {}, ended(added->lifted, now.wall, "whitelisted:" + entry.origin.substr(entry.origin.find(':') + 1)));
  return added;
}

Result<store::WhitelistEntry> Enforcer::remove_whitelist(const Prefix& net, Now now) {
  return state_.with([&](State& state) -> Result<store::WhitelistEntry> {
    const auto it = std::ranges::find(state.whitelist, net, &store::WhitelistEntry::net);
    if (it == state.whitelist.end())
      return fail(ErrorKind::not_found, "{} is not an entry of the whitelist", net.to_string());
    store::WhitelistEntry removed = *it;
    std::vector<store::WhitelistEntry> wanted = state.whitelist;
    std::erase_if(wanted, [&](const auto& entry) { return entry.net == net; });
    const auto stored = [&] {
      return keeper_.with_store([&](store::Store& store) { return store.remove_whitelist(net); });
    };
    if (auto done = change_whitelist(state, std::move(wanted), stored, now.wall); !done)
      return tl::unexpected(done.error());
    return removed;
  });
}

std::vector<store::WhitelistEntry> Enforcer::whitelist() {
  return state_.with([](State& state) { return state.whitelist; });
}

}  // namespace sipward::shield
