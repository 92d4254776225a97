#include "packet/link.h"

#include "packets.h"
#include "support/catch.h"

using namespace sipward;
using namespace sipward::packet;
using namespace sipward::test;

namespace {

constexpr int kEthernet = 1;
constexpr int kCooked = 113;
constexpr int kCooked2 = 276;

Packet bytes(std::initializer_list<unsigned> values) {
  Packet packet;
  for (const unsigned value : values) put8(packet, value);
  return packet;
}

Packet join(std::initializer_list<Packet> parts) {
  Packet packet;
  for (const Packet& part : parts) append(packet, part);
  return packet;
}

Packet ethernet(std::initializer_list<unsigned> types, const Packet& inside) {
  return join({Packet(12, std::byte{0xaa}), bytes(types), inside});
}

const Packet kV4 = udp_packet("hello");
const Packet kV6 = udp_packet("hello", "2001:db8::7");

Packet found(int link_type, const Packet& frame) {
  const auto link = read_link(link_type, frame);
  return link ? Packet(link->ip.begin(), link->ip.end()) : Packet();
}

struct Case {
  const char* what;
  int link_type;
  Packet frame;
  const Packet& ip;
};

std::vector<Case> readable() {
  const Packet padding(10, std::byte{0});
  return {
      {"Ethernet, IPv4", kEthernet, ethernet({0x08, 0x00}, kV4), kV4},
      {"Ethernet, IPv6", kEthernet, ethernet({0x86, 0xdd}, kV6), kV6},
      {"an 802.1Q tag", kEthernet, ethernet({0x81, 0, 0, 7, 0x08, 0}, kV4), kV4},
      {"an 802.1ad tag and an 802.1Q tag", kEthernet,
       ethernet({0x88, 0xa8, 0, 7, 0x81, 0, 0, 8, 0x86, 0xdd}, kV6), kV6},
      {"the old number of QinQ", kEthernet, ethernet({0x91, 0, 0, 7, 0x08, 0}, kV4), kV4},
      {"eight tags", kEthernet,
       join({Packet(12),
             [] {
               Packet tags;
               for (int i = 0; i < 8; ++i) append(tags, bytes({0x81, 0, 0, 1}));
               return tags;
             }(),
             bytes({0x08, 0}), kV4}),
       kV4},
      {"PPPoE", kEthernet, ethernet({0x88, 0x64, 0x11, 0, 0, 1, 0, 40, 0x00, 0x21}, kV4), kV4},
      {"PPPoE with IPv6 behind a tag", kEthernet,
       ethernet({0x81, 0, 0, 7, 0x88, 0x64, 0x11, 0, 0, 1, 0, 40, 0x00, 0x57}, kV6), kV6},
      {"MPLS, two labels", kEthernet, ethernet({0x88, 0x47, 0, 0, 0x10, 64, 0, 0, 0x21, 64}, kV4), kV4},
      {"SNAP", kEthernet, ethernet({0, 60, 0xaa, 0xaa, 3, 0, 0, 0, 0x08, 0}, kV4), kV4},
      {"SNAP behind a tag", kEthernet,
       ethernet({0x81, 0, 0, 7, 0, 60, 0xaa, 0xaa, 3, 0, 0, 0, 0x86, 0xdd}, kV6), kV6},
      {"LINUX_SLL", kCooked, join({Packet(14), bytes({0x08, 0}), kV4}), kV4},
      {"LINUX_SLL with a tag", kCooked, join({Packet(14), bytes({0x81, 0, 0, 7, 0x08, 0}), kV4}), kV4},
      {"LINUX_SLL2", kCooked2, join({bytes({0x86, 0xdd}), Packet(18), kV6}), kV6},
      {"RAW as libpcap numbers it here", 12, kV4, kV4},
      {"RAW of OpenBSD", 14, kV6, kV6},
      {"RAW as files number it", 101, kV6, kV6},
      {"IPV4", 228, kV4, kV4},
      {"IPV6", 229, kV6, kV6},
      {"NULL, little endian", 0, join({bytes({2, 0, 0, 0}), kV4}), kV4},
      {"NULL of macOS, big endian", 0, join({bytes({0, 0, 0, 30}), kV6}), kV6},
      {"LOOP", 108, join({bytes({0, 0, 0, 24}), kV6}), kV6},
      {"PPP without framing", 9, join({bytes({0x00, 0x21}), kV4}), kV4},
      {"PPP with framing", 9, join({bytes({0xff, 0x03, 0x00, 0x57}), kV6}), kV6},
      {"PPP with a compressed protocol", 9, join({bytes({0x21}), kV4}), kV4},
      {"PPP_SERIAL", 50, join({bytes({0xff, 0x03, 0x00, 0x21}), kV4}), kV4},
      {"PPP_SERIAL that is Cisco's", 50, join({bytes({0x0f, 0, 0x08, 0}), kV4}), kV4},
      {"PPP_ETHER", 51, join({bytes({0x11, 0, 0, 1, 0, 40, 0x00, 0x21}), kV4}), kV4},
      {"C_HDLC", 104, join({bytes({0x8f, 0, 0x86, 0xdd}), kV6}), kV6},
  };
}

}  // namespace

TEST_CASE("the IP packet is found in every link layer that is read") {
  for (const Case& c : readable()) {
    INFO(c.what);
    CHECK(found(c.link_type, c.frame) == c.ip);
  }
}

