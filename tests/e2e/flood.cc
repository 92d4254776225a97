// Sends a bounded flood of SIP datagrams from many source addresses, for the tests' own network namespaces.
//
// AF_PACKET with the qdisc bypassed: the addresses need not exist on this host, and one core makes as many
// packets as the kernel takes. Prints one line of JSON. Never meant for a real network: it refuses to run in
// the initial namespace.
#include <arpa/inet.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <net/if.h>
#include <sys/socket.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <cstring>
#include <ctime>
#include <random>
#include <stdexcept>
#include <string>
#include <string_view>
#include <system_error>
#include <vector>

namespace {

constexpr std::size_t kBatch = 64;
constexpr std::size_t kEthernet = 14;
constexpr std::size_t kUdp = 8;
constexpr unsigned kSecondsMax = 60;
// Marks the sixteen bytes of a message that differ from packet to packet (branch, tag and Call-ID are made of
// them).
constexpr std::string_view kSerialMark = "@@@@@@@@@@@@@@@@";

struct Options {
  std::string interface;
  std::string mac;
  std::string to;
  std::string from;
  std::string kind = "invite";
  std::uint32_t sources = 1;
  bool apart = false;  // each source in a net of its own
  std::uint16_t ports = 1;
  std::uint16_t port = 5060;
  unsigned seconds = 1;
  std::uint64_t packets = UINT64_MAX;
  std::uint64_t pps = 0;
};

[[noreturn]] void fail(const std::string& what) {
  throw std::system_error(errno, std::generic_category(), what);
}

bool is_v6(const std::string& address) {
  return address.find(':') != std::string::npos;
}

std::string bytes_of(const std::string& address) {
  std::array<char, 16> raw{};
  const bool v6 = is_v6(address);
  if (inet_pton(v6 ? AF_INET6 : AF_INET, address.c_str(), raw.data()) != 1) {
    throw std::invalid_argument("not an address: " + address);
  }
  return {raw.data(), v6 ? 16U : 4U};
}

std::string host_of(const std::string& address) {
  return is_v6(address) ? "[" + address + "]" : address;
}

// What SIPVicious' svmap sends: its User-Agent, its From name and the address it probes spelled out in the
// From tag.
std::string scanner_message(const std::string& host, const std::string& serial) {
  return "OPTIONS sip:100@" + host + " SIP/2.0\r\nVia: SIP/2.0/UDP " + host + ":5060;branch=z9hG4bK-" +
         serial +
         ";rport\r\nMax-Forwards: 70\r\nTo: \"sipvicious\"<sip:100@1.1.1.1>\r\n"
         "From: \"sipvicious\"<sip:100@1.1.1.1>;tag=3061346430303031313363340131323334353637\r\n"
         "User-Agent: friendly-scanner\r\nCall-ID: " +
         serial + "\r\nContact: sip:100@" + host +
         ":5060\r\nCSeq: 1 OPTIONS\r\nAccept: application/sdp\r\nContent-Length: 0\r\n\r\n";
}

// Nothing that a signature could object to: what an ordinary phone might send.
std::string request(const std::string& method, const std::string& user, const std::string& host,
                    const std::string& serial) {
  const std::string target = "sip:" + user + "@" + host;
  return method + " " + target + " SIP/2.0\r\nVia: SIP/2.0/UDP " + host + ":5060;branch=z9hG4bK" + serial +
         ";rport\r\nMax-Forwards: 70\r\nTo: <" + target + ">\r\nFrom: <sip:6000@" + host + ">;tag=" + serial +
         "\r\nCall-ID: " + serial + "\r\nCSeq: 1 " + method + "\r\nContact: <sip:6000@" + host +
         ":5060>\r\nUser-Agent: Yealink SIP-T46S 66.84.0.15\r\nAllow: INVITE, ACK, CANCEL, BYE\r\n"
         "Supported: replaces\r\nContent-Length: 0\r\n\r\n";
}

std::string message(const std::string& kind, const std::string& to) {
  const std::string serial(kSerialMark);
  if (kind == "scanner") return scanner_message(host_of(to), serial);
  if (kind == "invite") return request("INVITE", "7000", host_of(to), serial);
  if (kind == "options") return request("OPTIONS", "7000", host_of(to), serial);
  // Of a user that exists: the answer is a challenge, and no offence.
  if (kind == "register") return request("REGISTER", "101", host_of(to), serial);
  std::string garbage(400, '\0');
  std::mt19937 random{1};
  for (char& c : garbage) c = static_cast<char>(random() % 255 + 1);
  return garbage;
}

// The one's-complement sum of RFC 1071 before folding; `data` starts at an even offset of what is summed.
std::uint64_t sum(std::string_view data) {
  std::uint64_t total = 0;
  for (std::size_t i = 0; i + 1 < data.size(); i += 2) {
    std::uint16_t word = 0;
    std::memcpy(&word, data.data() + i, 2);
    total += word;
  }
  if (data.size() % 2 == 1) {
    std::uint16_t last = 0;
    std::memcpy(&last, &data.back(), 1);
    total += last;
  }
  return total;
}

std::uint16_t fold(std::uint64_t total) {
  while (total >> 16 != 0) total = (total & 0xffff) + (total >> 16);
  return static_cast<std::uint16_t>(~total);
}

// One Ethernet frame with a SIP datagram; source address and serial are set anew before each send.
class Frame {
 public:
  explicit Frame(const Options& options)
      : v6_(is_v6(options.to)), apart_(options.apart), source_(bytes_of(options.from)) {
    const std::string payload = message(options.kind, options.to);
    for (std::size_t at = payload.find(kSerialMark); at != std::string::npos;
         at = payload.find(kSerialMark, at + kSerialMark.size())) {
      serials_.push_back(udp_at() + kUdp + at);
    }
    const std::size_t datagram = kUdp + payload.size();
    append_ethernet(options.mac);
    append_ip(datagram, bytes_of(options.to));
    append_udp(datagram, options.port);
    bytes_ += payload;
  }

