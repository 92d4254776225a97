#include "base/keyed_hash.h"

#include <set>
#include <vector>

#include "support/catch.h"

namespace sipward {
namespace {

std::vector<std::byte> counting(std::size_t n) {
  std::vector<std::byte> bytes;
  for (std::size_t i = 0; i < n; ++i) bytes.push_back(static_cast<std::byte>(i));
  return bytes;
}

// The key and the input are those of the paper's appendix A: bytes 00 01 02 …. The values come from an
// implementation of SipHash-c-d in Python that gives the paper's a129ca6149be45e5 for SipHash-2-4, called
// with c = 1 and d = 3.
TEST_CASE("SipHash-1-3 of bytes 00 01 02 …") {
  struct Case {
    std::size_t length;
    std::uint64_t hash;
  };
  const auto c =
      GENERATE(Case{0, 0xabac0158050fc4dc}, Case{1, 0xc9f49bf37d57ca93}, Case{7, 0xd3927d989bb11140},
               Case{8, 0x369095118d299a8e}, Case{9, 0x25a48eb36c063de4}, Case{15, 0xd320d86d2a519956},
               Case{16, 0xcc4fdd1a7d908b66}, Case{17, 0x9cf2689063dbd80c}, Case{63, 0x9d199062b7bbb3a8},
               Case{255, 0xf76214e3153c4a15}, Case{256, 0x75b3e64e167de370});
  const KeyedHash hash(0x0706050403020100, 0x0f0e0d0c0b0a0908);
  CHECK(hash(counting(c.length)) == c.hash);
}

TEST_CASE("both halves of the key and every byte count") {
  const auto bytes = counting(17);
  std::set<std::uint64_t> hashes{KeyedHash(1, 2)(bytes), KeyedHash(2, 2)(bytes), KeyedHash(1, 3)(bytes)};
  for (std::size_t i = 0; i < bytes.size(); ++i) {
    auto other = bytes;
    other[i] ^= std::byte{0x80};
    hashes.insert(KeyedHash(1, 2)(other));
  }
  CHECK(hashes.size() == 3 + bytes.size());
}

TEST_CASE("two hashes made without a key differ, a copy does not") {
  const KeyedHash one;
  const KeyedHash other;
  const KeyedHash copy = one;
  CHECK(one(counting(17)) != other(counting(17)));
  CHECK(one(counting(17)) == copy(counting(17)));
}

}  // namespace
}  // namespace sipward