TEST_CASE("a frame that is cut anywhere is never read beyond its end") {
  for (const Case& c : readable()) {
    INFO(c.what);
    const std::size_t header = c.frame.size() - c.ip.size();
    for (std::size_t size = 0; size < c.frame.size(); ++size) {
      // A heap block of its own, so that a sanitizer sees a byte too many.
      const Packet cut(c.frame.begin(), c.frame.begin() + static_cast<std::ptrdiff_t>(size));
      const auto link = read_link(c.link_type, cut);
      CHECK(link.has_value() == (size > header));
      if (!link && size > 0) CHECK(link.error() != LinkFault::unknown_link);
    }
  }
}

TEST_CASE("padding behind the packet stays; it is the packet's length that tells its end") {
  Packet frame = ethernet({0x08, 0x00}, kV4);
  frame.resize(frame.size() + 6);
  CHECK(read_link(kEthernet, frame)->ip.size() == kV4.size() + 6);
}

TEST_CASE("what is not IP is told from what is unknown and what is cut") {
  Packet nine_tags(12);
  for (int i = 0; i < 9; ++i) append(nine_tags, bytes({0x81, 0, 0, 1}));
  append(nine_tags, bytes({0x08, 0}));
  append(nine_tags, kV4);
  struct Fault {
    const char* what;
    int link_type;
    Packet frame;
    LinkFault fault;
  };
  const std::vector<Fault> cases{
      {"ARP", kEthernet, ethernet({0x08, 0x06}, Packet(28)), LinkFault::not_ip},
      {"nine tags", kEthernet, nine_tags, LinkFault::not_ip},
      {"PPPoE discovery", kEthernet, ethernet({0x88, 0x64, 0x11, 9, 0, 1, 0, 40, 0, 0x21}, kV4),
       LinkFault::not_ip},
      {"PPP that carries LCP", 9, bytes({0xff, 0x03, 0xc0, 0x21, 1, 1, 0, 4}), LinkFault::not_ip},
      {"802.3 without SNAP", kEthernet, ethernet({0, 60, 0x42, 0x42, 3, 0, 0, 0, 0x08, 0}, kV4),
       LinkFault::not_ip},
      {"an Ethernet type of IP before something else", kEthernet, ethernet({0x08, 0x00}, bytes({0x10, 0, 0})),
       LinkFault::not_ip},
      {"MPLS without an end", kEthernet, ethernet({0x88, 0x47}, Packet(80)), LinkFault::not_ip},
      {"a frame of the length that a type begins at", kEthernet, ethernet({0x05, 0xdd}, kV4),
       LinkFault::not_ip},
      {"IEEE 802.11", 105, kV4, LinkFault::unknown_link},
      {"a number that nobody gave", 100000, kV4, LinkFault::unknown_link},
      {"nothing", kEthernet, {}, LinkFault::cut_short},
  };
  for (const Fault& c : cases) {
    INFO(c.what);
    const auto link = read_link(c.link_type, c.frame);
    REQUIRE_FALSE(link.has_value());
    CHECK(link.error() == c.fault);
  }
}

TEST_CASE("cooked captures tell the direction and the loopback interface") {
  struct Told {
    unsigned packet_type;
    unsigned hardware;
    Direction direction;
    bool loopback;
  };
  for (const Told& c : {Told{0, 1, Direction::incoming, false}, Told{1, 1, Direction::incoming, false},
                        Told{3, 1, Direction::other_host, false}, Told{4, 1, Direction::outgoing, false},
                        Told{0, 772, Direction::incoming, true}}) {
    INFO(c.packet_type << " " << c.hardware);
    const Packet cooked =
        join({bytes({0, c.packet_type, c.hardware >> 8U, c.hardware}), Packet(10), bytes({8, 0}), kV4});
    const Packet cooked2 = join(
        {bytes({8, 0}), Packet(6), bytes({c.hardware >> 8U, c.hardware, c.packet_type}), Packet(9), kV4});
    for (const auto& link : {read_link(kCooked, cooked), read_link(kCooked2, cooked2)}) {
      REQUIRE(link.has_value());
      CHECK(link->direction == c.direction);
      CHECK(link->loopback == c.loopback);
    }
  }
  CHECK(read_link(kEthernet, ethernet({0x08, 0x00}, kV4))->direction == Direction::unknown);
}

TEST_CASE("NFLOG: the payload is found among the attributes") {
  const auto attribute = [](std::uint16_t type, const Packet& value) {
    const std::array<std::uint16_t, 2> head{static_cast<std::uint16_t>(4 + value.size()), type};
    Packet packet;
    append(packet, std::as_bytes(std::span(head)));  // in this machine's order, as libpcap gives them
    append(packet, value);
    packet.resize((packet.size() + 3) / 4 * 4);
    return packet;
  };
  const Packet header = bytes({2, 0, 0, 5});
  const Packet prefix = attribute(10, bytes({'x', 0, 0}));
  CHECK(found(239, join({header, prefix, attribute(9, kV4)})) == kV4);
  CHECK(found(239, join({header, attribute(9, kV6), prefix})) == kV6);
  CHECK(read_link(239, join({header, prefix})).error() == LinkFault::cut_short);
  CHECK(read_link(239, join({header, bytes({0, 0, 0, 0})})).error() == LinkFault::cut_short);
  CHECK(read_link(239, join({header, bytes({200, 0, 9, 0})})).error() == LinkFault::cut_short);
}

TEST_CASE("whether a packet is whole") {
  for (const Packet& whole : {kV4, kV6}) {
    CHECK(is_whole(whole));
    CHECK_FALSE(is_whole(std::span(whole).first(whole.size() - 1)));
    CHECK_FALSE(is_whole(std::span(whole).first(19)));
    Packet padded = whole;
    padded.resize(padded.size() + 1);
    CHECK(is_whole(padded));
  }
  CHECK_FALSE(is_whole({}));
}