  [[nodiscard]] std::string& bytes() { return bytes_; }

  void set(std::uint32_t source_number, std::uint16_t port, std::uint64_t serial) {
    set_source(source_number);
    put16(udp_at(), htons(port));
    std::array<char, 17> text{};
    std::snprintf(text.data(), text.size(), "%016lx", static_cast<unsigned long>(serial));
    for (const std::size_t at : serials_)
      bytes_.replace(at, kSerialMark.size(), text.data(), kSerialMark.size());
    set_checksums();
  }

 private:
  [[nodiscard]] std::size_t udp_at() const { return kEthernet + (v6_ ? 40U : 20U); }
  [[nodiscard]] std::size_t source_at() const { return kEthernet + (v6_ ? 8U : 12U); }
  [[nodiscard]] std::size_t addresses_length() const { return v6_ ? 32U : 8U; }

  void append16(std::uint16_t value) {
    bytes_ += static_cast<char>(value >> 8);
    bytes_ += static_cast<char>(value & 0xff);
  }
  void put16(std::size_t at, std::uint16_t network_order) {
    std::memcpy(bytes_.data() + at, &network_order, 2);
  }

  void append_ethernet(const std::string& mac) {
    std::array<unsigned, 6> parts{};
    if (std::sscanf(mac.c_str(), "%x:%x:%x:%x:%x:%x", &parts[0], &parts[1], &parts[2], &parts[3], &parts[4],
                    &parts[5]) != 6) {
      throw std::invalid_argument("not a MAC address: " + mac);
    }
    for (const unsigned part : parts) bytes_ += static_cast<char>(part);
    bytes_ += std::string("\x02\x00\x00\x00\x00\x01", 6);
    append16(v6_ ? ETH_P_IPV6 : ETH_P_IP);
  }

