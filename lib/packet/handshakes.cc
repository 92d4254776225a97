#include "packet/handshakes.h"

namespace sipward::packet {
namespace {

// Sequence numbers wrap (RFC 9293 section 3.4).
bool is_after(std::uint32_t one, std::uint32_t other) {
  return static_cast<std::int32_t>(one - other) > 0;
}

std::uint32_t sequence_length(const Datagram& segment) {
  return static_cast<std::uint32_t>(segment.payload.size()) + (segment.tcp.syn ? 1U : 0U) +
         (segment.tcp.fin ? 1U : 0U);
}

}  // namespace

bool Handshakes::see(const Datagram& segment) {
  const Key there{segment.source, segment.destination, segment.source_port, segment.destination_port};
  const Key back{segment.destination, segment.source, segment.destination_port, segment.source_port};
  const TcpHeader& tcp = segment.tcp;
  // A new connection between ports that were used before begins when its SYN is answered: a stray one is not.
  if (tcp.syn && tcp.ack) {
    const Side* known = find(there);
    if (known && known->first != tcp.sequence) {
      forget(there);
      forget(back);
    }
  }
  Side& side = touch(there, tcp.sequence);
  const std::uint32_t next = tcp.sequence + sequence_length(segment);
  if (is_after(next, side.next)) side.next = next;
  const Side* other = tcp.ack ? find(back) : nullptr;
  if (other && is_after(tcp.acknowledgment, other->first) && !is_after(tcp.acknowledgment, other->next))
    verify(side);
  return side.verified;
}

Handshakes::Side* Handshakes::find(const Key& key) {
  const auto it = sides_.find(key);
  return it == sides_.end() ? nullptr : &*it->second;
}

Handshakes::Side& Handshakes::touch(const Key& key, std::uint32_t sequence) {
  const auto [entry, fresh] = sides_.try_emplace(key, suspects_.end());
  if (!fresh) {
    Sides& order = entry->second->verified ? verified_ : suspects_;
    order.splice(order.end(), order, entry->second);
    return *entry->second;
  }
  if (sides_.size() > sides_max_) forget(Key((suspects_.empty() ? verified_ : suspects_).front().key));
  suspects_.push_back({.key = key, .first = sequence, .next = sequence});
  entry->second = std::prev(suspects_.end());
  return suspects_.back();
}

void Handshakes::verify(Side& side) {
  if (side.verified) return;
  verified_.splice(verified_.end(), suspects_, sides_.find(side.key)->second);
  side.verified = true;
}

void Handshakes::forget(const Key& key) {
  const auto it = sides_.find(key);
  if (it == sides_.end()) return;
  (it->second->verified ? verified_ : suspects_).erase(it->second);
  sides_.erase(it);
}

}  // namespace sipward::packet
