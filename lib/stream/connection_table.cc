#include "stream/connection_table.h"

#include <algorithm>
#include <cstring>

namespace sipward::stream {
namespace {

// Silent for longer, a client does not send again what was read: its retransmissions have ended.
constexpr auto kHistoryLife = std::chrono::seconds(60);

}  // namespace

std::size_t ConnectionTable::HashFlow::operator()(const Flow& flow) const {
  std::array<std::byte, 38> key{};
  std::ranges::copy(flow.client.key(), key.begin());
  std::ranges::copy(flow.server.key(), key.begin() + 17);
  std::memcpy(key.data() + 34, &flow.client_port, 2);
  std::memcpy(key.data() + 36, &flow.server_port, 2);
  return hash(key);
}

std::size_t ConnectionTable::HashAddress::operator()(const Address& address) const {
  return hash(address.key());
}

Connection* ConnectionTable::find(const Flow& flow, Instant now) {
  const auto it = flows_.find(flow);
  if (it == flows_.end()) return nullptr;
  touch(*it->second, now);
  return it->second;
}

void ConnectionTable::touch(Connection& connection, Instant now) {
  connection.last_seen = now;
  auto& all = pool(connection);
  all.splice(all.end(), all, connection.place_);
  auto& share = share_of(connection).connections;
  share.splice(share.end(), share, connection.in_share_);
  if (connection.in_heavy_) heavy_.splice(heavy_.end(), heavy_, *connection.in_heavy_);
}

Connection* ConnectionTable::open(const Flow& flow, std::uint32_t first, bool proven, Instant now) {
  if (!make_place(flow, proven)) {
    remember(flow);
    return nullptr;
  }
  evicted_.erase(flows_.hash_function()(flow));
  auto& all = pools_[0];
  Connection& connection = all.emplace_back(flow, first);
  connection.place_ = std::prev(all.end());
  connection.last_seen = now;
  auto& share = shares_[flow.client].connections;
  connection.in_share_ = share.insert(share.end(), &connection);
  flows_.emplace(flow, &connection);
  return &connection;
}

bool ConnectionTable::make_place(const Flow& flow, bool proven) {
  const auto share = shares_.find(flow.client);
  if (share != shares_.end() && share->second.connections.size() >= limits_.connections_per_source) {
    auto& own = share->second.connections;
    const auto unproven = std::ranges::find_if(own, [](const Connection* c) { return !c->is_proven(); });
    if (unproven == own.end() && !proven) return false;
    evict(unproven == own.end() ? *own.front() : **unproven);
  }
  if (size() < limits_.connections) return true;
  if (pools_[0].empty() && !proven) return false;
  evict(pools_[0].empty() ? pools_[1].front() : pools_[0].front());
  return true;
}

void ConnectionTable::evict(Connection& connection) {
  ++evictions_;
  if (connection.is_proven() || connection.forgotten) remember(connection.flow);
  close(connection);
}

void ConnectionTable::remember(const Flow& flow) {
  if (evicted_.size() < limits_.connections)
    evicted_.insert(flows_.hash_function()(flow));
  else
    evicted_too_many_ = true;
}

bool ConnectionTable::was_evicted(const Flow& flow) const {
  return evicted_too_many_ || evicted_.contains(flows_.hash_function()(flow));
}

void ConnectionTable::prove(Connection& connection) {
  if (connection.proven_) return;
  pools_[1].splice(pools_[1].end(), pools_[0], connection.place_);
  connection.proven_ = true;
}

void ConnectionTable::close(Connection& connection) {
  relieve(connection);
  const auto share = shares_.find(connection.flow.client);
  share->second.connections.erase(connection.in_share_);
  if (share->second.connections.empty()) shares_.erase(share);
  flows_.erase(connection.flow);
  pool(connection).erase(connection.place_);
}

bool ConnectionTable::account(Connection& connection, Instant now) {
  touch(connection, now);
  release_idle(now);
  charge(connection);
  const bool fits = fits_share(connection);
  shrink_to_limit(connection);
  return fits;
}

void ConnectionTable::charge(Connection& connection) {
  const std::size_t memory = connection.memory();
  if (memory == 0) return relieve(connection);
  bytes_ += memory - connection.charged_;
  share_of(connection).bytes += memory - connection.charged_;
  connection.charged_ = memory;
  if (!connection.in_heavy_) connection.in_heavy_ = heavy_.insert(heavy_.end(), &connection);
}

void ConnectionTable::forget_history(Connection& connection) {
  evictions_ += connection.forget_history();
  charge(connection);
}

void ConnectionTable::relieve(Connection& connection) {
  bytes_ -= connection.charged_;
  share_of(connection).bytes -= connection.charged_;
  connection.charged_ = 0;
  if (connection.in_heavy_) heavy_.erase(*connection.in_heavy_);
  connection.in_heavy_.reset();
}

void ConnectionTable::release_idle(Instant now) {
  while (!heavy_.empty() && now - heavy_.front()->last_seen > kHistoryLife) {
    Connection& idle = *heavy_.front();
    if (!idle.guessed && !idle.between_messages()) return evict(idle);
    forget_history(idle);
  }
}

bool ConnectionTable::fits_share(const Connection& connection) {
  const Share& share = share_of(connection);
  for (Connection* other : share.connections) {
    if (share.bytes <= limits_.bytes_per_source) break;
    if (other == &connection || !other->between_messages()) continue;
    forget_history(*other);
  }
  return share.bytes <= limits_.bytes_per_source;
}

void ConnectionTable::shrink_to_limit(const Connection& except) {
  while (bytes_ > limits_.bytes && heavy_.front() != &except) {
    Connection& oldest = *heavy_.front();
    if (!oldest.guessed && !oldest.between_messages()) {
      evict(oldest);
      continue;
    }
    forget_history(oldest);
  }
}

}  // namespace sipward::stream
