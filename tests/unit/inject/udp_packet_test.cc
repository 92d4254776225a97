// Datagrams byte by byte, against sums of another making, and put together again from their fragments.
#include "inject/udp_packet.h"

#include <fmt/format.h>

#include <algorithm>
#include <span>
#include <string>

#include "dialogs.h"
#include "packet/decode.h"
#include "packet/defragment.h"

namespace sipward::inject {
namespace {

const Endpoint kFrom4 = test::end("198.51.100.7", 40001);
const Endpoint kTo4 = test::end("192.0.2.1", 5060);
const Endpoint kFrom6 = test::end("2001:db8::7", 40001);
const Endpoint kTo6 = test::end("2001:db8:1::1", 5060);

Packet made(bool v4, std::string_view payload) {
  const auto packet = v4 ? udp_packet(kFrom4, kTo4, payload) : udp_packet(kFrom6, kTo6, payload);
  if (!packet) FAIL(packet.error().text);
  return *packet;
}

std::vector<Packet> cut(const Packet& packet, std::size_t mtu, std::uint32_t id = 7) {
  const auto parts = fragments(packet, mtu, id);
  if (!parts) FAIL(parts.error().text);
  return *parts;
}

std::string hex(std::span<const std::byte> bytes) {
  std::string text;
  for (const std::byte b : bytes) text += fmt::format("{:02x}", std::to_integer<unsigned>(b));
  return text;
}

std::string text(std::size_t size) {
  std::string numbers;
  for (std::size_t i = 0; numbers.size() < size; ++i) numbers += fmt::format("{},", i);
  return numbers.substr(0, size);
}

// RFC 1071, section 1, with one's complement addition word by word; an odd end is padded.
std::uint32_t plain_sum(std::span<const std::byte> bytes, std::uint32_t start) {
  for (std::size_t i = 0; i < bytes.size(); i += 2) {
    const auto low = i + 1 < bytes.size() ? std::to_integer<std::uint32_t>(bytes[i + 1]) : 0U;
    start += std::to_integer<std::uint32_t>(bytes[i]) * 256 + low;
    start = start % 65536 + start / 65536;
  }
  return start;
}

// What a receiver adds up: all ones when the checksum holds.
std::uint32_t udp_sum(const Packet& packet, bool v4) {
  const std::span<const std::byte> bytes(packet);
  const auto datagram = bytes.subspan(v4 ? 20 : 40);
  const auto length = static_cast<std::uint32_t>(datagram.size());
  const std::uint32_t pseudo = plain_sum(v4 ? bytes.subspan(12, 8) : bytes.subspan(8, 32), length + 17);
  return plain_sum(datagram, pseudo % 65536 + pseudo / 65536);
}

std::uint32_t checksum_in(const Packet& packet, bool v4) {
  const std::size_t at = v4 ? 26 : 46;
  return std::to_integer<std::uint32_t>(packet[at]) * 256 + std::to_integer<std::uint32_t>(packet[at + 1]);
}

TEST_CASE("a datagram over IPv4 and IPv6, byte by byte") {
  CHECK(hex(made(true, "BYE")) ==
        "4500001f00000000"
        "40118e92"
        "c6336407"
        "c0000201"
        "9c4113c4000b"
        "dc3c"
        "425945");
  CHECK(hex(made(false, "BYE")) ==
        "60000000000b1140"
        "20010db8000000000000000000000007"
        "20010db8000100000000000000000001"
        "9c4113c4000b"
        "6cfe"
        "425945");
}

TEST_CASE("checksums hold for payloads of even and odd length, none and the longest") {
  for (const bool v4 : {true, false}) {
    for (const std::size_t size :
         {std::size_t{0}, std::size_t{1}, std::size_t{2}, std::size_t{3}, std::size_t{511}, std::size_t{1400},
          v4 ? std::size_t{65507} : std::size_t{65527}}) {
      CAPTURE(v4, size);
      const Packet packet = made(v4, text(size));
      CHECK(udp_sum(packet, v4) == 0xffff);
      if (v4) CHECK(plain_sum(std::span(packet).first(20), 0) == 0xffff);
      const auto read = packet::decode(packet);
      REQUIRE(read.has_value());
      CHECK(read->source_port == 40001);
      CHECK(read->destination_port == 5060);
      CHECK(read->source == (v4 ? kFrom4 : kFrom6).address);
      CHECK(read->destination == (v4 ? kTo4 : kTo6).address);
      CHECK(read->payload == text(size));
    }
  }
  const Packet ones = made(true, std::string(65507, '\xff'));
  CHECK(udp_sum(ones, true) == 0xffff);
}

TEST_CASE("a checksum that comes out as 0 is written as 0xffff, and the one before stays") {
  for (const bool v4 : {true, false}) {
    const std::uint32_t bare = checksum_in(made(v4, std::string_view("\0\0", 2)), v4);
    // The word that takes the rest of the sum away.
    const std::string word{static_cast<char>(bare >> 8U), static_cast<char>(bare & 0xffU)};
    CHECK(checksum_in(made(v4, word), v4) == 0xffff);
    CHECK(udp_sum(made(v4, word), v4) == 0xffff);
    const std::uint32_t less = bare - 1;
    const std::string before{static_cast<char>(less >> 8U), static_cast<char>(less & 0xffU)};
    CHECK(checksum_in(made(v4, before), v4) == 1);
  }
}

TEST_CASE("what UDP does not take, and ends of different families, are refused") {
  CHECK_FALSE(udp_packet(kFrom4, kTo4, text(65508)).has_value());
  CHECK_FALSE(udp_packet(kFrom6, kTo6, text(65528)).has_value());
  CHECK_THAT(udp_packet(kFrom4, kTo4, text(65508)).error().text, ContainsSubstring("65507 bytes, not 65508"));
  const auto mixed = udp_packet(kFrom4, kTo6, "x");
  REQUIRE_FALSE(mixed.has_value());
  CHECK(mixed.error().kind == ErrorKind::invalid);
  CHECK_THAT(mixed.error().text, ContainsSubstring("198.51.100.7 to 2001:db8:1::1"));
}

TEST_CASE("a packet of just the MTU stays whole, one byte more makes two") {
  for (const bool v4 : {true, false}) {
    const std::size_t headers = v4 ? 28 : 48;
    const Packet fits = made(v4, text(1500 - headers));
    REQUIRE(fits.size() == 1500);
    CHECK(cut(fits, 1500) == std::vector<Packet>{fits});
    CHECK(cut(made(v4, text(1500 - headers + 1)), 1500).size() == 2);
  }
}

TEST_CASE("fragments keep the MTU, hold, and give the packet back in any order") {
  for (const bool v4 : {true, false}) {
    const Packet packet = made(v4, text(4000));
    for (const std::size_t mtu :
         {std::size_t{56}, std::size_t{68}, std::size_t{1280}, std::size_t{1499}, std::size_t{1500}}) {
      CAPTURE(v4, mtu);
      std::vector<Packet> parts = cut(packet, mtu);
      packet::Defragmenter forward;
      packet::Defragmenter backward;
      for (std::size_t i = 0; i < parts.size(); ++i) {
        CHECK(parts[i].size() <= mtu);
        if (v4) CHECK(plain_sum(std::span(parts[i]).first(20), 0) == 0xffff);
        const auto whole = forward.put(parts[i], Instant{});
        REQUIRE(whole.has_value() == (i + 1 == parts.size()));
        if (whole) CHECK(packet::decode(*whole)->payload == text(4000));
      }
      std::ranges::reverse(parts);
      for (std::size_t i = 0; i < parts.size(); ++i) {
        const auto whole = backward.put(parts[i], Instant{});
        REQUIRE(whole.has_value() == (i + 1 == parts.size()));
        if (whole) CHECK(udp_sum(Packet(whole->begin(), whole->end()), v4) == 0xffff);
      }
      CHECK(forward.counters().completed == 1);
      CHECK(forward.counters().broken == 0);
    }
  }
}

TEST_CASE("fragments of IPv6, byte by byte") {
  const auto parts = cut(made(false, "0123456789"), 56, 0x01020304);
  REQUIRE(parts.size() == 3);
  CHECK(hex(std::span(parts[0]).first(8)) == "6000000000102c40");
  CHECK(hex(std::span(parts[0]).subspan(40, 8)) == "1100000101020304");
  CHECK(hex(std::span(parts[1]).subspan(40)) == "11000009010203043031323334353637");
  CHECK(hex(std::span(parts[2]).subspan(40)) == "11000010010203043839");
}

TEST_CASE("fragments of IPv4, byte by byte") {
  const auto parts = cut(made(true, "0123456789"), 28, 0x0304);
  REQUIRE(parts.size() == 3);
  CHECK(hex(std::span(parts[0]).first(10)) == "4500001c030520004011");
  CHECK(hex(std::span(parts[1]).first(10)) == "4500001c030520014011");
  CHECK(hex(std::span(parts[2]).first(10)) == "45000016030500024011");
  CHECK(hex(std::span(parts[2]).subspan(20)) == "3839");
}

TEST_CASE("no identification of IPv4 fragments is 0, which the kernel would fill in for each anew") {
  for (const std::uint32_t id : {0U, 1U, 0xfffeU, 0xffffU, 0x10000U, 0xffffffffU}) {
    const auto parts = cut(made(true, text(100)), 68, id);
    CAPTURE(id);
    REQUIRE(parts.size() > 1);
    for (const Packet& part : parts) {
      CHECK(hex(std::span(part).subspan(4, 2)) != "0000");
      CHECK(hex(std::span(part).subspan(4, 2)) == hex(std::span(parts[0]).subspan(4, 2)));
    }
  }
}

TEST_CASE("an MTU that leaves no room for 8 bytes is refused") {
  CHECK(cut(made(true, text(100)), 28).size() == 14);
  CHECK_FALSE(fragments(made(true, text(100)), 27, 1).has_value());
  CHECK(cut(made(false, text(100)), 56).size() == 14);
  const auto none = fragments(made(false, text(100)), 55, 1);
  REQUIRE_FALSE(none.has_value());
  CHECK_THAT(none.error().text, ContainsSubstring("MTU of 55"));
}

}  // namespace
}  // namespace sipward::inject