  void append_ip(std::size_t datagram, const std::string& destination) {
    if (v6_) {
      bytes_ += std::string("\x60\x00\x00\x00", 4);
      append16(static_cast<std::uint16_t>(datagram));
      bytes_ += std::string("\x11\x40", 2);
    } else {
      bytes_ += std::string("\x45\x00", 2);
      append16(static_cast<std::uint16_t>(datagram + 20));
      bytes_ += std::string("\x00\x00\x00\x00\x40\x11\x00\x00", 8);
    }
    bytes_ += source_ + destination;
  }

  void append_udp(std::size_t datagram, std::uint16_t port) {
    append16(5060);
    append16(port);
    append16(static_cast<std::uint16_t>(datagram));
    append16(0);
  }

  // One after the other; or apart, the next /24 (IPv4) or /48 (IPv6) each time.
  void set_source(std::uint32_t number) {
    std::uint32_t word = 0;
    const std::size_t word_at = v6_ ? (apart_ ? 4 : 12) : 0;
    const unsigned shift = apart_ ? (v6_ ? 16 : 8) : 0;
    std::memcpy(&word, source_.data() + word_at, 4);
    word = htonl(ntohl(word) + (number << shift));
    std::memcpy(bytes_.data() + source_at() + word_at, &word, 4);
  }

  void set_checksums() {
    if (!v6_) {
      put16(kEthernet + 10, 0);
      put16(kEthernet + 10, fold(sum(std::string_view(bytes_).substr(kEthernet, 20))));
    }
    put16(udp_at() + 6, 0);
    const std::string_view all = bytes_;
    const std::uint64_t pseudo = sum(all.substr(source_at(), addresses_length())) + htons(IPPROTO_UDP) +
                                 htons(static_cast<std::uint16_t>(all.size() - udp_at()));
    const std::uint16_t checksum = fold(pseudo + sum(all.substr(udp_at())));
    put16(udp_at() + 6, checksum == 0 ? 0xffff : checksum);
  }

  bool v6_;
  bool apart_;
  std::string source_;
  std::string bytes_;
  std::vector<std::size_t> serials_;
};

int open_socket(const Options& options) {
  const int fd = socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, 0);
  if (fd < 0) fail("cannot open a packet socket");
  const int on = 1;
  if (setsockopt(fd, SOL_PACKET, PACKET_QDISC_BYPASS, &on, sizeof on) != 0) fail("cannot bypass the qdisc");
  sockaddr_ll link{};
  link.sll_family = AF_PACKET;
  link.sll_protocol = htons(is_v6(options.to) ? ETH_P_IPV6 : ETH_P_IP);
  link.sll_ifindex = static_cast<int>(if_nametoindex(options.interface.c_str()));
  if (link.sll_ifindex == 0) fail("no interface " + options.interface);
  if (bind(fd, reinterpret_cast<const sockaddr*>(&link), sizeof link) != 0)
    fail("cannot bind to " + options.interface);
  return fd;
}

using Clock = std::chrono::steady_clock;

double seconds_since(Clock::time_point start) {
  return std::chrono::duration<double>(Clock::now() - start).count();
}

// Sleeps until `sent` packets are due.
void pace(Clock::time_point start, std::uint64_t sent, std::uint64_t pps) {
  const double ahead = static_cast<double>(sent) / static_cast<double>(pps) - seconds_since(start);
  if (ahead <= 0) return;
  timespec pause{};
  pause.tv_sec = static_cast<time_t>(ahead);
  pause.tv_nsec = static_cast<long>((ahead - static_cast<double>(pause.tv_sec)) * 1e9);
  clock_nanosleep(CLOCK_MONOTONIC, 0, &pause, nullptr);
}

struct Totals {
  std::uint64_t sent = 0;
  std::uint64_t errors = 0;
  double seconds = 0;
};

class Flood {
 public:
  explicit Flood(const Options& options)
      : options_(options), fd_(open_socket(options)), frames_(kBatch, Frame(options)) {
    for (std::size_t i = 0; i < kBatch; ++i) {
      vectors_[i] = {frames_[i].bytes().data(), frames_[i].bytes().size()};
      messages_[i].msg_hdr.msg_iov = &vectors_[i];
      messages_[i].msg_hdr.msg_iovlen = 1;
    }
  }
  ~Flood() { close(fd_); }
  Flood(const Flood&) = delete;
  Flood& operator=(const Flood&) = delete;

