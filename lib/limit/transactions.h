// Requests that were passed on and what became of them: copies, answers, open transactions and dialogs.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <span>
#include <string_view>

#include "base/address.h"
#include "base/clock.h"
#include "base/keyed_hash.h"
#include "limit/allowance.h"
#include "limit/arena.h"
#include "limit/chains.h"
#include "limit/owners.h"
#include "limit/timer_wheel.h"

namespace sipward::limit {

// What the answer to a request must be weighed with.
struct Facts {
  bool credentials = false;  // the request had an Authorization or Proxy-Authorization
  bool proven = false;       // its source had shown that it receives what is sent to it
  std::uint32_t user = 0;    // a hash of the credentials: the same attempt, the same number
  std::uint32_t target = 0;  // a hash of whom it asked for
};

// A request seen before is told by keyed hashes of 64 and 32 bits, not by its text, which may be long: that
// two are taken for one happens once in 10^14 requests and cannot be brought about. Owners are compared as
// they are. Fixed memory, taken at construction and touched as it is used. Expiry is paid for by the calls
// that come later: each entry is set once and removed once. Lives are in whole seconds, and up to a second
// longer. Time that goes back stands still. One thread at a time. No call allocates or throws.
class Transactions {
 public:
  struct Request {
    // follows: ACK and CANCEL, which belong to the INVITE with their Call-ID and CSeq number (RFC 3261
    // sections 9.1 and 17.1.1.3; an ACK of a 2xx has a branch of its own).
    enum class Kind : std::uint8_t { invite, non_invite, follows };
    const Address& source;
    std::string_view call_id;
    std::uint32_t cseq;
    std::string_view branch;  // of the top Via
    Kind kind;
    std::string_view content{};  // all of its bytes: a copy has the same (RFC 3261 section 17.1.2.2)
  };
  enum class Seen : std::uint8_t {
    never,     // not passed on before, or so long ago that it is forgotten
    again,     // a copy: it was charged already
    too_often  // a copy, but no client sends so many: to be charged like a new one
  };
  enum class Opened : std::uint8_t { opened, over_address, over_prefix, full };

  // Timer E sends a request 11 times within 64*T1, timer A 7 times (RFC 3261 section 17.1).
  static constexpr unsigned kCopiesMax = 11;
  // A CANCEL is sent as often, and as often the answer that is ACKed.
  static constexpr unsigned kFollowersMax = 2 * kCopiesMax;
  static constexpr std::uint32_t kNonInviteLife_s = 32;  // timer F
  static constexpr std::uint32_t kInviteLife_s = 180;    // timer C
  static constexpr std::uint32_t kCopyLife_s = 32;       // after the answer: 64*T1
  static constexpr std::uint32_t kDialogLife_s = 7200;

  // At most `capacity` transactions and dialogs together, at least 1.
  explicit Transactions(std::size_t capacity);

  // Whether this is a copy of a request that open() has taken: same source, and byte for byte the same; of a
  // follower the INVITE, whatever else it says. Counts it as one.
  [[nodiscard]] Seen look(const Request& request, Instant now);

  // Remembers an INVITE or a non-INVITE that look() has never seen, and counts it as open for its source and
  // the prefix of that. Over a cap, or `full`, nothing is remembered: what to do with the packet is the
  // caller's business (when full: pass it). A follower is `opened` and not remembered.
  [[nodiscard]] Opened open(const Request& request, const Facts& facts, const Caps& caps, Instant now);

  // A final answer to an INVITE or non-INVITE went to `source`: the request's facts, once. It is open no
  // more, and known as a copy for kCopyLife_s. An accepted INVITE leaves a dialog open, unless it was sent
  // within one. Of several with this Call-ID and CSeq number it is the answer to that of `branch`; when its
  // head was cut, so that there is none, to the last one opened.
  [[nodiscard]] std::optional<Facts> answered(const Address& source, std::string_view call_id,
                                              std::uint32_t cseq, bool accepted_invite, Instant now,
                                              std::string_view branch = {});

  // A BYE between `source` and us, from either side.
  void end_dialog(const Address& source, std::string_view call_id, Instant now);

  // Open transactions and dialogs, as of the last call that told the time.
  [[nodiscard]] unsigned open_of(const Address& source) const { return owners_.of_address(source); }
  [[nodiscard]] unsigned open_of_prefix(const Address& member) const { return owners_.of_prefix(member); }

  // What is remembered now, answered transactions too.
  [[nodiscard]] std::size_t size() const { return size_; }
  [[nodiscard]] std::size_t capacity() const { return entries_.size(); }
  [[nodiscard]] std::size_t bytes() const { return arena_.size(); }

 private:
  using Index = Chains::Index;
  enum class State : std::uint8_t { open, answered, dialog };
  struct Entry {
    std::uint64_t key;
    std::uint32_t branch;
    std::uint32_t content;
    Facts facts;
    Index owner;  // kNone when nothing is open any more
    Request::Kind kind;
    State state;
    std::uint8_t copies;
    std::uint8_t followers;
  };
  static_assert(sizeof(Entry) == 40);

  [[nodiscard]] static std::size_t bytes_for(std::size_t capacity);
  [[nodiscard]] std::uint64_t key_of(const Address& source, std::string_view call_id,
                                     std::optional<std::uint32_t> cseq) const;
  [[nodiscard]] std::uint32_t short_hash(std::string_view text) const;
  [[nodiscard]] Index find(std::uint64_t key, auto matches) const;
  [[nodiscard]] Index find_dialog(std::uint64_t key) const;
  [[nodiscard]] Index find_copied(const Request& request) const;
  bool add(const Entry& entry, const Address& source, std::uint32_t life_s);
  void open_dialog(const Address& source, std::string_view call_id);
  void expire(Instant now);
  void close(Entry& entry);
  void forget(Index index);

  KeyedHash hash_;
  Arena arena_;
  std::span<Entry> entries_;
  Chains by_key_;
  TimerWheel wheel_;
  Owners owners_;
  std::size_t size_ = 0;
};

}  // namespace sipward::limit
