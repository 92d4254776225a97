// What the dialog table holds: one Call per INVITE and hop, with its early and confirmed dialogs, and the
// queues that their timeouts and evictions come from. Memory and order alone: what a message means is
// elsewhere.
#pragma once

#include <array>
#include <chrono>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/address.h"
#include "base/clock.h"
#include "base/keyed_hash.h"
#include "dialog/dialog.h"
#include "dialog/dialog_list.h"
#include "dialog/dialog_message.h"
#include "dialog/dialog_table.h"

namespace sipward::dialog {

struct Call;

// A request within a dialog whose final response was not seen yet, and what that will put in force.
struct Pending {
  std::uint32_t cseq = 0;
  Method method = Method::other;
  Side from = Side::caller;
  std::uint16_t source_port = 0;  // of its last copy
  std::uint16_t destination_port = 0;
  std::string target;
  std::string request_uri;
  std::vector<std::string> route;
};
inline constexpr std::size_t kPendingMax = 6;  // of both sides; the oldest gives way

// Which of the last 32 numbers below and including the highest were seen: a copy of a request that was
// answered must not be taken for a new one, and one that another overtook must not be taken for a copy.
class SeenNumbers {
 public:
  // Whether `number` is new; raises `highest`.
  bool take(std::uint32_t& highest, std::uint32_t number);
  // All up to the highest count as seen.
  void take_all() { bits_ = ~std::uint32_t{0}; }

 private:
  std::uint32_t bits_ = 0;  // bit n: highest - n
};

// A dialog of a call.
struct Followed {
  Dialog dialog;
  Call* call = nullptr;
  std::unique_ptr<Followed> next;  // of the same call
  Link<Followed> in_order;         // of confirmed dialogs
  Link<Followed> in_wait;          // for an ACK, or for the answer to a BYE
  Instant waits_since;
  std::vector<Pending> pending;
  std::array<SeenNumbers, 2> numbers;              // by Side
  std::array<std::uint32_t, 2> accepted_invite{};  // by Side: CSeq of its last INVITE that a 2xx answered
  bool confirmed = false;
  bool waits = false;
  bool hangs_up = false;     // a BYE was sent, and nobody refused it
  bool answer_seen = false;  // its 2xx was; it may be told from the ACK alone
};

enum class CallState : std::uint8_t {
  calling,     // no response yet
  proceeding,  // 1xx (RFC 3261 section 17.1.1.2 for both names)
  cancelled,   // CANCEL, and no final response yet
  refused,     // with a status after which clients send another INVITE
  answered,    // at least one dialog is confirmed, and others may follow
  settled,     // at least one dialog is confirmed, and no other will be
  over,        // told so; still known, so that late copies of its messages begin nothing
};
inline constexpr std::size_t kCallStates = 7;
[[nodiscard]] constexpr bool is_early(CallState state) {
  return state <= CallState::refused;
}

// The transactions of an INVITE: a proxy may send it several times over one hop, to two phones behind one
// address, one after the other or at once (RFC 3261 section 16.6). Known by keyed hashes of their Via's
// branch.
class Branches {
 public:
  static constexpr std::size_t kMax = 16;

  [[nodiscard]] bool has(std::uint64_t branch) const;
  // It is open. False when there are too many.
  bool add(std::uint64_t branch);
  // A final response came: of one that is not known, to all.
  void close(std::uint64_t branch);
  [[nodiscard]] bool any_open() const { return open_ != 0; }
  [[nodiscard]] std::size_t size() const { return seen_.size(); }

 private:
  std::vector<std::uint64_t> seen_;
  std::uint16_t open_ = 0;  // bit n: seen_[n]
};

// By what messages of its hop find it. Addresses without ports, which NAT changes and TCP chooses.
struct CallKey {
  std::string_view call_id;
  std::string_view caller_tag;
  Address caller;
  Address callee;
};

struct Call {
  std::unique_ptr<Call> next;  // of the same hash
  std::uint64_t hash = 0;
  std::string call_id;
  std::string caller_tag;
  Address caller;
  Address callee;
  CallState state = CallState::calling;
  std::uint16_t status = 0;            // the last failure
  std::uint32_t invite_cseq = 0;       // of its last INVITE
  std::uint32_t bytes = 0;             // of the last INVITE, until it is answered
  std::uint32_t losses = 0;            // how often packets had been lost when it began
  Branches branches;                   // of its last INVITE
  std::unique_ptr<Dialog> invitation;  // what early and confirmed dialogs are made from
  std::unique_ptr<Followed> dialogs;
  std::vector<std::string> ended;  // callee's tags of dialogs that are not followed any more, or never were
  Link<Call> in_queue;
  Instant since;  // it is in its state, or a provisional response came

  [[nodiscard]] CallKey key() const { return {call_id, caller_tag, caller, callee}; }
};
static_assert(sizeof(Call) + sizeof(Followed) <= 1024, "of a confirmed dialog, beside its strings");

[[nodiscard]] bool has_confirmed(const Call& call);

class Records {
 public:
  explicit Records(const TableLimits& limits);

  [[nodiscard]] Call* find(const CallKey& key) const;
  [[nodiscard]] static Followed* find(const Call& call, std::string_view callee_tag);
  // `key` must not be there. It is `calling`, without an invitation.
  Call& add(const CallKey& key, Instant now);
  // Puts it last in the queue of `state`, also if it is in that state already.
  void move(Call& call, CallState state, Instant now);
  void forget(Call& call);
  // What it counts for in early_bytes().
  void set_bytes(Call& call, std::size_t bytes);

  // An early dialog, of a copy of the invitation or what was stored.
  Followed& follow(Call& call, Dialog dialog);
  // Its room in the order of confirmed dialogs is behind all uncertain ones, and if it is one, before all
  // others.
  void confirm(Followed& followed);
  void unfollow(Followed& followed);
  void unfollow_early(Call& call);
  void wait(Followed& followed, Instant now);
  void stop_waiting(Followed& followed);
  // A confirmed one is not, or no more, uncertain.
  void renew(Followed& followed);

  [[nodiscard]] const auto& queue(CallState state) const { return queues_[static_cast<std::size_t>(state)]; }
  [[nodiscard]] const auto& confirmed() const { return confirmed_; }
  [[nodiscard]] const auto& waiting() const { return waiting_; }
  [[nodiscard]] std::size_t early() const;
  [[nodiscard]] std::size_t early_dialogs() const { return early_dialogs_; }
  // Of the INVITEs of all calls that have been without an answer so far.
  [[nodiscard]] std::size_t early_bytes() const { return early_bytes_; }
  [[nodiscard]] std::uint64_t hash(std::string_view text) const;

 private:
  using Queue = List<Call, &Call::in_queue>;

  [[nodiscard]] std::uint64_t hash(const CallKey& key) const;
  [[nodiscard]] std::unique_ptr<Call>& bucket(std::uint64_t hash) {
    return buckets_[hash & (buckets_.size() - 1)];
  }
  [[nodiscard]] Queue& queue_of(const Call& call) { return queues_[static_cast<std::size_t>(call.state)]; }

  KeyedHash hash_;
  std::vector<std::unique_ptr<Call>> buckets_;  // a power of two, as many as there may be calls
  std::array<Queue, kCallStates> queues_;
  List<Followed, &Followed::in_order> confirmed_;
  List<Followed, &Followed::in_wait> waiting_;
  std::size_t early_dialogs_ = 0;
  std::size_t early_bytes_ = 0;
};

}  // namespace sipward::dialog
