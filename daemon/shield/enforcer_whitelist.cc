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

const store::WhitelistEntry* entry_against(const std::vector<store::WhitelistEntry>& whitelist,
                                           const Prefix& net, WallTime now) {
  const auto it = std::ranges::find_if(whitelist, [&](const store::WhitelistEntry& entry) {
    return entry.net.overlaps(net) && (!entry.expires || *entry.expires > now);
  });
  return it == whitelist.end() ? nullptr : &*it;
}

std::vector<enforce::Ban> take_prefix_bans_around(enforce::BanLedger& ledger, const Prefix& net) {
  std::vector<enforce::Ban> taken;
  for (unsigned length = 0; length < net.length(); ++length) {
    const enforce::Ban* ban = ledger.find(Prefix(net.base(), length));
    if (ban && ban->is_of_prefix()) taken.push_back(*ledger.remove_exactly(Prefix(net.base(), length)));
  }
  return taken;
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
    std::vector<enforce::Ban> bans = state.ledger.remove(entry.net);
    for (enforce::Ban& around : take_prefix_bans_around(state.ledger, entry.net))
      bans.push_back(std::move(around));
    auto lifted = lift(state, std::move(bans), now.wall);
    if (!lifted) return tl::unexpected(lifted.error());
    state.offenders.forgive(entry.net);
    for (const enforce::Ban& ban : *lifted) state.offenders.forgive_exactly(ban.net);
    result.lifted = std::move(*lifted);
    return result;
  });
  if (added)
    keeper_.save(
        std::vector<store::BanRecord>(),
        ended(added->lifted, now.wall, "whitelisted:" + entry.origin.substr(entry.origin.find(':') + 1)));
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
