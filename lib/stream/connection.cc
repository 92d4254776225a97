#include <algorithm>

#include "stream/connection_table.h"

namespace sipward::stream {
namespace {

// Each costs whoever forges segments, or breaks off messages, one that conntrack takes for the connection's.
constexpr std::size_t kOthersMax = 8;
// Bytes that lie further back are not sent again. Less than half of the numbers, so that they compare.
constexpr std::uint32_t kRunMax = 1U << 30U;

}  // namespace

Run::Fit Run::fit(std::uint32_t sequence, std::string_view segment) const {
  const std::uint32_t size = bytes.next() - first;
  const std::uint32_t into = sequence - first;
  if (into < size || into == size)
    return !dead && bytes.continues(sequence, segment) ? Fit::continues : Fit::refused;
  const std::uint32_t before = first - sequence;
  if (before > segment.size()) return Fit::apart;
  const std::string_view both = segment.substr(before, size);
  const bool agrees = !dead && bytes.known().size() == size && bytes.known().starts_with(both);
  return agrees ? Fit::before : Fit::refused;
}

void Run::restart_reading(bool synchronized_) {
  body_left = 0;
  progress = {};
  synchronized = synchronized_;
}

void Connection::lose_track(bool passed) {
  if (passed && !adrift) {
    Run& gone = others.emplace_back(first);
    gone.bytes = ByteSequence(bytes.next());
    gone.dead = true;
    if (others.size() > kOthersMax) forgotten = true;
  }
  guessed = adrift = true;
  static_cast<Run&>(*this) = Run(bytes.next());
  drop_companion();
}

bool Connection::has_room() const {
  return others.size() < kOthersMax;
}

void Connection::begin(std::uint32_t sequence, bool synchronized_) {
  if (!adrift) others.push_back(std::move(static_cast<Run&>(*this)));
  static_cast<Run&>(*this) = Run(sequence);
  synchronized = synchronized_;
  adrift = false;
  drop_companion();
}

void Connection::select(std::size_t other) {
  std::swap(static_cast<Run&>(*this), others[other]);
  if (adrift) others.erase(others.begin() + static_cast<std::ptrdiff_t>(other));
  adrift = false;
  drop_companion();
}

bool Connection::absorb() {
  if (bytes.next() - first > kRunMax) first = bytes.next() - kRunMax;
  return std::erase_if(others, [this](const Run& other) {
           const std::uint32_t into = bytes.next() - other.first;
           if (other.dead || other.first - first > bytes.next() - first) return false;
           const std::string_view known = other.bytes.known();
           if (into < known.size()) (void)bytes.place(bytes.next(), known.substr(into), last_seen);
           return true;
         }) != 0;
}

void Connection::drop_companion() {
  companion.reset();
  companion_size = 0;
}

std::size_t Connection::forget_history() {
  std::size_t given_up = 0;
  if (guessed && !between_messages()) {
    ++given_up;
    lose_track(true);
  }
  bytes.forget_history();
  for (Run& other : others) {
    if (!other.between_messages()) {
      ++given_up;
      other.dead = true;
      other.bytes = ByteSequence(other.bytes.next());
    }
    other.bytes.forget_history();
  }
  drop_companion();
  return given_up;
}

std::size_t Connection::memory() const {
  std::size_t sum = bytes.memory() + companion_size;
  for (const Run& other : others) sum += other.bytes.memory();
  return sum;
}

}  // namespace sipward::stream
