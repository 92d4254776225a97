#include "packet/defragment.h"

#include "packet/decode.h"
#include "packets.h"
#include "support/catch.h"

using namespace sipward;
using namespace sipward::packet;
using namespace sipward::test;

namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

Instant at(std::int64_t ms) {
  return Instant(std::chrono::hours(1) + milliseconds(ms));
}

constexpr std::string_view kSource6 = "2001:db8::7";

std::string text(std::size_t size) {
  std::string made;
  for (std::size_t i = 0; made.size() < size; ++i) made += fmt::format("{},", i);
  return made.substr(0, size);
}

struct Part {
  std::size_t offset;
  std::size_t size;
  bool more;
  std::uint32_t id = 7;
};

// A part of `upper` as a packet of its own.
Packet fragment(const Packet& upper, const Part& part, bool v6, std::string_view source = {}) {
  Packet data(upper.begin() + static_cast<std::ptrdiff_t>(part.offset),
              upper.begin() + static_cast<std::ptrdiff_t>(std::min(part.offset + part.size, upper.size())));
  const std::size_t place = part.offset | (part.more ? 1U : 0U);
  if (!v6) {
    Packet packet = source.empty() ? ipv4(kUdp, data) : ipv4(kUdp, data, source);
    set16(packet, 4, part.id);
    set16(packet, 6, part.offset / 8 | (part.more ? 0x2000U : 0U));
    return packet;
  }
  Packet header;
  put8(header, kUdp);
  put8(header, 0);
  put16(header, place);
  put16(header, part.id >> 16U);
  put16(header, part.id);
  append(header, data);
  return ipv6(44, header, source.empty() ? kSource6 : source);
}

// The payload of what came out; "-" when nothing did.
std::string payload(const std::optional<std::span<const std::byte>>& whole) {
  if (!whole) return "-";
  const auto datagram = decode(*whole);
  return datagram ? std::string(datagram->payload) : "undecodable";
}

// Feeds the parts of an UDP datagram of `size` bytes in this order; what the last one gave.
std::string feed(Defragmenter& fragments, std::size_t size, const std::vector<Part>& parts, bool v6) {
  const Packet upper = udp(text(size));
  std::string last;
  for (const Part& part : parts) {
    const Packet packet = fragment(upper, part, v6);
    last = payload(fragments.put(packet, at(0)));
  }
  return last;
}

constexpr std::size_t kSize = 1000;  // 1008 with the UDP header

}  // namespace

TEST_CASE("what is no fragment comes back as it is") {
  Defragmenter fragments;
  for (const Packet& packet : {udp_packet("x"), udp_packet("x", kSource6), tcp_packet("x"), Packet(),
                               Packet(3), Packet(60, std::byte{0x60}), Packet(19, std::byte{0x45})}) {
    const auto whole = fragments.put(packet, at(0));
    REQUIRE(whole.has_value());
    CHECK(whole->data() == packet.data());
    CHECK(whole->size() == packet.size());
  }
  CHECK(fragments.waiting() == 0);
}

TEST_CASE("parts in any order become the packet that they were") {
  const std::vector<std::vector<Part>> orders{
      {{0, 504, true}, {504, 504, false}},
      {{504, 504, false}, {0, 504, true}},
      {{0, 8, true}, {16, 992, false}, {8, 8, true}},
      {{1000, 8, false}, {0, 400, true}, {800, 200, true}, {400, 400, true}},
      {{400, 400, true}, {800, 208, false}, {0, 400, true}},
  };
  for (const bool v6 : {false, true}) {
    for (const auto& parts : orders) {
      INFO((v6 ? "IPv6, " : "IPv4, ") << parts.front().offset << " first, " << parts.size() << " parts");
      Defragmenter fragments;
      CHECK(feed(fragments, kSize, parts, v6) == text(kSize));
      CHECK(fragments.counters().completed == 1);
      CHECK(fragments.counters().joined == parts.size() - 1);
      CHECK(fragments.waiting() == 0);
    }
  }
}

TEST_CASE("a packet in 126 parts of eight bytes, backwards") {
  for (const bool v6 : {false, true}) {
    std::vector<Part> parts;
    for (std::size_t offset = 1008; offset > 0; offset -= 8) parts.push_back({offset - 8, 8, offset != 1008});
    Defragmenter fragments;
    CHECK(feed(fragments, kSize, parts, v6) == text(kSize));
  }
}

TEST_CASE("one missing part: nothing comes out") {
  for (const bool v6 : {false, true}) {
    Defragmenter fragments;
    CHECK(feed(fragments, kSize, {{0, 400, true}, {800, 208, false}}, v6) == "-");
    CHECK(feed(fragments, kSize, {{400, 392, true}}, v6) == "-");
    CHECK(fragments.waiting() == 1);
    CHECK(feed(fragments, kSize, {{792, 8, true}}, v6) == text(kSize));
  }
}

