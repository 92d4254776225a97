// What becomes of real packets: who is dropped where, what is counted, which worker gets what.
#include <map>
#include <set>

#include "capture/netlink_log.h"
#include "capture/netlink_queue.h"
#include "enforce/shield_layout.h"
#include "wire.h"

namespace sipward::enforce {
namespace {

using namespace sipward::test;  // NOLINT: the kernel's side
using std::chrono::hours;
using Counts = std::map<std::string, std::uint64_t>;

struct Versions {
  std::string_view host;
  std::string net;    // sources are net + number
  std::string other;  // of another prefix
};
const Versions kV4{kHost4, "198.18.7.", "198.18.8.1"};
const Versions kV6{kHost6, "2001:db8:0:7::", "2001:db8:0:8::1"};

class Traffic : protected Wire {
 public:
  // A table whose rates let the tests' few packets pass, unless the test is about them.
  ShieldTable& install(const Lists& lists = {}, ShieldTableOptions options = Kernel::options()) {
    table_ = installed(lists, options);
    return *table_;
  }
  ShieldTable& table() { return *table_; }

  // What has been counted since the last call, but for zeros.
  Counts counted() {
    Counts grown;
    for (const auto& [name, value] : done(table_->counters())) {
      if (value.packets > before_[name]) grown[name] = value.packets - before_[name];
      before_[name] = value.packets;
    }
    return grown;
  }

  // Datagrams that reach the softswitch's port of those that `source` sends.
  int send(std::string_view source, std::string_view host, int packets = 1) {
    const Fd server = near_udp(host, 5060);
    const Fd client = far_udp(source, 5060);
    const SocketAddress to(host, 5060);
    int arrived = 0;
    for (int i = 0; i < packets; ++i) {
      REQUIRE(::sendto(client.get(), "x", 1, 0, to.get(), to.size) == 1);
      // Over a veth pair the receiver has it when sendto returns, or never gets it.
      char byte = 0;
      arrived += ::recv(server.get(), &byte, 1, MSG_DONTWAIT) == 1 ? 1 : 0;
    }
    return arrived;
  }

  // Whether a connection from there to port 5060 comes about; it is kept.
  bool connect(std::string_view source, std::string_view host) {
    const auto [it, added] = listeners_.try_emplace(std::string(host));
    if (added) it->second = near_listener(host, 5060);
    Fd client = far_tcp(source, 0);
    const SocketAddress to(host, 5060);
    REQUIRE(::fcntl(client.get(), F_SETFL, O_NONBLOCK) == 0);
    REQUIRE(::connect(client.get(), to.get(), to.size) == -1);
    // The handshake's packets cross the pair while connect() runs, so an answer is there or will not be.
    pollfd waiting{client.get(), POLLOUT, 0};
    const bool made = ::poll(&waiting, 1, 20) == 1 && (waiting.revents & (POLLERR | POLLHUP)) == 0;
    if (made) connections_.push_back(std::move(client));
    return made;
  }
  // By RST: nobody takes the connections of the listener and closes the other half.
  void disconnect() {
    const linger at_once{1, 0};
    for (const Fd& fd : connections_)
      REQUIRE(::setsockopt(fd.get(), SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once) == 0);
    connections_.clear();
  }

