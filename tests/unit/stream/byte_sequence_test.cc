#include "stream/byte_sequence.h"

#include <algorithm>

#include "support/catch.h"

using namespace sipward;
using stream::ByteSequence;
using stream::Placement;

namespace {

constexpr Instant kNow{std::chrono::hours(1)};

std::string take(ByteSequence& sequence) {
  std::string bytes(sequence.unread());
  sequence.consume(bytes.size());
  return bytes;
}

}  // namespace

TEST_CASE("bytes in order are read in order, also where the numbers wrap") {
  ByteSequence sequence(0xfffffffe);
  CHECK(sequence.place(0xfffffffe, "abc", kNow) == Placement::in_order);
  CHECK(sequence.next() == 1);
  CHECK(sequence.place(1, "de", kNow) == Placement::in_order);
  CHECK(take(sequence) == "abcde");
  CHECK(sequence.unread().empty());
}

TEST_CASE("what comes early waits for what is missing") {
  ByteSequence sequence(100);
  CHECK(sequence.waiting_since() == Instant::max());
  CHECK(sequence.place(106, "ghi", kNow) == Placement::ahead);
  CHECK(sequence.place(103, "def", kNow + std::chrono::seconds(1)) == Placement::ahead);
  CHECK(sequence.unread().empty());
  CHECK(sequence.waiting_since() == kNow);
  CHECK(sequence.missing() == 3);
  CHECK(sequence.first_held() == "def");
  CHECK(sequence.place(100, "abc", kNow) == Placement::in_order);
  CHECK(take(sequence) == "abcdefghi");
  CHECK(sequence.next() == 109);
  CHECK(sequence.waiting_since() == Instant::max());
}

TEST_CASE("every order of three segments reads the same") {
  std::vector<std::uint32_t> order{0, 1, 2};
  do {
    ByteSequence sequence(7);
    for (const std::uint32_t i : order)
      (void)sequence.place(7 + i * 2, std::string_view("aabbcc").substr(i * 2, 2), kNow);
    CHECK(take(sequence) == "aabbcc");
  } while (std::next_permutation(order.begin(), order.end()));
}

TEST_CASE("a retransmission says nothing new, and may bring more") {
  ByteSequence sequence(100);
  (void)sequence.place(100, "abcdef", kNow);
  CHECK(take(sequence) == "abcdef");
  CHECK(sequence.place(100, "abcdef", kNow) == Placement::nothing_new);
  CHECK(sequence.place(102, "cd", kNow) == Placement::nothing_new);
  CHECK(sequence.place(104, "efgh", kNow) == Placement::in_order);
  CHECK(take(sequence) == "gh");
  CHECK(sequence.place(99, "?", kNow) == Placement::forgotten);
}

TEST_CASE("whoever contradicts bytes that were there is told") {
  ByteSequence sequence(100);
  (void)sequence.place(100, "friendly", kNow);
  SECTION("read ones") {
    (void)take(sequence);
    CHECK(sequence.place(100, "Friendly", kNow) == Placement::conflict);
    CHECK(sequence.place(107, "Y-scanner", kNow) == Placement::conflict);
    CHECK(sequence.unread().empty());
    CHECK(sequence.next() == 108);
  }
  SECTION("waiting ones") {
    CHECK(sequence.place(110, "canner", kNow) == Placement::ahead);
    CHECK(sequence.place(110, "xanner", kNow) == Placement::conflict);
    CHECK(sequence.place(109, "sxn", kNow) == Placement::conflict);
    CHECK(sequence.place(108, "-sX", kNow) == Placement::conflict);
    CHECK(sequence.place(108, "-scanner and more", kNow) == Placement::in_order);
    CHECK(take(sequence) == "friendly-scanner and more");
  }
}

