#include "packet/decode.h"

#include <functional>
#include <memory>
#include <random>

#include "packets.h"

namespace sipward::packet {
namespace {

using namespace sipward::test;  // NOLINT: the packets made by hand

constexpr std::uint8_t kHopByHop = 0;
constexpr std::uint8_t kRouting = 43;
constexpr std::uint8_t kFragment = 44;
constexpr std::uint8_t kEsp = 50;
constexpr std::uint8_t kAuthentication = 51;
constexpr std::uint8_t kNoNext = 59;
constexpr std::uint8_t kDestination = 60;

// An extension header of `length` bytes (a multiple of 8; the authentication header counts in words of 4).
Packet extension(std::uint8_t next, std::size_t length, bool counts_words = false) {
  Packet header;
  put8(header, next);
  put8(header, counts_words ? length / 4 - 2 : length / 8 - 1);
  header.resize(length);
  return header;
}

Packet fragment_header(std::uint8_t next, std::size_t offset, bool more) {
  Packet header;
  put8(header, next);
  put8(header, 0);
  put16(header, offset << 3U | (more ? 1U : 0U));
  header.resize(8);
  return header;
}

Packet operator+(Packet front, const Packet& back) {
  append(front, back);
  return front;
}

Packet changed(Packet packet, const std::function<void(Packet&)>& change) {
  change(packet);
  return packet;
}

// In memory of exactly its size, so that the address sanitizer sees a byte too many.
std::optional<std::string> payload(const Packet& packet) {
  const auto exact = std::make_unique<std::byte[]>(packet.size());
  std::ranges::copy(packet, exact.get());
  const auto datagram = decode({exact.get(), packet.size()});
  return datagram ? std::optional(std::string(datagram->payload)) : std::nullopt;
}

TEST_CASE("all fields of an IPv4 UDP packet") {
  const Packet packet = ipv4(kUdp, udp("hello", 40000, 5060), "198.51.100.7", "192.0.2.1");
  const auto datagram = decode(packet);
  REQUIRE(datagram.has_value());
  CHECK(datagram->source == address("198.51.100.7"));
  CHECK(datagram->destination == address("192.0.2.1"));
  CHECK(datagram->protocol == Protocol::udp);
  CHECK(datagram->source_port == 40000);
  CHECK(datagram->destination_port == 5060);
  CHECK(datagram->payload == "hello");
  const auto* begin = reinterpret_cast<const char*>(packet.data());
  CHECK(datagram->payload.data() == begin + 28);  // a view, no copy
}

TEST_CASE("all fields of an IPv6 TCP packet") {
  const Packet packet = ipv6(kTcp, tcp("hello", 0, 65535, 1), "2001:db8::7", "::ffff:192.0.2.1");
  const auto datagram = decode(packet);
  REQUIRE(datagram.has_value());
  CHECK(datagram->source == address("2001:db8::7"));
  CHECK(datagram->destination == address("::ffff:192.0.2.1"));
  CHECK(datagram->protocol == Protocol::tcp);
  CHECK(datagram->source_port == 65535);
  CHECK(datagram->destination_port == 1);
  CHECK(datagram->payload == "hello");
}

struct Case {
  const char* description;
  Packet packet;
  std::optional<std::string> payload;
};

void check(const std::vector<Case>& cases) {
  for (const Case& c : cases) {
    INFO(c.description);
    CHECK(payload(c.packet) == c.payload);
  }
}

TEST_CASE("IPv4 headers") {
  const Packet plain = ipv4(kUdp, udp("data"));
  const auto with = [&](std::size_t at, std::size_t value) {
    return changed(plain, [&](Packet& p) { set8(p, at, value); });
  };
  const auto with16 = [&](std::size_t at, std::size_t value) {
    return changed(plain, [&](Packet& p) { set16(p, at, value); });
  };
  check({
      {"plain", plain, "data"},
      {"one word of options", ipv4(kUdp, udp("data"), "1.2.3.4", "5.6.7.8", 1), "data"},
      {"all the options there can be", ipv4(kUdp, udp("data"), "1.2.3.4", "5.6.7.8", 10), "data"},
      {"header length 4 words: too short", with(0, 0x44), std::nullopt},
      {"header length 0", with(0, 0x40), std::nullopt},
      {"header longer than the packet", with(0, 0x4f), std::nullopt},
      {"version 5", with(0, 0x55), std::nullopt},
      {"version 0", with(0, 0x05), std::nullopt},
      {"version 6 in an IPv4 packet", with(0, 0x65), std::nullopt},
      {"total length 0: segmentation offload", with16(2, 0), "data"},
      {"total length one byte too long", with16(2, 33), std::nullopt},
      {"total length shorter than the datagram", with16(2, 31), std::nullopt},
      {"total length shorter than the header", with16(2, 19), std::nullopt},
      {"padding behind the total length", plain + Packet(14, std::byte{'x'}), "data"},
      {"do not fragment", with16(6, 0x4000), "data"},
      {"first fragment", with16(6, 0x2000), "data"},
      {"later fragment", with16(6, 0x2001), std::nullopt},
      {"last fragment", with16(6, 0x1fff), std::nullopt},
      {"ICMP", with(9, 1), std::nullopt},
      {"UDP-Lite", with(9, 136), std::nullopt},
      {"SCTP", with(9, 132), std::nullopt},
  });
}

TEST_CASE("UDP headers") {
  const auto with_length = [](std::size_t length) {
    return ipv4(kUdp, changed(udp("data"), [&](Packet& p) { set16(p, 4, length); }));
  };
  check({
      {"length of all", with_length(12), "data"},
      {"padding behind the datagram's length is cut", with_length(10), "da"},
      {"no payload", ipv4(kUdp, udp("")), ""},
      {"a length of the header alone", with_length(8), ""},
      {"shorter than the header", with_length(7), std::nullopt},
      {"length 0: all that is there", with_length(0), "data"},
      {"length 0 and IPv4 padding", with_length(0) + Packet(6), "data"},
      {"one byte too long", with_length(13), std::nullopt},
      {"longest", with_length(65535), std::nullopt},
      {"7 bytes of header", ipv4(kUdp, Packet(7)), std::nullopt},
      {"IPv6, length 0", ipv6(kUdp, changed(udp("data"), [](Packet& p) { set16(p, 4, 0); })), "data"},
  });
}

TEST_CASE("TCP headers") {
  const auto with_offset = [](std::size_t words) {
    return ipv4(kTcp, changed(tcp("data"), [&](Packet& p) { set8(p, 12, words << 4U); }));
  };
  check({
      {"plain", ipv4(kTcp, tcp("data")), "data"},
      {"one word of options", ipv4(kTcp, tcp("data", 1)), "data"},
      {"all the options there can be", ipv4(kTcp, tcp("data", 10)), "data"},
      {"no payload", ipv4(kTcp, tcp("")), ""},
      {"offset of 4 words: too short", with_offset(4), std::nullopt},
      {"offset 0", with_offset(0), std::nullopt},
      {"offset up to the very end", with_offset(6), ""},
      {"offset behind the end", with_offset(7), std::nullopt},
      {"19 bytes of header", ipv4(kTcp, Packet(19, std::byte{0x50})), std::nullopt},
      {"Ethernet padding is no payload", ipv4(kTcp, tcp("")) + Packet(6), ""},
  });
}

TEST_CASE("IPv6 headers") {
  const Packet plain = ipv6(kUdp, udp("data"));
  const auto with_length = [&](std::size_t length) {
    return changed(plain, [&](Packet& p) { set16(p, 4, length); });
  };
  check({
      {"plain", plain, "data"},
      {"traffic class and flow label",
       changed(plain, [](Packet& p) { set16(p, 0, 0x6fff), set16(p, 2, 0xffff); }), "data"},
      {"payload length 0: jumbo, all that is there", with_length(0), "data"},
      {"one byte too long", with_length(13), std::nullopt},
      {"one byte too short for the datagram", with_length(11), std::nullopt},
      {"padding is cut", plain + Packet(14, std::byte{'x'}), "data"},
      {"ICMPv6", changed(plain, [](Packet& p) { set8(p, 6, 58); }), std::nullopt},
      {"no next header", changed(plain, [](Packet& p) { set8(p, 6, kNoNext); }), std::nullopt},
      {"version 4 in an IPv6 packet", changed(plain, [](Packet& p) { set8(p, 0, 0x45); }), std::nullopt},
      {"the header alone", ipv6(kUdp, {}), std::nullopt},
  });
}

TEST_CASE("IPv6 extension headers") {
  const Packet upper = udp("data");
  const Packet options = extension(kUdp, 8);
  check({
      {"hop by hop", ipv6(kHopByHop, options + upper), "data"},
      {"routing", ipv6(kRouting, extension(kUdp, 24) + upper), "data"},
      {"destination options", ipv6(kDestination, options + upper), "data"},
      {"the longest", ipv6(kDestination, extension(kUdp, 2048) + upper), "data"},
      {"authentication counts in words of 4", ipv6(kAuthentication, extension(kUdp, 24, true) + upper),
       "data"},
      {"authentication of 12 bytes, no multiple of 8",
       ipv6(kAuthentication, extension(kUdp, 12, true) + upper), "data"},
      {"atomic fragment", ipv6(kFragment, fragment_header(kUdp, 0, false) + upper), "data"},
      {"first fragment", ipv6(kFragment, fragment_header(kUdp, 0, true) + upper), "data"},
      {"later fragment", ipv6(kFragment, fragment_header(kUdp, 1, true) + upper), std::nullopt},
      {"last fragment", ipv6(kFragment, fragment_header(kUdp, 0x1fff, false) + upper), std::nullopt},
      {"a chain of all",
       ipv6(kHopByHop, extension(kDestination, 8) + extension(kRouting, 16) + extension(kFragment, 8) +
                           fragment_header(kAuthentication, 0, false) + extension(kDestination, 12, true) +
                           extension(kTcp, 8) + tcp("data", 3)),
       "data"},
      {"encrypted", ipv6(kEsp, options + upper), std::nullopt},
      {"an extension header longer than the packet",
       ipv6(kDestination, changed(options, [](Packet& p) { set8(p, 1, 2); }) + upper), std::nullopt},
      {"an extension header up to the very end", ipv6(kDestination, options), std::nullopt},
      {"a cut extension header", ipv6(kDestination, Packet(7)), std::nullopt},
      {"an extension header without an end", ipv6(kHopByHop, Packet(7 * 8)), std::nullopt},
      {"behind the payload length",
       changed(ipv6(kDestination, options + upper), [](Packet& p) { set16(p, 4, 8); }), std::nullopt},
  });
}

TEST_CASE("the longest chain of extension headers ends") {
  Packet chain;
  for (int i = 0; i < 8000; ++i) append(chain, extension(kDestination, 8));
  CHECK(payload(ipv6(kDestination, chain)) == std::nullopt);
  CHECK(payload(ipv6(kDestination, chain + extension(kUdp, 8) + udp("data"))) == "data");
}

TEST_CASE("packets cut short at every length are not decoded, and nothing behind them is read") {
  const std::vector<Packet> packets{
      ipv4(kUdp, udp("data")),
      ipv4(kTcp, tcp("data", 3), "1.2.3.4", "5.6.7.8", 2),
      ipv6(kUdp, udp("data")),
      ipv6(kHopByHop, extension(kFragment, 8) + fragment_header(kAuthentication, 0, true) +
                          extension(kTcp, 12, true) + tcp("data")),
  };
  for (const Packet& packet : packets) {
    REQUIRE(payload(packet) == "data");
    for (std::size_t length = 0; length < packet.size(); ++length) {
      CAPTURE(length);
      CHECK(payload(Packet(packet.begin(), packet.begin() + static_cast<std::ptrdiff_t>(length))) ==
            std::nullopt);
    }
  }
}

TEST_CASE("lengths of zero do not lead outside of a cut packet") {
  Packet v4 = ipv4(kUdp, changed(udp("data"), [](Packet& p) { set16(p, 4, 0); }));
  set16(v4, 2, 0);
  Packet v6 = ipv6(kUdp, changed(udp("data"), [](Packet& p) { set16(p, 4, 0); }));
  set16(v6, 4, 0);
  for (const Packet& packet : {v4, v6}) {
    const std::size_t headers = packet.size() - 4;
    for (std::size_t length = 0; length <= packet.size(); ++length) {
      const auto read = payload(Packet(packet.begin(), packet.begin() + static_cast<std::ptrdiff_t>(length)));
      CHECK(read == (length < headers ? std::nullopt
                                      : std::optional(std::string("data").substr(0, length - headers))));
    }
  }
}

TEST_CASE("whatever the bytes, a payload lies inside the packet") {
  std::mt19937 random(1);
  const std::vector<Packet> seeds{
      ipv4(kUdp, udp("data"), "1.2.3.4", "5.6.7.8", 2), ipv4(kTcp, tcp("data", 3)),
      ipv6(kHopByHop, extension(kFragment, 8) + fragment_header(kUdp, 0, false) + udp("data"))};
  std::size_t decoded = 0;
  for (int round = 0; round < 50'000; ++round) {
    Packet packet = seeds[random() % seeds.size()];
    for (int i = 0; i < 3; ++i) set8(packet, random() % packet.size(), random());
    if (random() % 4 == 0) packet.resize(random() % packet.size());
    const auto exact = std::make_unique<std::byte[]>(packet.size());
    std::ranges::copy(packet, exact.get());
    const auto datagram = decode({exact.get(), packet.size()});
    if (!datagram) continue;
    ++decoded;
    const auto* begin = reinterpret_cast<const char*>(exact.get());
    REQUIRE(datagram->payload.data() >= begin + 28);
    REQUIRE(datagram->payload.data() + datagram->payload.size() <= begin + packet.size());
  }
  CHECK(decoded > 1000);
}

}  // namespace
}  // namespace sipward::packet
