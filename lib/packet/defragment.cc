#include "packet/defragment.h"

#include <netinet/in.h>

#include <algorithm>

#include "packet/bytes.h"

namespace sipward::packet {
namespace {

constexpr auto kTimeoutV4 = std::chrono::seconds(30);  // net.ipv4.ipfrag_time
constexpr auto kTimeoutV6 = std::chrono::seconds(60);  // net.netfilter.nf_conntrack_frag6_timeout
constexpr std::uint32_t kPacketMax = 65535;
constexpr std::size_t kExtensionsMax = 64;

auto timeout(Family family) {
  return family == Family::ipv4 ? kTimeoutV4 : kTimeoutV6;
}

void set_u16(std::vector<std::byte>& bytes, std::size_t at, std::size_t value) {
  bytes[at] = static_cast<std::byte>(value >> 8U & 0xffU);
  bytes[at + 1] = static_cast<std::byte>(value & 0xffU);
}

bool is_before_fragment(std::uint8_t next) {
  return next == IPPROTO_HOPOPTS || next == IPPROTO_ROUTING || next == IPPROTO_DSTOPTS || next == IPPROTO_AH;
}

// Where the fragment header stands, and the field that names it.
struct FragmentHeader {
  std::size_t at = 0;
  std::size_t named_at = 0;
};

std::optional<FragmentHeader> find_fragment_header(Bytes packet) {
  FragmentHeader found{40, 6};
  for (std::size_t n = 0; n < kExtensionsMax; ++n) {
    const std::uint8_t next = u8(packet, found.named_at);
    if (packet.size() < found.at + 8) return std::nullopt;
    if (next == IPPROTO_FRAGMENT) return found;
    if (!is_before_fragment(next)) return std::nullopt;
    const std::size_t words = u8(packet, found.at + 1);
    const std::size_t length = next == IPPROTO_AH ? (words + 2) * 4 : (words + 1) * 8;
    found = {found.at + length, found.at};
  }
  return std::nullopt;
}

}  // namespace

struct Defragmenter::Fragment {
  Key key;
  std::vector<std::byte>
      header;               // as the whole packet's shall be, but for its length; of the first fragment alone
  std::uint32_t begin = 0;  // place of the data in the whole packet
  Bytes data;
  bool more = false;
  bool broken = false;

