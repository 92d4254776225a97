#include "packet/handshakes.h"

#include "support/catch.h"
#include "unit/base/nets.h"

using namespace sipward;
using namespace sipward::packet;
using sipward::test::address;

namespace {

constexpr std::uint32_t kClientStart = 0xfffffffe;  // both wrap soon
constexpr std::uint32_t kServerStart = 0xffffffff;

struct Flags {
  bool syn = false;
  bool ack = false;
  bool fin = false;
};

Datagram segment(bool from_client, Flags flags, std::uint32_t sequence, std::uint32_t acknowledgment,
                 std::string_view payload = {}, std::uint16_t client_port = 5061) {
  Datagram made;
  made.protocol = Protocol::tcp;
  made.source = address(from_client ? "198.51.100.7" : "192.0.2.1");
  made.destination = address(from_client ? "192.0.2.1" : "198.51.100.7");
  made.source_port = from_client ? client_port : 5060;
  made.destination_port = from_client ? 5060 : client_port;
  made.payload = payload;
  made.tcp = {.sequence = sequence,
              .acknowledgment = acknowledgment,
              .syn = flags.syn,
              .ack = flags.ack,
              .fin = flags.fin,
              .rst = false};
  return made;
}

Datagram syn(std::uint32_t sequence = kClientStart) {
  return segment(true, {.syn = true}, sequence, 0);
}
Datagram syn_ack() {
  return segment(false, {.syn = true, .ack = true}, kServerStart, kClientStart + 1);
}
Datagram ack(std::uint32_t acknowledgment) {
  return segment(true, {.ack = true}, kClientStart + 1, acknowledgment);
}

}  // namespace

TEST_CASE("the handshake's last step proves the client, not one before") {
  Handshakes handshakes;
  CHECK_FALSE(handshakes.see(syn()));
  CHECK(handshakes.see(syn_ack()));  // the server has heard the client
  CHECK(handshakes.see(ack(kServerStart + 1)));
  CHECK(handshakes.see(segment(true, {}, kClientStart + 1, 0, "later")));
}

TEST_CASE("an acknowledgment of what the server never said proves nothing") {
  for (const std::uint32_t guess : {kServerStart, kServerStart + 2, kServerStart - 5, 0U, 0x80000000U}) {
    INFO(guess);
    Handshakes handshakes;
    (void)handshakes.see(syn());
    (void)handshakes.see(syn_ack());
    CHECK(handshakes.see(ack(guess)) == (guess == kServerStart + 1));
  }
}

TEST_CASE("a capture of one direction proves nothing") {
  Handshakes handshakes;
  (void)handshakes.see(syn());
  CHECK_FALSE(handshakes.see(ack(kServerStart + 1)));
  CHECK_FALSE(handshakes.see(segment(true, {.ack = true}, kClientStart + 1, kServerStart + 1, "INVITE")));
}

TEST_CASE("a connection older than the capture is proven by data and its acknowledgment") {
  Handshakes handshakes;
  CHECK_FALSE(handshakes.see(segment(true, {.ack = true}, 100, 500, "abc")));
  CHECK_FALSE(handshakes.see(segment(false, {}, 500, 0, "hello")));
  CHECK_FALSE(handshakes.see(segment(true, {.ack = true}, 103, 500)));
  CHECK(handshakes.see(segment(true, {.ack = true}, 103, 503)));
}

TEST_CASE("a new connection between the same ports must prove itself anew") {
  Handshakes handshakes;
  for (const Datagram& step : {syn(), syn_ack(), ack(kServerStart + 1)}) (void)handshakes.see(step);
  CHECK(handshakes.see(syn()));  // the same SYN once more
  CHECK(handshakes.see(syn(4711)));  // a stray one, which nobody answers
  CHECK(handshakes.see(ack(kServerStart + 1)));
  (void)handshakes.see(segment(false, {.syn = true, .ack = true}, 9000, 4712));
  CHECK_FALSE(handshakes.see(segment(true, {.ack = true}, 4712, kServerStart + 1)));
  CHECK(handshakes.see(segment(true, {.ack = true}, 4712, 9001)));
}

TEST_CASE("connections do not prove each other, and the longest silent that is not proven is forgotten") {
  Handshakes handshakes(1);
  for (const Datagram& step : {syn(), syn_ack(), ack(kServerStart + 1)}) (void)handshakes.see(step);
  CHECK_FALSE(handshakes.see(segment(true, {.ack = true}, kClientStart + 1, kServerStart + 1, {}, 5062)));
  CHECK(handshakes.see(ack(kServerStart + 1)));  // was seen later than the server's side, which gave way
  CHECK_FALSE(handshakes.see(segment(true, {.syn = true}, 1, 0, {}, 5063)));
  CHECK_FALSE(handshakes.see(segment(true, {.syn = true}, 1, 0, {}, 5064)));
  CHECK(handshakes.see(ack(kServerStart + 1)));  // whatever the number of SYNs
}