  Totals run() {
    const auto start = Clock::now();
    Totals totals;
    while (totals.sent < options_.packets && seconds_since(start) < options_.seconds) {
      if (options_.pps != 0) pace(start, totals.sent, options_.pps);
      send_batch(totals);
    }
    totals.seconds = seconds_since(start);
    return totals;
  }

 private:
  // A slow flood goes in small batches, so that it is even.
  [[nodiscard]] std::size_t batch_size(std::uint64_t sent) const {
    const std::uint64_t even = options_.pps == 0 ? kBatch : options_.pps / 200 + 1;
    return static_cast<std::size_t>(std::min({std::uint64_t{kBatch}, even, options_.packets - sent}));
  }

  void send_batch(Totals& totals) {
    const std::size_t size = batch_size(totals.sent);
    // Every source has sent once before chance takes over.
    for (std::size_t i = 0; i < size; ++i) {
      const std::uint64_t n = totals.sent + i;
      const auto source = static_cast<std::uint32_t>(n < options_.sources ? n : random_() % options_.sources);
      frames_[i].set(source, static_cast<std::uint16_t>(options_.port + n % options_.ports), ++serial_);
    }
    const int sent = sendmmsg(fd_, messages_.data(), static_cast<unsigned>(size), 0);
    if (sent < 0) {
      if (errno != ENOBUFS && errno != EAGAIN && errno != EINTR) fail("cannot send");
      ++totals.errors;
      return;
    }
    totals.sent += static_cast<std::uint64_t>(sent);
  }

  const Options& options_;
  int fd_;
  std::vector<Frame> frames_;
  std::array<iovec, kBatch> vectors_{};
  std::array<mmsghdr, kBatch> messages_{};
  std::mt19937 random_{std::random_device{}()};
  std::uint64_t serial_ = 0;
};

// Only the tests make interfaces of this name: a slip of the hand cannot flood a real network.
void refuse_foreign_interface(const std::string& name) {
  if (!name.starts_with("e2e-")) {
    throw std::runtime_error("refused: " + name + " is not one of the tests' own interfaces (e2e-...)");
  }
}

void describe(CLI::App& app, Options& options) {
  app.add_option("--interface", options.interface, "where to send")->required();
  app.add_option("--mac", options.mac, "the receiver's MAC address")->required();
  app.add_option("--to", options.to, "the address to flood")->required();
  app.add_option("--from", options.from, "the first source address")->required();
  app.add_option("--sources", options.sources, "how many source addresses")->check(CLI::Range(1U, 1U << 24));
  app.add_option("--kind", options.kind)
      ->check(CLI::IsMember({"scanner", "register", "invite", "options", "garbage"}));
  app.add_flag("--apart", options.apart,
               "each source in a net of its own: the next /24 or /48, not the next address");
  app.add_option("--port", options.port, "to send to, and the first to send from");
  app.add_option("--ports", options.ports, "how many ports to send from, by turns")
      ->check(CLI::Range(1, 10000));
  app.add_option("--seconds", options.seconds)->check(CLI::Range(1U, kSecondsMax));
  app.add_option("--packets", options.packets, "stop after this many");
  app.add_option("--pps", options.pps, "packets a second; 0: as many as there is room for");
}

}  // namespace

int main(int argc, char** argv) {
  Options options;
  CLI::App app{"A bounded SIP flood for tests in network namespaces"};
  describe(app, options);
  CLI11_PARSE(app, argc, argv);
  try {
    refuse_foreign_interface(options.interface);
    const Totals totals = Flood(options).run();
    std::printf("{\"sent\": %lu, \"errors\": %lu, \"seconds\": %.3f}\n",
                static_cast<unsigned long>(totals.sent), static_cast<unsigned long>(totals.errors),
                totals.seconds);
  } catch (const std::exception& error) {
    std::fprintf(stderr, "sipward_flood: %s\n", error.what());
    return 1;
  }
  return 0;
}