TEST_CASE("overlapping segments that agree are read once") {
  ByteSequence sequence(0);
  CHECK(sequence.place(4, "efgh", kNow) == Placement::ahead);
  CHECK(sequence.place(5, "fg", kNow) == Placement::nothing_new);
  CHECK(sequence.place(2, "cdef", kNow) == Placement::ahead);
  CHECK(sequence.place(6, "ghij", kNow) == Placement::ahead);
  CHECK(sequence.place(0, "abc", kNow) == Placement::in_order);
  CHECK(take(sequence) == "abcdefghij");
}

TEST_CASE("only so many bytes wait") {
  ByteSequence sequence(0);
  const std::string half(ByteSequence::kHeldMax / 2, 'x');
  CHECK(sequence.place(1, half, kNow) == Placement::ahead);
  CHECK(sequence.place(1 + ByteSequence::kHeldMax / 2, half, kNow) == Placement::ahead);
  CHECK(sequence.place(1 + ByteSequence::kHeldMax, "y", kNow) == Placement::no_room);
  CHECK(sequence.memory() >= ByteSequence::kHeldMax);
  CHECK(sequence.place(0, "x", kNow) == Placement::in_order);
  CHECK(sequence.unread().size() == ByteSequence::kHeldMax + 1);
  CHECK(sequence.next() == ByteSequence::kHeldMax + 1);
}

TEST_CASE("only so many segments wait") {
  ByteSequence sequence(0);
  for (std::uint32_t i = 0; i < ByteSequence::kHeldSegmentsMax; ++i)
    REQUIRE(sequence.place(1 + 2 * i, "x", kNow) == Placement::ahead);
  CHECK(sequence.place(1 + 2 * ByteSequence::kHeldSegmentsMax, "x", kNow) == Placement::no_room);
}

TEST_CASE("bytes that no window reaches are told") {
  ByteSequence sequence(0);
  CHECK(sequence.place(ByteSequence::kAheadMax - 1, "x", kNow) == Placement::ahead);
  CHECK(sequence.place(ByteSequence::kAheadMax, "x", kNow) == Placement::too_far);
  CHECK(sequence.place(0x80000000U - 1, "x", kNow) == Placement::too_far);
}

TEST_CASE("the history is long enough to compare with, and no longer") {
  ByteSequence sequence(0);
  const std::string kilobyte(1024, 'x');
  std::uint32_t at = 0;
  std::size_t most = 0;
  for (; at < 200 * 1024; at += 1024) {
    REQUIRE(sequence.place(at, kilobyte, kNow) == Placement::in_order);
    (void)take(sequence);
    most = std::max(most, sequence.memory());
  }
  CHECK(most < 5 * ByteSequence::kHistoryBytes);
  CHECK(sequence.place(at - std::uint32_t{ByteSequence::kHistoryBytes}, kilobyte, kNow) ==
        Placement::nothing_new);
  CHECK(sequence.place(0, kilobyte, kNow) == Placement::forgotten);
}

TEST_CASE("forgetting the history frees it and loses no unread byte") {
  ByteSequence sequence(0);
  (void)sequence.place(0, std::string(5000, 'x'), kNow);
  (void)take(sequence);
  (void)sequence.place(5000, "INVITE", kNow);
  sequence.forget_history();
  CHECK(sequence.unread() == "INVITE");
  CHECK(sequence.memory() == 0);
  CHECK(sequence.place(4999, "x", kNow) == Placement::forgotten);
}

TEST_CASE("a gap that never fills can be given up") {
  ByteSequence sequence(0);
  (void)sequence.place(10, "OPTIONS", kNow);
  (void)sequence.place(20, "later", kNow);
  sequence.skip_gap();
  CHECK(take(sequence) == "OPTIONS");
  CHECK(sequence.next() == 17);
  CHECK(sequence.place(0, "what was missing", kNow) == Placement::forgotten);
  CHECK(sequence.place(17, "...", kNow) == Placement::in_order);
  CHECK(take(sequence) == "...later");
}
