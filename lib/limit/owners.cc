#include "limit/owners.h"

namespace sipward::limit {

Prefix neighbourhood(const Address& address) {
  return {address, address.family() == Family::ipv4 ? 24U : 64U};
}

Owners::Owners(Arena& arena, std::size_t capacity)
    : addresses_(arena, capacity), prefixes_(arena, capacity) {}

std::size_t Owners::bytes_for(std::size_t capacity) {
  return 2 * (Arena::bytes_for<Entry>(capacity) + Chains::bytes_for(capacity));
}

std::uint64_t Owners::hash_of(const Address& base) const {
  const auto key = base.key();
  return hash_(key);
}

Owners::Index Owners::find(const Table& table, const Address& base) const {
  return table.by_base.find(hash_of(base), [&](Index index) { return table.entries[index].base == base; });
}

unsigned Owners::count_of(const Table& table, const Address& base) const {
  const Index index = find(table, base);
  return index == Chains::kNone ? 0 : table.entries[index].count;
}

unsigned Owners::of_address(const Address& address) const {
  return count_of(addresses_, address);
}

unsigned Owners::of_prefix(const Address& member) const {
  return count_of(prefixes_, neighbourhood(member).base());
}

Owners::Room Owners::room(const Address& address, const Caps& caps) const {
  if (caps.address != 0 && of_address(address) >= caps.address) return Room::address_full;
  if (caps.prefix != 0 && of_prefix(address) >= caps.prefix) return Room::prefix_full;
  return Room::enough;
}

Owners::Index Owners::touch(Table& table, const Address& base) {
  Index index = find(table, base);
  if (index != Chains::kNone) return index;
  index = table.by_base.add(hash_of(base));
  table.entries[index] = {base, 0, Chains::kNone};
  return index;
}

Owners::Index Owners::add(const Address& address) {
  const Index owner = touch(addresses_, address);
  Entry& entry = addresses_.entries[owner];
  if (entry.count == 0) entry.prefix = touch(prefixes_, neighbourhood(address).base());
  add(owner);
  return owner;
}

void Owners::add(Index owner) {
  ++addresses_.entries[owner].count;
  ++prefixes_.entries[addresses_.entries[owner].prefix].count;
}

void Owners::remove(Index owner) {
  remove(prefixes_, addresses_.entries[owner].prefix);
  remove(addresses_, owner);
}

void Owners::remove(Table& table, Index index) {
  Entry& entry = table.entries[index];
  if (--entry.count == 0) table.by_base.remove(hash_of(entry.base), index);
}

}  // namespace sipward::limit