 private:
  std::unique_ptr<ShieldTable> table_;
  std::map<std::string, std::uint64_t> before_;
  std::map<std::string, Fd> listeners_;
  std::vector<Fd> connections_;
};

TEST_CASE_METHOD(Traffic, "a banned prefix is dropped, but for whom an operator or the softswitch vouches") {
  const Versions& v = GENERATE(kV4, kV6);
  INFO(v.host);
  const Prefix prefix(address(v.net + "1"), v.host == kHost4 ? 24 : 64);
  install({.trusted = {entry(v.net + "2")},
           .peers = {entry(v.net + "3")},
           .known = {entry(v.net + "4", in(hours(1)))},
           .banned = {}});
  CHECK(send(v.net + "1", v.host) == 1);
  CHECK(counted() == Counts{{"offered", 1}, {"queued", 1}, {"bypassed_queue_full", 1}});
  done(table().ban(Entries{{prefix, in(hours(1))}}, kNow));
  CHECK(send(v.net + "1", v.host) == 0);
  CHECK(counted() == Counts{{"offered", 1}, {"banned", 1}});
  CHECK(done(table().banned(prefix))->packets == 1U);
  CHECK(send(v.other, v.host) == 1);
  CHECK(send(v.net + "2", v.host) == 1);
  CHECK(send(v.net + "3", v.host) == 1);
  CHECK(send(v.net + "4", v.host) == 1);
  CHECK(counted() == Counts{{"offered", 4}, {"trusted", 1}, {"queued", 3}, {"bypassed_queue_full", 3}});
  SECTION("a ban of its own holds for a known source") {
    done(table().ban(Entries{entry(v.net + "4")}, kNow));
    CHECK(send(v.net + "4", v.host) == 0);
  }
  SECTION("an operator's net holds for a known source") {
    done(table().put_banned_nets(Entries{{prefix, std::nullopt}}, kNow));
    CHECK(send(v.net + "4", v.host) == 0);
    CHECK(send(v.net + "3", v.host) == 1);
  }
  SECTION("observe mode") {
    done(table().set_observe(true));
    CHECK(send(v.net + "1", v.host) == 1);
    CHECK(counted() ==
          Counts{{"offered", 1}, {"observed_banned", 1}, {"queued", 1}, {"bypassed_queue_full", 1}});
  }
  SECTION("lifted") {
    done(table().unban(std::span(&prefix, 1)));
    CHECK(send(v.net + "1", v.host) == 1);
  }
}

TEST_CASE_METHOD(Traffic, "a /48 is banned with all its nets") {
  install();
  done(table().ban(Entries{entry("2001:db8:5::/48", in(hours(1)))}, kNow));
  CHECK(send("2001:db8:5::1", kHost6) == 0);
  CHECK(send("2001:db8:5:ffff::1", kHost6) == 0);
  CHECK(send("2001:db8:4:ffff::1", kHost6) == 1);
  CHECK(send("2001:db8:6::1", kHost6) == 1);
}

TEST_CASE_METHOD(Traffic, "a known source has a rate of its own, and no share in that of the strangers") {
  const Versions& v = GENERATE(kV4, kV6);
  INFO(v.host);
  auto options = Kernel::options();
  options.source_rate_per_s = 1;
  options.source_burst = 2;
  options.unknown_rate_per_s = 1;
  options.unknown_burst = 3;
  options.known_rate_per_s = 1;
  options.known_burst = 20;
  install({.trusted = {},
           .peers = {},
           .known = {entry(v.net + "4", in(hours(1))), entry(v.net + "5", in(hours(1)))},
           .banned = {}},
          options);
  CHECK(send(v.net + "1", v.host, 10) == 2);
  CHECK(send(v.other, v.host, 10) <= 2);
  Counts counts = counted();
  CHECK(counts["source_rate"] + counts["unknown_budget"] >= 16);
  CHECK(send(v.net + "4", v.host, 20) == 20);
  CHECK(send(v.net + "4", v.host, 5) == 0);
  CHECK(send(v.net + "5", v.host, 20) == 20);  // a neighbour's burst is its own, in IPv6 too
  CHECK(counted() == Counts{{"offered", 45}, {"known_rate", 5}, {"queued", 40}, {"bypassed_queue_full", 40}});
  SECTION("observe mode drops nothing") {
    done(table().set_observe(true));
    CHECK(send(v.net + "4", v.host, 30) == 30);
    counts = counted();
    CHECK(counts["known_rate"] == 0);
    CHECK(counts["observed_guard"] > 0);
    CHECK(counts["observed_guard"] + counts["bypassed_queue_full"] == 30);
  }
  SECTION("without a daemon there is no rate") {
    done(table().stand_down());
    CHECK(send(v.net + "4", v.host, 30) == 30);
    CHECK(counted() == Counts{{"offered", 30}, {"queued", 30}, {"bypassed_no_daemon", 30}});
  }
  SECTION("forgotten") {
    const std::vector gone{address(v.net + "4")};
    done(table().forget(gone));
    CHECK(send(v.net + "4", v.host, 10) <= 2);
  }
}

TEST_CASE_METHOD(Traffic, "more known sources than the meter has room for pass all the same") {
  auto options = Kernel::options();
  options.known_max = 0;  // room for 1000 all the same
  options.known_rate_per_s = 1;
  options.known_burst = 1;
  Lists lists;
  for (int i = 0; i < 1000; ++i)
    lists.known.push_back(
        entry("198.18." + std::to_string(i / 250) + "." + std::to_string(1 + i % 250), in(hours(1))));
  install(lists, options);
  for (int i = 0; i < 1000; ++i)
    CHECK(send("198.18." + std::to_string(i / 250) + "." + std::to_string(1 + i % 250), kHost4) == 1);
  CHECK_FALSE(counted().contains("known_rate"));
}

TEST_CASE_METHOD(Traffic, "so many connections of one stranger, and so many of one net") {
  const Versions& v = GENERATE(kV4, kV6);
  INFO(v.host);
  auto options = Kernel::options();
  options.tcp_flows_address = 3;
  options.tcp_flows_prefix = 5;
  install({.trusted = {},
           .peers = {entry(v.net + "3")},
           .known = {entry(v.net + "4", in(hours(1)))},
           .banned = {}},
          options);
  for (int i = 0; i < 3; ++i) CHECK(connect(v.net + "1", v.host));
  Counts counts = counted();
  CHECK(counts["flows"] == 0);
  CHECK_FALSE(connect(v.net + "1", v.host));
  counts = counted();
  CHECK(counts["flows"] > 0);
  CHECK(counts["offered"] == counts["flows"] + counts["queued"]);
  for (int i = 0; i < 2; ++i) CHECK(connect(v.net + "2", v.host));
  CHECK_FALSE(connect(v.net + "2", v.host));
  CHECK(connect(v.other, v.host));
  for (int i = 0; i < 8; ++i) CHECK(connect(v.net + "3", v.host));
  for (int i = 0; i < 8; ++i) CHECK(connect(v.net + "4", v.host));
  SECTION("an end makes room") {
    disconnect();
    CHECK(connect(v.net + "1", v.host));
  }
  SECTION("observe mode counts and drops nothing") {
    done(table().set_observe(true));
    (void)counted();
    CHECK(connect(v.net + "1", v.host));
    counts = counted();
    CHECK(counts["observed_flows"] == 1);
    CHECK(counts["flows"] == 0);
    CHECK(counts["offered"] == counts["queued"]);
  }
  SECTION("0 is no limit") {
    options.tcp_flows_address = 0;
    options.tcp_flows_prefix = 0;
    done(table().change(options));
    for (int i = 0; i < 8; ++i) CHECK(connect(v.net + "1", v.host));
  }
}

// Reads what goes to the workers, as they do.
class Workers {
 public:
  explicit Workers(const ShieldTableOptions& options) {
    for (unsigned i = 0; i < options.workers + 2; ++i) {
      const auto number = static_cast<std::uint16_t>(options.first_queue + i);
      queues_.push_back(done(capture::NetlinkQueue::open({.number = number, .pass_mark = kMarkPassed})));
      logs_.push_back(done(capture::NetlinkLog::open({.group = number})));
    }
  }
  // The queue that a packet waits in, which passes.
  int queue_with_packet() {
    for (std::size_t i = 0; i < queues_.size(); ++i) {
      const bool came = !queues_[i]->receive().empty();
      queues_[i]->flush();
      if (came) return static_cast<int>(i);
    }
    return -1;
  }
  // The group that has a copy, and its bytes.
  int group_with_copy(std::string& bytes) {
    for (std::size_t i = 0; i < logs_.size(); ++i)
      for (const capture::Copy& copy : logs_[i]->receive()) {
        bytes.assign(reinterpret_cast<const char*>(copy.bytes.data()), copy.bytes.size());
        return static_cast<int>(i);
      }
    return -1;
  }

