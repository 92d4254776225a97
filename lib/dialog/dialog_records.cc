#include "dialog/dialog_records.h"

#include <algorithm>
#include <bit>
#include <span>
#include <utility>

namespace sipward::dialog {
namespace {

bool has(const Call& call, const CallKey& key) {
  return call.call_id == key.call_id && call.caller_tag == key.caller_tag && call.caller == key.caller &&
         call.callee == key.callee;
}

// Early calls, those that are over, and one for each confirmed dialog.
std::size_t buckets_for(const TableLimits& limits) {
  return std::bit_ceil(2 * limits.early_max + limits.confirmed_max + 1);
}

}  // namespace

bool SeenNumbers::take(std::uint32_t& highest, std::uint32_t number) {
  if (bits_ == 0 || number > highest) {
    const std::uint32_t step = number > highest ? number - highest : 0;
    bits_ = (step < 32 ? bits_ << step : 0) | 1U;
    highest = std::max(highest, number);
    return true;
  }
  const std::uint32_t below = highest - number;
  if (below >= 32) return false;
  const bool seen = (bits_ >> below & 1U) != 0;
  bits_ |= std::uint32_t{1} << below;
  return !seen;
}

bool Branches::has(std::uint64_t branch) const {
  return std::ranges::find(seen_, branch) != seen_.end();
}

bool Branches::add(std::uint64_t branch) {
  if (seen_.size() == kMax) return false;
  open_ = static_cast<std::uint16_t>(open_ | 1U << seen_.size());
  seen_.push_back(branch);
  return true;
}

void Branches::close(std::uint64_t branch) {
  const auto at = std::ranges::find(seen_, branch) - seen_.begin();
  open_ = static_cast<std::uint16_t>(has(branch) ? open_ & ~(1U << at) : 0U);
}

bool has_confirmed(const Call& call) {
  const Followed* followed = call.dialogs.get();
  while (followed && !followed->confirmed) followed = followed->next.get();
  return followed != nullptr;
}

Records::Records(const TableLimits& limits) : buckets_(buckets_for(limits)) {}

std::uint64_t Records::hash(std::string_view text) const {
  return hash_(std::as_bytes(std::span(text)));
}

std::uint64_t Records::hash(const CallKey& key) const {
  std::array<std::byte, 50> bytes{};
  const std::array parts{std::bit_cast<std::array<std::byte, 8>>(hash(key.call_id)),
                         std::bit_cast<std::array<std::byte, 8>>(hash(key.caller_tag))};
  auto end = std::ranges::copy(parts[0], bytes.begin()).out;
  end = std::ranges::copy(parts[1], end).out;
  end = std::ranges::copy(key.caller.key(), end).out;
  std::ranges::copy(key.callee.key(), end);
  return hash_(bytes);
}

Call* Records::find(const CallKey& key) const {
  const std::uint64_t wanted = hash(key);
  Call* call = buckets_[wanted & (buckets_.size() - 1)].get();
  while (call && !(call->hash == wanted && has(*call, key))) call = call->next.get();
  return call;
}

Followed* Records::find(const Call& call, std::string_view callee_tag) {
  Followed* followed = call.dialogs.get();
  while (followed && followed->dialog.party(Side::callee).tag != callee_tag) followed = followed->next.get();
  return followed;
}

Call& Records::add(const CallKey& key, Instant now) {
  auto call = std::make_unique<Call>();
  call->hash = hash(key);
  call->call_id = std::string(key.call_id);
  call->caller_tag = std::string(key.caller_tag);
  call->caller = key.caller;
  call->callee = key.callee;
  call->since = now;
  std::unique_ptr<Call>& first = bucket(call->hash);
  call->next = std::move(first);
  first = std::move(call);
  queue_of(*first).push_back(*first);
  return *first;
}

void Records::move(Call& call, CallState state, Instant now) {
  queue_of(call).remove(call);
  call.state = state;
  call.since = now;
  queue_of(call).push_back(call);
}

void Records::forget(Call& call) {
  while (call.dialogs) unfollow(*call.dialogs);
  set_bytes(call, 0);
  queue_of(call).remove(call);
  std::unique_ptr<Call>* at = &bucket(call.hash);
  while (at->get() != &call) at = &(*at)->next;
  std::unique_ptr<Call> gone = std::move(*at);
  *at = std::move(gone->next);
}

void Records::set_bytes(Call& call, std::size_t bytes) {
  early_bytes_ -= call.bytes;
  call.bytes = static_cast<std::uint32_t>(bytes);
  early_bytes_ += call.bytes;
}

Followed& Records::follow(Call& call, Dialog dialog) {
  auto followed = std::make_unique<Followed>();
  followed->dialog = std::move(dialog);
  followed->call = &call;
  followed->next = std::move(call.dialogs);
  call.dialogs = std::move(followed);
  ++early_dialogs_;
  return *call.dialogs;
}

void Records::confirm(Followed& followed) {
  followed.confirmed = true;
  --early_dialogs_;
  followed.dialog.uncertain ? confirmed_.push_front(followed) : confirmed_.push_back(followed);
}

void Records::unfollow(Followed& followed) {
  stop_waiting(followed);
  if (followed.confirmed) {
    confirmed_.remove(followed);
  } else {
    --early_dialogs_;
  }
  std::unique_ptr<Followed>* at = &followed.call->dialogs;
  while (at->get() != &followed) at = &(*at)->next;
  std::unique_ptr<Followed> gone = std::move(*at);
  *at = std::move(gone->next);
}

void Records::unfollow_early(Call& call) {
  for (Followed* followed = call.dialogs.get(); followed;) {
    Followed* const next = followed->next.get();
    if (!followed->confirmed) unfollow(*followed);
    followed = next;
  }
}

void Records::wait(Followed& followed, Instant now) {
  stop_waiting(followed);
  followed.waits = true;
  followed.waits_since = now;
  waiting_.push_back(followed);
}

void Records::stop_waiting(Followed& followed) {
  if (!followed.waits) return;
  followed.waits = false;
  waiting_.remove(followed);
}

void Records::renew(Followed& followed) {
  followed.dialog.uncertain = false;
  confirmed_.remove(followed);
  confirmed_.push_back(followed);
}

std::size_t Records::early() const {
  std::size_t calls = 0;
  for (const CallState state :
       {CallState::calling, CallState::proceeding, CallState::cancelled, CallState::refused})
    calls += queue(state).size();
  return calls;
}

}  // namespace sipward::dialog