TEST_CASE("packets are told apart by addresses and identification; IPv4 ones also by protocol") {
  for (const bool v6 : {false, true}) {
    Defragmenter fragments;
    const Packet upper = udp(text(kSize));
    const std::string_view other = v6 ? "2001:db8::8" : "198.51.100.8";
    CHECK(payload(fragments.put(fragment(upper, {0, 504, true}, v6), at(0))) == "-");
    CHECK(payload(fragments.put(fragment(upper, {504, 504, false, 8}, v6), at(0))) == "-");
    CHECK(payload(fragments.put(fragment(upper, {504, 504, false}, v6, other), at(0))) == "-");
    if (!v6) {
      Packet tcp_part = fragment(upper, {504, 504, false}, v6);
      set8(tcp_part, 9, kTcp);
      CHECK(payload(fragments.put(tcp_part, at(0))) == "-");
    }
    CHECK(payload(fragments.put(fragment(upper, {504, 504, false}, v6), at(0))) == text(kSize));
  }
}

TEST_CASE("the headers are those of the first fragment; its options and extensions too") {
  const Packet upper = udp(text(100));
  Defragmenter fragments;
  Packet first = fragment(upper, {0, 56, true}, false);
  first.insert(first.begin() + 20, 4, std::byte{1});  // four no-operation options
  set8(first, 0, 0x46);
  set16(first, 2, first.size());
  CHECK(payload(fragments.put(fragment(upper, {56, 100, false}, false), at(0))) == "-");
  const auto whole = fragments.put(first, at(0));
  CHECK(payload(whole) == text(100));
  CHECK(whole->size() == 24 + upper.size());

  // IPv6: hop-by-hop options before the fragment header stay, the fragment header goes.
  for (const bool last : {false, true}) {
    Packet part = fragment(upper, {last ? 56U : 0U, last ? 100U : 56U, !last}, true);
    Packet options;
    put8(options, 44);
    options.resize(8);
    part.insert(part.begin() + 40, options.begin(), options.end());
    set8(part, 6, 0);
    set16(part, 4, part.size() - 40);
    const auto done = fragments.put(part, at(0));
    CHECK(payload(done) == (last ? text(100) : "-"));
    if (last) CHECK(done->size() == 48 + upper.size());
  }
}

TEST_CASE("padding behind a fragment is no part of it") {
  for (const bool v6 : {false, true}) {
    Defragmenter fragments;
    const Packet upper = udp(text(20));
    Packet first = fragment(upper, {0, 8, true}, v6);
    first.resize(first.size() + 18, std::byte{0xee});
    CHECK(payload(fragments.put(first, at(0))) == "-");
    CHECK(payload(fragments.put(fragment(upper, {8, 100, false}, v6), at(0))) == text(20));
  }
}

TEST_CASE("a duplicate is left out, an overlap gives the packet up") {
  for (const bool v6 : {false, true}) {
    INFO((v6 ? "IPv6" : "IPv4"));
    Defragmenter same;
    CHECK(feed(same, kSize, {{0, 504, true}, {0, 504, true}, {8, 16, true}, {504, 504, false}}, v6) ==
          text(kSize));
    CHECK(same.counters().duplicates == 2);

    Defragmenter behind;
    CHECK(feed(behind, kSize, {{0, 504, true}, {496, 512, false}}, v6) == "-");
    CHECK(behind.counters().overlapping == 1);
    CHECK(behind.waiting() == 0);
    CHECK(feed(behind, kSize, {{504, 504, false}}, v6) == "-");  // its beginning is gone

    Defragmenter before;
    CHECK(feed(before, kSize, {{504, 504, false}, {0, 512, true}}, v6) == "-");
    CHECK(before.counters().overlapping == 1);

    Defragmenter around;
    CHECK(feed(around, kSize, {{400, 8, true}, {392, 24, true}}, v6) == "-");
    CHECK(around.counters().overlapping == 1);
  }
}

TEST_CASE("parts that disagree about the end") {
  // IPv4: the packet is given up; IPv6: the part is left out, as Linux does.
  Defragmenter v4;
  CHECK(feed(v4, kSize, {{504, 8, false}, {512, 8, true}}, false) == "-");
  CHECK(v4.counters().contradicting == 1);
  CHECK(v4.waiting() == 0);
  CHECK(feed(v4, kSize, {{504, 504, true}, {8, 8, false}}, false) == "-");
  CHECK(v4.counters().contradicting == 2);

  Defragmenter v6;
  CHECK(feed(v6, kSize, {{504, 504, false}, {800, 8, false}, {0, 504, true}}, true) == text(kSize));
  CHECK(v6.counters().broken == 1);
  CHECK(v6.counters().contradicting == 0);
}

TEST_CASE("a length that is no multiple of eight, before the last part") {
  // Linux takes the odd bytes off an IPv4 part, and gives the IPv6 packet up.
  Defragmenter v4;
  CHECK(feed(v4, kSize, {{0, 509, true}, {504, 504, false}}, false) == text(kSize));
  Defragmenter v6;
  CHECK(feed(v6, kSize, {{0, 509, true}}, true) == "-");
  CHECK(v6.counters().contradicting == 1);
  CHECK(v6.waiting() == 0);
}

