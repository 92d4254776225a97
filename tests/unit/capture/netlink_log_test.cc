#include "capture/netlink_log.h"

#include <arpa/inet.h>
#include <linux/capability.h>
#include <netinet/in.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "packet/decode.h"
#include "support/net_namespace.h"

using namespace sipward;
using namespace sipward::capture;

namespace {

constexpr std::uint16_t kGroup = 5060;
constexpr std::size_t kHeaders4 = 20 + 8;

std::string state_of(const Result<std::unique_ptr<NetlinkLog>>& log) {
  return log ? "open" : log.error().text;
}

std::unique_ptr<NetlinkLog> open_log(const LogOptions& options = {.group = kGroup}) {
  auto log = NetlinkLog::open(options);
  INFO(state_of(log));
  REQUIRE(log);
  return std::move(*log);
}

void send_udp(const std::string& payload) {
  const Fd fd(::socket(AF_INET, SOCK_DGRAM, 0));
  sockaddr_in to{};
  to.sin_family = AF_INET;
  to.sin_port = htons(5060);
  to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  REQUIRE(::sendto(fd.get(), payload.data(), payload.size(), 0, reinterpret_cast<sockaddr*>(&to),
                   sizeof to) == static_cast<ssize_t>(payload.size()));
}

void send_udp6(const std::string& payload) {
  const Fd fd(::socket(AF_INET6, SOCK_DGRAM, 0));
  sockaddr_in6 to{};
  to.sin6_family = AF_INET6;
  to.sin6_port = htons(5060);
  to.sin6_addr = in6addr_loopback;
  REQUIRE(::sendto(fd.get(), payload.data(), payload.size(), 0, reinterpret_cast<sockaddr*>(&to),
                   sizeof to) == static_cast<ssize_t>(payload.size()));
}

// A rule that copies what this namespace sends to port 5060. Loopback needs no waiting: when a send returns,
// the copy is in the log's buffer.
class LoggedLoopback : public test::NetNamespace {
 public:
  LoggedLoopback() {
    REQUIRE(test::shell("ip link set lo up").ok);
    test::nft("add table inet t");
    test::nft("add chain inet t out { type filter hook output priority 0; }");
    test::nft("add rule inet t out udp dport 5060 log group 5060");
  }
};

// Without a capability while it lives.
class Without {
 public:
  explicit Without(unsigned capability) {
    REQUIRE(::syscall(SYS_capget, &header_, before_) == 0);
    __user_cap_data_struct less[2] = {before_[0], before_[1]};
    less[capability / 32].effective &= ~(1U << capability % 32);
    REQUIRE(::syscall(SYS_capset, &header_, less) == 0);
  }
  Without(const Without&) = delete;
  Without& operator=(const Without&) = delete;
  ~Without() { ::syscall(SYS_capset, &header_, before_); }

 private:
  __user_cap_header_struct header_{_LINUX_CAPABILITY_VERSION_3, 0};
  __user_cap_data_struct before_[2]{};
};

TEST_CASE_METHOD(LoggedLoopback, "a logged packet is received as it left, in IPv4 and IPv6") {
  const auto log = open_log();
  CHECK(log->receive().empty());
  send_udp("SIP/2.0 200 OK");
  send_udp6("SIP/2.0 401 Unauthorized");
  const auto copies = log->receive();
  REQUIRE(copies.size() == 2);
  CHECK_FALSE(copies[0].truncated);
  CHECK_FALSE(copies[1].truncated);
  const auto first = packet::decode(copies[0].bytes);
  const auto second = packet::decode(copies[1].bytes);
  REQUIRE((first && second));
  CHECK(first->payload == "SIP/2.0 200 OK");
  CHECK(first->destination == Address::parse("127.0.0.1"));
  CHECK(second->payload == "SIP/2.0 401 Unauthorized");
  CHECK(second->destination == Address::parse("::1"));
  CHECK(second->destination_port == 5060);
  CHECK(log->receive().empty());
  CHECK(log->take_lost() == 0);
  CHECK(log->take_errors() == 0);
}

TEST_CASE_METHOD(LoggedLoopback, "a copy ends at the copy range and says so") {
  const auto log = open_log({.group = kGroup, .copy_range = 600});
  send_udp(std::string(600 - kHeaders4, 'x'));
  send_udp(std::string(600 - kHeaders4 + 1, 'x'));
  send_udp(std::string(9000, 'x'));
  const auto copies = log->receive();
  REQUIRE(copies.size() == 3);
  CHECK_FALSE(copies[0].truncated);
  CHECK(copies[1].truncated);
  CHECK(copies[2].truncated);
  for (const Copy& copy : copies) CHECK(copy.bytes.size() == 600);
  CHECK(packet::decode(copies[2].bytes, true)->payload == std::string(600 - kHeaders4, 'x'));
}

TEST_CASE_METHOD(LoggedLoopback, "a copy that the rule's own length cut says so, in IPv6 too") {
  test::nft("insert rule inet t out meta nfproto ipv6 udp dport 5060 log group 7 snaplen 100");
  const auto log = open_log({.group = 7});
  send_udp6(std::string(100 - 48, 'x'));
  send_udp6(std::string(100 - 47, 'x'));
  const auto copies = log->receive();
  REQUIRE(copies.size() == 2);
  CHECK_FALSE(copies[0].truncated);
  CHECK(copies[1].truncated);
}

TEST_CASE_METHOD(LoggedLoopback, "a receive brings at most a batch, the next one goes on") {
  const auto log = open_log();
  for (std::size_t i = 0; i < NetlinkLog::kBatch + 1; ++i) send_udp("x");
  CHECK(log->receive().size() == NetlinkLog::kBatch);
  CHECK(log->receive().size() == 1);
}

TEST_CASE_METHOD(LoggedLoopback, "copies that find no room are counted, and no packet waits for the reader") {
  const auto log = open_log({.group = kGroup, .copy_range = 4096, .buffer_bytes = 64 << 10});
  constexpr std::uint64_t kSent = 1000;
  for (std::uint64_t i = 0; i < kSent; ++i) send_udp(std::string(1000, 'x'));
  std::uint64_t received = 0;
  for (std::size_t n = 0; (n = log->receive().size()) > 0;) received += n;
  CHECK(received > 0);
  CHECK(received < kSent);
  send_udp("the next one shows the gap");
  CHECK(log->receive().size() == 1);
  CHECK(log->take_lost() == kSent - received);
  CHECK(log->take_lost() == 0);
  CHECK(log->take_errors() == 0);
}

TEST_CASE_METHOD(LoggedLoopback, "a group has one reader, which the second is told") {
  auto log = open_log();
  const auto second = NetlinkLog::open({.group = kGroup});
  REQUIRE_FALSE(second);
  CHECK(second.error().kind == ErrorKind::busy);
  CHECK_THAT(second.error().text,
             ContainsSubstring("log group 5060 is read by process " + std::to_string(::getpid()) + " ("));
  CHECK(open_log({.group = kGroup + 1}));
  log.reset();
  CHECK(open_log());
}

TEST_CASE_METHOD(LoggedLoopback, "without CAP_NET_ADMIN a log is denied") {
  const Without capability(CAP_NET_ADMIN);
  const auto log = NetlinkLog::open({.group = kGroup});
  REQUIRE_FALSE(log);
  CHECK(log.error().kind == ErrorKind::denied);
  CHECK(log.error().text == "cannot bind log group 5060: Operation not permitted");
}

}  // namespace
