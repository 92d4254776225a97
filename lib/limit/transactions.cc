#include "limit/transactions.h"

#include <algorithm>
#include <cstring>

namespace sipward::limit {
namespace {

std::span<const std::byte> bytes_of(std::string_view text) {
  return std::as_bytes(std::span(text));
}

Transactions::Opened over(Owners::Room room) {
  return room == Owners::Room::address_full ? Transactions::Opened::over_address
                                            : Transactions::Opened::over_prefix;
}

}  // namespace

std::size_t Transactions::bytes_for(std::size_t capacity) {
  return Arena::bytes_for<Entry>(capacity) + Chains::bytes_for(capacity) + TimerWheel::bytes_for(capacity) +
         Owners::bytes_for(capacity);
}

Transactions::Transactions(std::size_t capacity)
    : arena_(bytes_for(std::max<std::size_t>(capacity, 1))),
      entries_(arena_.cut<Entry>(std::max<std::size_t>(capacity, 1))),
      by_key_(arena_, entries_.size()),
      wheel_(arena_, entries_.size()),
      owners_(arena_, entries_.size()) {}

std::uint64_t Transactions::key_of(const Address& source, std::string_view call_id,
                                   std::optional<std::uint32_t> cseq) const {
  struct {
    std::array<std::byte, 17> source;
    std::array<std::byte, 1> has_cseq;
    std::array<std::byte, 4> cseq;
    std::array<std::byte, 8> call_id;
  } key{source.key(), {std::byte{cseq.has_value()}}, {}, {}};
  static_assert(sizeof key == 30);
  const std::uint32_t number = cseq.value_or(0);
  const std::uint64_t call_hash = hash_(bytes_of(call_id));
  std::memcpy(key.cseq.data(), &number, sizeof number);
  std::memcpy(key.call_id.data(), &call_hash, sizeof call_hash);
  return hash_(std::as_bytes(std::span(&key, 1)));
}

Transactions::Index Transactions::find(std::uint64_t key, auto matches) const {
  return by_key_.find(key,
                      [&](Index index) { return entries_[index].key == key && matches(entries_[index]); });
}

Transactions::Index Transactions::find_dialog(std::uint64_t key) const {
  return find(key, [](const Entry& entry) { return entry.state == State::dialog; });
}

Transactions::Index Transactions::find_copied(const Request& request) const {
  const std::uint64_t key = key_of(request.source, request.call_id, request.cseq);
  if (request.kind == Request::Kind::follows)
    return find(key, [](const Entry& entry) { return entry.kind == Request::Kind::invite; });
  const std::uint32_t branch = short_hash(request.branch);
  const std::uint32_t content = short_hash(request.content);
  return find(key, [&](const Entry& entry) {
    return entry.kind == request.kind && entry.branch == branch && entry.content == content;
  });
}

std::uint32_t Transactions::short_hash(std::string_view text) const {
  return static_cast<std::uint32_t>(hash_(bytes_of(text)));
}

Transactions::Seen Transactions::look(const Request& request, Instant now) {
  expire(now);
  const Index index = find_copied(request);
  if (index == Chains::kNone) return Seen::never;
  const bool follows = request.kind == Request::Kind::follows;
  std::uint8_t& seen = follows ? entries_[index].followers : entries_[index].copies;
  if (seen >= (follows ? kFollowersMax : kCopiesMax)) return Seen::too_often;
  ++seen;
  return Seen::again;
}

Transactions::Opened Transactions::open(const Request& request, const Facts& facts, const Caps& caps,
                                        Instant now) {
  expire(now);
  if (request.kind == Request::Kind::follows) return Opened::opened;
  const Owners::Room room = owners_.room(request.source, caps);
  if (room != Owners::Room::enough) return over(room);
  const Entry entry{.key = key_of(request.source, request.call_id, request.cseq),
                    .branch = short_hash(request.branch),
                    .content = short_hash(request.content),
                    .facts = facts,
                    .owner = Chains::kNone,
                    .kind = request.kind,
                    .state = State::open,
                    .copies = 0,
                    .followers = 0};
  const bool invite = request.kind == Request::Kind::invite;
  const bool added = add(entry, request.source, invite ? kInviteLife_s : kNonInviteLife_s);
  return added ? Opened::opened : Opened::full;
}

// Whether there was a place for it.
bool Transactions::add(const Entry& entry, const Address& source, std::uint32_t life_s) {
  const Index index = by_key_.add(entry.key);
  if (index == Chains::kNone) return false;
  entries_[index] = entry;
  entries_[index].owner = owners_.add(source);
  wheel_.arm(index, life_s);
  ++size_;
  return true;
}

std::optional<Facts> Transactions::answered(const Address& source, std::string_view call_id,
                                            std::uint32_t cseq, bool accepted_invite, Instant now,
                                            std::string_view branch) {
  expire(now);
  const std::uint32_t wanted = short_hash(branch);
  const Index index = find(key_of(source, call_id, cseq), [&](const Entry& entry) {
    return entry.state == State::open && (branch.empty() || entry.branch == wanted);
  });
  if (index == Chains::kNone) return std::nullopt;
  Entry& entry = entries_[index];
  close(entry);
  entry.state = State::answered;
  wheel_.disarm(index);
  wheel_.arm(index, kCopyLife_s);
  if (accepted_invite && entry.kind == Request::Kind::invite) open_dialog(source, call_id);
  return entry.facts;
}

void Transactions::open_dialog(const Address& source, std::string_view call_id) {
  const std::uint64_t key = key_of(source, call_id, std::nullopt);
  if (const Index known = find_dialog(key); known != Chains::kNone) {
    wheel_.disarm(known);
    wheel_.arm(known, kDialogLife_s);
    return;
  }
  Entry dialog{};
  dialog.key = key;
  dialog.state = State::dialog;
  add(dialog, source, kDialogLife_s);
}

void Transactions::end_dialog(const Address& source, std::string_view call_id, Instant now) {
  expire(now);
  const Index index = find_dialog(key_of(source, call_id, std::nullopt));
  if (index == Chains::kNone) return;
  wheel_.disarm(index);
  forget(index);
}

void Transactions::expire(Instant now) {
  wheel_.advance(now, [this](Index index) { forget(index); });
}

void Transactions::close(Entry& entry) {
  if (entry.owner != Chains::kNone) owners_.remove(entry.owner);
  entry.owner = Chains::kNone;
}

// It is armed no more.
void Transactions::forget(Index index) {
  close(entries_[index]);
  by_key_.remove(entries_[index].key, index);
  --size_;
}

}  // namespace sipward::limit