TEST_CASE("parts that cannot be are left out") {
  for (const bool v6 : {false, true}) {
    INFO((v6 ? "IPv6" : "IPv4"));
    Defragmenter fragments;
    const Packet upper = udp(text(kSize));
    Packet cut = fragment(upper, {0, 504, true}, v6);
    cut.pop_back();
    CHECK_FALSE(fragments.put(cut, at(0)).has_value());
    CHECK_FALSE(fragments.put(fragment(upper, {504, 0, true}, v6), at(0)).has_value());
    CHECK(fragments.counters().broken == 2);
    CHECK(fragments.waiting() == 0);
  }
}

TEST_CASE("65,535 bytes are a packet, one more are none") {
  for (const bool v6 : {false, true}) {
    const std::size_t header = v6 ? 0 : 20;  // IPv6 does not count its own
    for (const std::size_t over : {0U, 1U}) {
      INFO((v6 ? "IPv6 " : "IPv4 ") << over);
      Defragmenter fragments;
      const std::size_t size = 65535 - header + over;
      Packet upper = udp(text(100));
      upper.resize(size);
      set16(upper, 4, 108);
      std::optional<std::span<const std::byte>> whole;
      for (std::size_t offset = 0; offset < size; offset += 1400) {
        const Part part{offset, std::min<std::size_t>(1400, size - offset), offset + 1400 < size};
        whole = fragments.put(fragment(upper, part, v6), at(0));
      }
      CHECK(whole.has_value() == (over == 0));
      CHECK(payload(whole) == (over == 0 ? text(100) : "-"));
    }
  }
}

TEST_CASE("parts are waited for 30 seconds in IPv4 and 60 in IPv6") {
  for (const bool v6 : {false, true}) {
    const std::int64_t limit_ms = v6 ? 60'000 : 30'000;
    const Packet upper = udp(text(kSize));
    const Packet first = fragment(upper, {0, 504, true}, v6);
    const Packet second = fragment(upper, {504, 504, false}, v6);
    for (const bool late : {false, true}) {
      Defragmenter fragments;
      CHECK(payload(fragments.put(first, at(0))) == "-");
      CHECK(payload(fragments.put(second, at(limit_ms - (late ? 0 : 1)))) == (late ? "-" : text(kSize)));
      CHECK(fragments.counters().timed_out == (late ? 1 : 0));
    }
  }
}

TEST_CASE("an older IPv6 packet does not keep an IPv4 one from timing out") {
  Defragmenter fragments;
  const Packet upper = udp(text(kSize));
  CHECK_FALSE(fragments.put(fragment(upper, {0, 504, true}, true), at(0)));
  CHECK_FALSE(fragments.put(fragment(upper, {0, 504, true}, false), at(10)));
  CHECK(fragments.put(udp_packet("x"), at(30'010)));
  CHECK(fragments.counters().timed_out == 1);
  CHECK(fragments.waiting() == 1);
}

TEST_CASE("when there is no more room the oldest gives way, by number and by bytes") {
  const Packet upper = udp(text(kSize));
  Defragmenter few(2, 1U << 20U);
  for (const std::uint32_t id : {1U, 2U, 3U})
    CHECK_FALSE(few.put(fragment(upper, {0, 504, true, id}, false), at(0)));
  CHECK(few.waiting() == 2);
  CHECK(few.counters().evicted == 1);
  CHECK(payload(few.put(fragment(upper, {504, 504, false, 2}, false), at(0))) == text(kSize));

  Defragmenter small(100, 1008);
  for (const std::uint32_t id : {1U, 2U})
    CHECK_FALSE(small.put(fragment(upper, {0, 504, true, id}, false), at(0)));
  CHECK(small.waiting() == 2);
  CHECK_FALSE(small.put(fragment(upper, {0, 8, true, 3}, false), at(0)));
  CHECK(small.waiting() == 2);
  CHECK(small.counters().evicted == 1);
}

TEST_CASE("an atomic fragment is a whole packet") {
  Defragmenter fragments;
  const Packet packet = fragment(udp("hello"), {0, 100, false}, true);
  CHECK(payload(fragments.put(packet, at(0))) == "hello");
  CHECK(fragments.counters().completed == 0);
}

TEST_CASE("every header that is cut, and every extension that points beyond the end") {
  Defragmenter fragments;
  const Packet whole = fragment(udp(text(64)), {0, 32, true}, true);
  for (std::size_t size = 0; size < whole.size(); ++size) {
    const Packet cut(whole.begin(), whole.begin() + static_cast<std::ptrdiff_t>(size));
    (void)fragments.put(cut, at(0));
  }
  Packet far = whole;
  set8(far, 6, 60);
  set8(far, 41, 255);
  CHECK(fragments.put(far, at(0)).has_value());
  CHECK(fragments.waiting() == 0);
}