  [[nodiscard]] std::uint32_t end() const { return begin + static_cast<std::uint32_t>(data.size()); }
  [[nodiscard]] bool is_v4() const { return key.source.family() == Family::ipv4; }
};

std::optional<Defragmenter::Fragment> Defragmenter::read_v4(Bytes packet) {
  if (packet.size() < 20 || (u16(packet, 6) & 0x3fffU) == 0) return std::nullopt;
  const std::size_t header = (u8(packet, 0) & 0x0fU) * std::size_t{4};
  const std::size_t total = u16(packet, 2);
  Fragment fragment;
  fragment.key = {Address::v4(packet.subspan<12, 4>()), Address::v4(packet.subspan<16, 4>()), u16(packet, 4),
                  u8(packet, 9)};
  fragment.begin = (u16(packet, 6) & 0x1fffU) * 8U;
  fragment.more = (u16(packet, 6) & 0x2000U) != 0;
  fragment.broken = header < 20 || total <= header || total > packet.size();
  if (fragment.broken) return fragment;
  fragment.data = packet.subspan(header, total - header);
  // Linux takes the odd bytes off instead of refusing the fragment.
  if (fragment.more) fragment.data = fragment.data.first(fragment.data.size() & ~std::size_t{7});
  fragment.broken = fragment.data.empty();
  if (fragment.begin == 0) {
    fragment.header.assign(packet.begin(), packet.begin() + static_cast<std::ptrdiff_t>(header));
    set_u16(fragment.header, 6, u16(packet, 6) & 0x4000U);
  }
  return fragment;
}

std::optional<Defragmenter::Fragment> Defragmenter::read_v6(Bytes packet) {
  if (packet.size() < 40) return std::nullopt;
  const auto found = find_fragment_header(packet);
  if (!found) return std::nullopt;
  const std::uint16_t place = u16(packet, found->at + 2);
  if ((place & 0xfff9U) == 0) return std::nullopt;  // RFC 6946: an atomic fragment is a whole packet
  const std::size_t total = u16(packet, 4) + std::size_t{40};
  const std::size_t data_at = found->at + 8;
  Fragment fragment;
  fragment.key = {Address::v6(packet.subspan<8, 16>()), Address::v6(packet.subspan<24, 16>()),
                  u32(packet, found->at + 4), 0};
  fragment.begin = place & 0xfff8U;
  fragment.more = (place & 1U) != 0;
  fragment.broken =
      total > packet.size() || total <= data_at || fragment.begin + (total - data_at) > kPacketMax;
  if (fragment.broken) return fragment;
  fragment.data = packet.subspan(data_at, total - data_at);
  if (fragment.begin == 0) {
    fragment.header.assign(packet.begin(), packet.begin() + static_cast<std::ptrdiff_t>(found->at));
    fragment.header[found->named_at] = packet[found->at];
  }
  return fragment;
}

std::optional<Bytes> Defragmenter::put(Bytes packet, Instant now) {
  expire(now);
  if (packet.empty()) return packet;
  const unsigned version = u8(packet, 0) >> 4U;
  const auto fragment = version == 4 ? read_v4(packet) : version == 6 ? read_v6(packet) : std::nullopt;
  if (!fragment) return packet;
  if (!fragment->broken) return add(*fragment, now);
  ++counters_.broken;
  return std::nullopt;
}

// As inet_frag_queue_insert() tells duplicates from overlaps: inside what one run of fragments brought, or
// not.
Defragmenter::Place Defragmenter::place(std::vector<Run>& runs, Run fresh) {
  auto at = runs.begin();
  while (at != runs.end() && at->end <= fresh.begin) ++at;
  if (at != runs.end() && at->begin < fresh.end)
    return fresh.begin >= at->begin && fresh.end <= at->end ? Place::duplicate : Place::overlap;
  if (at == runs.end() && !runs.empty() && runs.back().end == fresh.begin)
    runs.back().end = fresh.end;
  else
    runs.insert(at, fresh);
  return Place::added;
}

// Whether the fragment fits what is known of the packet's length.
bool Defragmenter::agree_on_end(Partial& partial, const Fragment& fragment) {
  const std::uint32_t end = fragment.end();
  if (fragment.more) {
    if (end > partial.length && partial.ended) return false;
    partial.length = std::max(partial.length, end);
    return true;
  }
  if (end < partial.length || (partial.ended && end != partial.length)) return false;
  partial.ended = true;
  partial.length = end;
  return true;
}

std::optional<Bytes> Defragmenter::add(const Fragment& fragment, Instant now) {
  const auto partial = find_or_make(fragment.key, now);
  const bool odd = fragment.more && fragment.data.size() % 8 != 0;
  if (odd || !agree_on_end(*partial, fragment)) {
    // Of IPv6 Linux refuses the part alone, unless its length is no multiple of eight.
    if (fragment.is_v4() || odd || partial->parts == 0)
      give_up(partial, counters_.contradicting);
    else
      ++counters_.broken;
    return std::nullopt;
  }
  switch (place(partial->runs, {fragment.begin, fragment.end()})) {
    case Place::duplicate:
      ++counters_.duplicates;
      return std::nullopt;
    case Place::overlap:
      give_up(partial, counters_.overlapping);
      return std::nullopt;
    case Place::added:
      break;
  }
  store(*partial, fragment);
  if (partial->ended && partial->received == partial->length && !partial->header.empty())
    return complete(partial);
  make_room(fragment.key);
  return std::nullopt;
}

void Defragmenter::store(Partial& partial, const Fragment& fragment) {
  const std::size_t before = partial.data.size();
  partial.data.resize(std::max<std::size_t>(before, fragment.end()));
  bytes_ += partial.data.size() - before;
  std::ranges::copy(fragment.data, partial.data.begin() + fragment.begin);
  partial.received += static_cast<std::uint32_t>(fragment.data.size());
  ++partial.parts;
  if (fragment.begin == 0) partial.header = fragment.header;
}

std::optional<Bytes> Defragmenter::complete(Partials::iterator partial) {
  const std::size_t header = partial->header.size();
  const bool v4 = partial->key.source.family() == Family::ipv4;
  const std::size_t length = (v4 ? header : header - 40) + partial->data.size();
  if (length > kPacketMax) {
    give_up(partial, counters_.contradicting);
    return std::nullopt;
  }
  counters_.joined += partial->parts - 1;
  whole_ = std::move(partial->header);
  whole_.insert(whole_.end(), partial->data.begin(), partial->data.end());
  set_u16(whole_, v4 ? 2 : 4, length);
  give_up(partial, counters_.completed);
  return whole_;
}

Defragmenter::Partials::iterator Defragmenter::find_or_make(const Key& key, Instant now) {
  const auto [entry, fresh] = packets_.try_emplace(key, order_.end());
  if (fresh) {
    order_.push_back({.key = key, .since = now});
    entry->second = std::prev(order_.end());
  }
  return entry->second;
}

void Defragmenter::make_room(const Key& kept) {
  while ((packets_.size() > packets_max_ || bytes_ > bytes_max_) && order_.front().key != kept)
    give_up(order_.begin(), counters_.evicted);
}

void Defragmenter::expire(Instant now) {
  // Two lengths of time, one order: an IPv4 packet behind an older IPv6 one is looked for.
  for (auto it = order_.begin(); it != order_.end() && now - it->since >= kTimeoutV4;) {
    const auto next = std::next(it);
    if (now - it->since >= timeout(it->key.source.family())) give_up(it, counters_.timed_out);
    it = next;
  }
}

void Defragmenter::give_up(Partials::iterator partial, std::uint64_t& counter) {
  ++counter;
  bytes_ -= partial->data.size();
  packets_.erase(partial->key);
  order_.erase(partial);
}

}  // namespace sipward::packet
