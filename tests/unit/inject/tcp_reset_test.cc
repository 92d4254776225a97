// The bytes of resets, against packets worked out by hand and against the sums that a receiver checks.
#include "inject/tcp_reset.h"

#include <fmt/format.h>

#include <string>

#include "packet/decode.h"
#include "unit/base/nets.h"

namespace sipward::inject {
namespace {

using test::address;

const TcpReset kReset4{.client = {address("198.51.100.7"), 40001},
                       .server = {address("192.0.2.1"), 5060},
                       .server_expects = 0x01020304,
                       .client_expects = 0xfffefdfc};
const TcpReset kReset6{.client = {address("2001:db8::7"), 40001},
                       .server = {address("2001:db8:1::1"), 5060},
                       .server_expects = 0x01020304,
                       .client_expects = 0xfffefdfc};

std::string hex(const ResetPacket& packet) {
  std::string text;
  for (const std::byte b : packet.bytes()) text += fmt::format("{:02x}", std::to_integer<unsigned>(b));
  return text;
}

// RFC 1071, section 1: over intact bytes with their checksum the sum is all ones.
std::uint32_t folded_sum(std::span<const std::byte> bytes, std::uint32_t start = 0) {
  for (std::size_t i = 0; i < bytes.size(); i += 2)
    start += std::to_integer<std::uint32_t>(bytes[i]) * 256 + std::to_integer<std::uint32_t>(bytes[i + 1]);
  while (start > 0xffff) start = start % 65536 + start / 65536;
  return start;
}

// Addresses, protocol, length and the segment itself.
std::uint32_t tcp_sum(const ResetPacket& packet, bool v4) {
  const auto bytes = packet.bytes();
  const auto addresses = v4 ? bytes.subspan(12, 8) : bytes.subspan(8, 32);
  const auto segment = bytes.subspan(v4 ? 20 : 40);
  return folded_sum(segment, folded_sum(addresses) + 6 + static_cast<std::uint32_t>(segment.size()));
}

TEST_CASE("the packets, byte by byte") {
  CHECK(hex(to_server(kReset4)) ==
        "4500002800004000"
        "40064e94"
        "c6336407"
        "c0000201"
        "9c4113c4"
        "01020304"
        "00000000"
        "50040000"
        "0f990000");
  CHECK(hex(to_client(kReset4)) ==
        "4500002800004000"
        "40064e94"
        "c0000201"
        "c6336407"
        "13c49c41"
        "fffefdfc"
        "00000000"
        "50040000"
        "15a30000");
  CHECK(hex(to_server(kReset6)) ==
        "6000000000140640"
        "20010db8000000000000000000000007"
        "20010db8000100000000000000000001"
        "9c4113c4"
        "01020304"
        "00000000"
        "50040000"
        "a05a0000");
  CHECK(hex(to_client(kReset6)) ==
        "6000000000140640"
        "20010db8000100000000000000000001"
        "20010db8000000000000000000000007"
        "13c49c41"
        "fffefdfc"
        "00000000"
        "50040000"
        "a6640000");
}

TEST_CASE("each goes to the side that it is for") {
  for (const TcpReset& reset : {kReset4, kReset6}) {
    CHECK(to_server(reset).destination() == reset.server.address);
    CHECK(to_client(reset).destination() == reset.client.address);
    CHECK(to_server(reset).bytes().size() <= 60);
  }
}

TEST_CASE("it reads as a bare RST at the number that was asked for") {
  for (const TcpReset& reset : {kReset4, kReset6}) {
    const ResetPacket packet = to_client(reset);
    const auto read = packet::decode(packet.bytes());
    REQUIRE(read.has_value());
    CHECK(read->source == reset.server.address);
    CHECK(read->destination == reset.client.address);
    CHECK(read->source_port == reset.server.port);
    CHECK(read->destination_port == reset.client.port);
    CHECK(read->tcp.sequence == reset.client_expects);
    CHECK(read->tcp.rst);
    CHECK_FALSE((read->tcp.ack || read->tcp.syn || read->tcp.fin));
    CHECK(read->payload.empty());
  }
}

TEST_CASE("the checksums hold, whatever carries over in them") {
  for (const std::uint32_t sequence : {0U, 1U, 0xffffU, 0x10000U, 0x7fffffffU, 0xffffffffU, 0xfffe0001U}) {
    for (const std::uint16_t port : {std::uint16_t{1}, std::uint16_t{0x8000}, std::uint16_t{0xffff}}) {
      CAPTURE(sequence, port);
      for (TcpReset reset : {kReset4, kReset6}) {
        const bool v4 = reset.client.address.family() == Family::ipv4;
        reset.client.port = port;
        reset.server_expects = sequence;
        const ResetPacket packet = to_server(reset);
        CHECK(tcp_sum(packet, v4) == 0xffff);
        if (v4) CHECK(folded_sum(packet.bytes().first(20)) == 0xffff);
      }
    }
  }
}

TEST_CASE("addresses of all ones and all zeros sum up too") {
  const TcpReset reset{.client = {address("255.255.255.255"), 65535},
                       .server = {address("0.0.0.0"), 5060},
                       .server_expects = 0xffffffff};
  CHECK(tcp_sum(to_server(reset), true) == 0xffff);
  CHECK(folded_sum(to_server(reset).bytes().first(20)) == 0xffff);
}

}  // namespace
}  // namespace sipward::inject
