#include "limit/source_table.h"

#include <span>
#include <utility>

namespace sipward::limit {
namespace {

template <std::size_t kBytes>
std::array<std::byte, kBytes> key_of(const Address& address) {
  std::array<std::byte, kBytes> key{};
  std::ranges::copy(address.bytes(), key.begin());
  return key;
}

bool has_more(const Source* a, const Source* b) {
  return a->read() > b->read();
}

}  // namespace

// Of 64 parts of all bytes: 52 for addresses, 4 for prefixes, 8 for dossiers. A dossier is as large as ten
// sources, but few sources need one.
struct SourceTable::Sizes {
  explicit Sizes(std::size_t asked) {
    const std::size_t part = std::max(asked, kBytesMin) / 64;
    constexpr std::size_t kUnit = 7 * Ipv4::kGroupBytes + Ipv6::kGroupBytes;
    constexpr std::size_t kRounding = 4 * Arena::kAlignment;  // four arrays
    const std::size_t units = std::max<std::size_t>((52 * part - kRounding) / kUnit, 1);
    groups4 = 7 * units;
    groups6 = units;
    prefixes = 4 * part;
    dossiers = std::min(Dossiers::count_in(8 * part), kNumberMax);
  }
  static constexpr std::size_t kNumberMax = 0xff'ffff;  // as a Source holds it
  [[nodiscard]] std::size_t bytes() const {
    return Ipv4::bytes_for(groups4) + Ipv6::bytes_for(groups6) + PrefixTable::bytes_for(prefixes) +
           Dossiers::bytes_for(dossiers);
  }
  std::size_t groups4, groups6, prefixes, dossiers;
};

SourceTable::SourceTable(std::size_t bytes) : SourceTable(Sizes(bytes)) {}

SourceTable::SourceTable(const Sizes& sizes)
    : arena_(sizes.bytes()),
      ipv4_(arena_, sizes.groups4),
      ipv6_(arena_, sizes.groups6),
      prefixes_(arena_, sizes.prefixes),
      dossiers_(arena_, sizes.dossiers) {}

void Source::count_dropped(std::uint8_t reason) {
  dropped_ += dropped_ != UINT32_MAX;
  last_drop_reason_ = reason & 0x7fU;
}

Worth SourceTable::worth(const Source& source, Instant now) const {
  return source.dossier_ == 0 ? Worth::nothing : dossiers_.at(source.dossier_).worth(now);
}

template <class Key>
Source& SourceTable::touch(Places<Key, Source>& places, const Key& key, Instant now) {
  const TableTime time = table_time(now);
  const auto [source, before] =
      places.touch(key, time.eighths, [&](const Source& other) { return worth(other, now); });
  if (before == 0) {
    if (source.dossier_ != 0) dossiers_.release(source.dossier_);
    return source = Source(time);
  }
  source.meter_.keep(before, time);
  upkeep(source.packets_, before, time);
  return source;
}

Source& SourceTable::touch(const Address& address, Instant now) {
  return address.family() == Family::ipv4 ? touch(ipv4_, key_of<4>(address), clock(now))
                                          : touch(ipv6_, key_of<16>(address), clock(now));
}

const Source* SourceTable::find(const Address& address) const {
  return address.family() == Family::ipv4 ? ipv4_.find(key_of<4>(address)) : ipv6_.find(key_of<16>(address));
}

Address SourceTable::address_of(const Source& source) const {
  return ipv4_.holds(source) ? Address::v4(ipv4_.key_of(source)) : Address::v6(ipv6_.key_of(source));
}

Dossier& SourceTable::dossier(Source& source, Instant now) {
  if (source.dossier_ == 0)
    source.dossier_ =
        dossiers_.take(source, now, [](Source& owner) { owner.dossier_ = 0; }) & Sizes::kNumberMax;
  return dossiers_.use(source.dossier_, now);
}

Dossier* SourceTable::find_dossier(const Source& source) {
  return source.dossier_ == 0 ? nullptr : &dossiers_.at(source.dossier_);
}

const Dossier* SourceTable::find_dossier(const Source& source) const {
  return source.dossier_ == 0 ? nullptr : &dossiers_.at(source.dossier_);
}

Excess SourceTable::excess(const Address& address, Source& source, Group group, const Allowance& allowance,
                           Instant now) {
  const Instant time = clock(now);
  const Excess own = source.meter_.excess(allowance.address, group, ticks_of(time));
  return own == Excess::none ? prefixes_.excess(address, group, allowance.prefix, time) : own;
}

void SourceTable::charge(const Address& address, Source& source, Group group, const Allowance& allowance,
                         Instant now) {
  const Instant time = clock(now);
  source.meter_.charge(allowance.address, group, ticks_of(time));
  prefixes_.charge(address, group, allowance.prefix, time);
}

bool SourceTable::charge_packet(Source& source, const Allowance& allowance, Instant now) {
  const Ticks ticks = ticks_of(clock(now));
  if (!source.packets_.has_room(allowance.packets, ticks)) return false;
  source.packets_.charge(allowance.packets, ticks);
  return true;
}

std::uint32_t SourceTable::count_refused(Dossier& dossier, std::string_view transaction,
                                         std::chrono::milliseconds window, Instant now) const {
  const std::uint64_t id = hash_(std::as_bytes(std::span(transaction)));
  if (dossier.refused == 0 || now - dossier.window_start >= window) {
    dossier.window_start = now;
    dossier.refused = 0;
  }
  if (!transaction.empty() && dossier.refused > 0 && id == dossier.last_transaction) return dossier.refused;
  dossier.last_transaction = id;
  return ++dossier.refused;
}

PrefixOffences SourceTable::note_offence(const Address& address, std::chrono::milliseconds window,
                                         Instant now) {
  return prefixes_.note_offence(address, window, clock(now));
}

std::size_t SourceTable::lift_bans(const Prefix& net) {
  std::size_t lifted = 0;
  dossiers_.for_each([&](Dossier& dossier, const Source& owner) {
    if (!net.contains(address_of(owner))) return;
    lifted += dossier.banned_until != Instant{};
    dossier.forgive();
  });
  prefixes_.forgive(net);
  return lifted;
}

SourceReport SourceTable::report(const Source& source) const {
  const bool ipv4 = ipv4_.holds(source);
  const Dossier* dossier = find_dossier(source);
  return {address_of(source), source, instant_of(ipv4 ? ipv4_.seen(source) : ipv6_.seen(source)),
          dossier ? std::optional(*dossier) : std::nullopt};
}

std::optional<SourceReport> SourceTable::report(const Address& address) const {
  const Source* source = find(address);
  return source ? std::optional(report(*source)) : std::nullopt;
}

std::vector<SourceReport> SourceTable::top(std::size_t n) const {
  std::vector<const Source*> most;  // a heap whose first has the least
  const auto offer = [&](const Source& source) {
    if (most.size() == n && (n == 0 || !has_more(&source, most.front()))) return;
    most.push_back(&source);
    std::ranges::push_heap(most, has_more);
    if (most.size() <= n) return;
    std::ranges::pop_heap(most, has_more);
    most.pop_back();
  };
  ipv4_.for_each(offer);
  ipv6_.for_each(offer);
  std::ranges::sort_heap(most, has_more);
  std::vector<SourceReport> reports;
  reports.reserve(most.size());
  for (const Source* source : most) reports.push_back(report(*source));
  return reports;
}

std::size_t SourceTable::capacity(Family family) const {
  return family == Family::ipv4 ? ipv4_.capacity() : ipv6_.capacity();
}

}  // namespace sipward::limit