 private:
  std::vector<std::unique_ptr<capture::NetlinkQueue>> queues_;
  std::vector<std::unique_ptr<capture::NetlinkLog>> logs_;
};

class Answers : protected Traffic {
 public:
  // Sends `words` from the softswitch's port: to which group a copy goes, -1: to none.
  int answer(Workers& workers, std::string_view host, std::string_view client, std::string_view words) {
    const Fd server = near_udp(host, 5060);
    const SocketAddress to(client, 5060);
    REQUIRE(::sendto(server.get(), words.data(), words.size(), 0, to.get(), to.size) ==
            static_cast<ssize_t>(words.size()));
    return workers.group_with_copy(copy_);
  }
  [[nodiscard]] const std::string& copy() const { return copy_; }

 private:
  std::string copy_;
};

TEST_CASE_METHOD(Answers, "an answer is copied to the worker that reads what it answers") {
  auto options = Kernel::options();
  options.workers = 4;
  install({.trusted = {entry("198.18.1.2")},
           .peers = {entry("198.18.1.3"), entry("2001:db8::/48")},
           .known = {entry("198.18.1.4", in(hours(1))), entry("2001:db8:0:9::4", in(hours(1)))},
           .banned = {}},
          options);
  Workers workers(options);
  std::set<int> used;
  for (int i = 0; i < 40; ++i) {
    const bool v4 = i % 2 == 0;
    const std::string_view host = v4 ? kHost4 : kHost6;
    const std::string client =
        v4 ? "198.18." + std::to_string(i) + ".77" : "2001:db8:1:" + std::to_string(i) + "::77";
    (void)send(client, host);
    const int queue = workers.queue_with_packet();
    REQUIRE(queue >= 0);
    CHECK(queue < 4);
    CHECK(answer(workers, host, client, "SIP/2.0 200 OK\r\n") == queue);
    CHECK(copy().ends_with("SIP/2.0 200 OK\r\n"));
    used.insert(queue);
  }
  CHECK(used.size() > 1);
  CHECK(counted()["answers_copied"] == 40);
  (void)send("198.18.1.4", kHost4);
  CHECK(workers.queue_with_packet() == 4);
  (void)send("198.18.1.3", kHost4);
  CHECK(workers.queue_with_packet() == 5);
  CHECK(answer(workers, kHost4, "198.18.1.4", "SIP/2.0 200 OK\r\n") == 4);
  CHECK(counted()["answers_copied"] == 1);
  for (const char* listed : {"198.18.1.2", "198.18.1.3"})
    CHECK(answer(workers, kHost4, listed, "SIP/2.0 200 OK\r\n") == -1);
  CHECK(counted()["answers_copied"] == 0);
}

TEST_CASE_METHOD(Answers, "answers and BYE are copied, whatever else leaves the port is not") {
  install();
  Workers workers(Kernel::options());
  for (const char* words : {"SIP/2.0 100 Trying\r\n", "BYE sip:a@b SIP/2.0\r\n"})
    CHECK(answer(workers, kHost4, "198.18.1.1", words) >= 0);
  for (const char* words : {"INVITE sip:a@b SIP/2.0\r\n", "\r\n\r\n", "SIP", "BYESIP", "sip/2.0 200 OK"})
    CHECK(answer(workers, kHost4, "198.18.1.1", words) == -1);
  const std::string longer = "SIP/2.0 200 OK\r\n" + std::string(6000, 'x');
  CHECK(answer(workers, kHost4, "198.18.1.1", longer) >= 0);
  CHECK(copy().size() == 4096);
  const Fd elsewhere = near_udp(kHost4, 5099);
  const SocketAddress to("198.18.1.1", 5060);
  REQUIRE(::sendto(elsewhere.get(), "SIP/2.0 ", 8, 0, to.get(), to.size) == 8);
  CHECK(counted()["answers_copied"] == 3);
  SECTION("what leaves addresses that are not shielded") {
    auto options = Kernel::options();
    options.protected_nets = {net("203.0.113.0/24")};
    done(table().change(options));
    CHECK(answer(workers, kHost4, "198.18.1.1", "SIP/2.0 200 OK\r\n") == -1);
    options.protected_nets = {net("192.0.2.0/24")};
    done(table().change(options));
    CHECK(answer(workers, kHost4, "198.18.1.1", "SIP/2.0 200 OK\r\n") >= 0);
  }
  SECTION("in observe mode too") {
    done(table().set_observe(true));
    CHECK(answer(workers, kHost4, "198.18.1.1", "SIP/2.0 200 OK\r\n") >= 0);
  }
  SECTION("without a daemon nothing") {
    done(table().stand_down());
    CHECK(answer(workers, kHost4, "198.18.1.1", "SIP/2.0 200 OK\r\n") == -1);
    CHECK_THAT(nft("list table inet sipward"), !ContainsSubstring("hook postrouting"));
  }
}

}  // namespace
}  // namespace sipward::enforce
