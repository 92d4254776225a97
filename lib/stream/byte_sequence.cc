#include "stream/byte_sequence.h"

#include <algorithm>

namespace sipward::stream {
namespace {

// How far `a` lies behind `b`; numbers wrap (RFC 9293, section 3.4).
std::int32_t distance(std::uint32_t a, std::uint32_t b) {
  return static_cast<std::int32_t>(a - b);
}

std::uint32_t end_of(std::uint32_t sequence, std::string_view bytes) {
  return sequence + static_cast<std::uint32_t>(bytes.size());
}

}  // namespace

Placement ByteSequence::place(std::uint32_t sequence, std::string_view bytes, Instant now) {
  const std::int32_t ahead = distance(sequence, next_);
  if (ahead > 0) return hold(sequence, bytes, now);
  const auto old = std::min<std::size_t>(0U - static_cast<std::uint32_t>(ahead), bytes.size());
  const Placement past = compare_known(sequence, bytes.substr(0, old));
  if (past != Placement::nothing_new) return past;
  bytes.remove_prefix(old);
  if (bytes.empty()) return Placement::nothing_new;
  if (contradicts_held(next_, bytes)) return Placement::conflict;
  trim();
  append(bytes);
  take_held();
  return Placement::in_order;
}

bool ByteSequence::continues(std::uint32_t sequence, std::string_view bytes) const {
  const std::int32_t ahead = distance(sequence, next_);
  if (ahead > 0) return false;
  const auto old = std::min<std::size_t>(0U - static_cast<std::uint32_t>(ahead), bytes.size());
  return compare_known(sequence, bytes.substr(0, old)) == Placement::nothing_new &&
         !contradicts_held(next_, bytes.substr(old));
}

Placement ByteSequence::compare_known(std::uint32_t sequence, std::string_view bytes) const {
  if (bytes.empty()) return Placement::nothing_new;
  const std::uint32_t back = next_ - sequence;
  if (back > known_.size()) return Placement::forgotten;
  const auto before = std::string_view(known_).substr(known_.size() - back, bytes.size());
  return before == bytes ? Placement::nothing_new : Placement::conflict;
}

bool ByteSequence::contradicts_held(std::uint32_t sequence, std::string_view bytes) const {
  return std::ranges::any_of(held_, [&](const Held& held) {
    const std::int32_t shift = distance(held.sequence, sequence);  // where held begins within bytes
    const auto skip_held = static_cast<std::size_t>(std::max(-shift, 0));
    const auto skip = static_cast<std::size_t>(std::max(shift, 0));
    if (skip_held >= held.bytes.size() || skip >= bytes.size()) return false;
    const std::size_t n = std::min(held.bytes.size() - skip_held, bytes.size() - skip);
    return std::string_view(held.bytes).substr(skip_held, n) != bytes.substr(skip, n);
  });
}

Placement ByteSequence::hold(std::uint32_t sequence, std::string_view bytes, Instant now) {
  if (end_of(sequence, bytes) - next_ > kAheadMax) return Placement::too_far;
  if (contradicts_held(sequence, bytes)) return Placement::conflict;
  const auto covers = [&](const Held& held) {
    return distance(held.sequence, sequence) <= 0 &&
           distance(end_of(held.sequence, held.bytes), end_of(sequence, bytes)) >= 0;
  };
  if (std::ranges::any_of(held_, covers)) return Placement::nothing_new;
  if (held_bytes_ + bytes.size() > kHeldMax || held_.size() >= kHeldSegmentsMax) return Placement::no_room;
  const auto after =
      std::ranges::find_if(held_, [&](const Held& held) { return distance(held.sequence, sequence) > 0; });
  held_.insert(after, {sequence, std::string(bytes), now});
  held_bytes_ += bytes.size();
  return Placement::ahead;
}

void ByteSequence::append(std::string_view bytes) {
  known_.append(bytes);
  unread_ += bytes.size();
  next_ += static_cast<std::uint32_t>(bytes.size());
}

// The waiting bytes that are missing no others any more.
void ByteSequence::take_held() {
  std::size_t taken = 0;
  for (; taken < held_.size() && distance(held_[taken].sequence, next_) <= 0; ++taken) {
    const Held& held = held_[taken];
    held_bytes_ -= held.bytes.size();
    const auto old = static_cast<std::uint32_t>(distance(next_, held.sequence));
    if (old < held.bytes.size()) append(std::string_view(held.bytes).substr(old));
  }
  held_.erase(held_.begin(), held_.begin() + static_cast<std::ptrdiff_t>(taken));
}

// Twice the history before it is cut, so that bytes are not moved at each segment.
void ByteSequence::trim() {
  const std::size_t read = known_.size() - unread_;
  if (read > 2 * kHistoryBytes) known_.erase(0, read - kHistoryBytes);
}

Instant ByteSequence::waiting_since() const {
  const auto first = std::ranges::min_element(held_, {}, &Held::since);
  return first == held_.end() ? Instant::max() : first->since;
}

std::uint32_t ByteSequence::missing() const {
  return held_.empty() ? 0 : held_.front().sequence - next_;
}

std::string_view ByteSequence::first_held() const {
  return held_.empty() ? std::string_view() : std::string_view(held_.front().bytes);
}

void ByteSequence::skip_gap() {
  if (held_.empty()) return;
  known_.clear();
  unread_ = 0;
  next_ = held_.front().sequence;
  take_held();
}

void ByteSequence::forget_history() {
  std::string(unread()).swap(known_);
  if (held_.empty()) std::vector<Held>().swap(held_);
}

std::size_t ByteSequence::memory() const {
  // A string of up to 15 bytes lies within its object.
  const std::size_t known = known_.capacity() > 15 ? known_.capacity() : 0;
  return known + held_bytes_ + held_.capacity() * sizeof(Held);
}

}  // namespace sipward::stream
