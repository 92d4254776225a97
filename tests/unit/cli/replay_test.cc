#include "cli_run.h"
#include "config/settings_file.h"
#include "match/rule_file.h"
#include "match/rule_text.h"
#include "replies.h"
#include "support/temporary_folder.h"
#include "unit/capture/capture_files.h"

using namespace sipward;
using namespace sipward::test;

namespace {

constexpr int kWouldDrop = 10;
constexpr std::int64_t kStart_ns = 1'700'000'000'500'000'000;
constexpr const char* kRules = SIPWARD_SOURCE_DIR "/rules";

std::string request(const std::string& method, const std::string& agent, int number) {
  return fmt::format(
      "{0} sip:100@192.0.2.1 SIP/2.0\r\nVia: SIP/2.0/UDP "
      "198.51.100.7:5061;branch=z9hG4bK{2}\r\nMax-Forwards: 70\r\n"
      "From: <sip:bob@example.com>;tag=4f2c7d01\r\nTo: <sip:alice@example.com>\r\nCall-ID: call-{2}\r\n"
      "CSeq: 1 {0}\r\nUser-Agent: {1}\r\nContent-Length: 0\r\n\r\n",
      method, agent, number);
}
const std::string kGood = request("REGISTER", "Yealink SIP-T46S 66.86.0.15", 1);
const std::string kScan = request("OPTIONS", "friendly-scanner", 2);

// A capture that grows by a frame a second.
class Capture {
 public:
  Capture& add(Packet bytes, std::size_t original_length = 0) {
    frames_.push_back({time_ns_, std::move(bytes), original_length});
    return wait(1);
  }
  Capture& udp(std::string_view payload, std::string_view source = "198.51.100.7") {
    return add(udp_packet(payload, source));
  }
  Capture& wait(std::int64_t seconds) {
    time_ns_ += seconds * 1'000'000'000;
    return *this;
  }
  [[nodiscard]] std::string write() const { return write_as({}); }
  [[nodiscard]] std::string write_as(const PcapForm& form) const { return write(make_pcap(frames_, form)); }
  [[nodiscard]] std::string write(const Packet& bytes) const {
    const auto path = folder_ / "some.pcap";
    write_file(path, bytes);
    return path.string();
  }
  [[nodiscard]] const std::vector<CapturedFrame>& frames() const { return frames_; }
  [[nodiscard]] std::filesystem::path settings(std::string_view text) const {
    std::ofstream(folder_ / "sipward.toml") << text;
    return folder_ / "sipward.toml";
  }

 private:
  TemporaryFolder folder_;
  std::vector<CapturedFrame> frames_;
  std::int64_t time_ns_ = kStart_ns;
};

json replay(const std::string& file, int code, std::vector<std::string> more = {},
            const std::string& socket = "") {
  std::vector<std::string> args{"replay", file, "--rules", kRules, "--messages", "-o", "json"};
  args.insert(args.end(), more.begin(), more.end());
  const auto result = run(args, {.socket = socket, .input = ""});
  INFO(result.err);
  CHECK(result.code == code);
  return json::parse(result.out);
}

// "pass request", "ban signature friendly-scanner", …; one a message.
std::vector<std::string> verdicts(const json& answer) {
  std::vector<std::string> all;
  for (const json& message : answer["messages"]) {
    const auto rule = message["rule"].get<std::string>();
    all.push_back(fmt::format("{} {}{}", message["verdict"].get<std::string>(),
                              message["reason"].get<std::string>(), rule.empty() ? "" : " " + rule));
  }
  return all;
}

void check_balanced(const json& answer) {
  const json& packets = answer["packets"];
  std::int64_t total = 0;
  for (const char* block : {"passed", "dropped"})
    for (const json& n : packets[block]) total += n.get<std::int64_t>();
  CHECK(packets["offered"] == total);
  for (const json& n : packets["ignored"]) total += n.get<std::int64_t>();
  CHECK(packets["captured"] == total);
}

// A connection's segment; the flags as in the header.
Packet segment(bool from_client, unsigned flags, std::uint32_t sequence, std::uint32_t acknowledgment,
               std::string_view payload = {}) {
  Packet upper = tcp(payload, 0, from_client ? 5061 : 5060, from_client ? 5060 : 5061);
  for (std::size_t i = 0; i < 4; ++i) {
    set8(upper, 4 + i, sequence >> 8 * (3 - i));
    set8(upper, 8 + i, acknowledgment >> 8 * (3 - i));
  }
  set8(upper, 13, flags);
  return from_client ? ipv4(kTcp, upper) : ipv4(kTcp, upper, "192.0.2.1", "198.51.100.7");
}
constexpr unsigned kSyn = 2;
constexpr unsigned kPush = 8;
constexpr unsigned kAck = 16;

}  // namespace

TEST_CASE("nothing would be dropped: exit code 0") {
  const json answer = replay(Capture().udp(kGood).udp(kGood, "2001:db8::7").write(), 0);
  CHECK(verdicts(answer) == std::vector<std::string>{"pass request", "pass request"});
  check_balanced(answer);
  CHECK(answer["first"] == "2023-11-14T22:13:20.500Z");
  CHECK(answer["last"] == "2023-11-14T22:13:21.500Z");
  CHECK(answer["link_type"] == "RAW");
}

TEST_CASE("a scanner is banned, its later packets dropped, until the ban is over") {
  Capture capture;
  capture.udp(kScan).udp(kGood).udp(kGood, "198.51.100.8").wait(56).udp(kGood).udp(kGood);
  const json answer = replay(capture.write(), kWouldDrop);
  CHECK(verdicts(answer) == std::vector<std::string>{"ban signature friendly-scanner",
                                                     "drop banned friendly-scanner", "pass request",
                                                     "drop banned friendly-scanner", "pass request"});
  check_balanced(answer);
  REQUIRE(answer["bans"].size() == 1);
  CHECK(answer["bans"][0]["net"] == "198.51.100.7");
  CHECK(answer["bans"][0]["expires"] == "2023-11-14T22:14:20.500Z");
  CHECK(answer["bans"][0]["verified"] == false);
  const json& source = answer["by_source"][0];
  CHECK(source["address"] == "198.51.100.7");
  CHECK(source["packets"] == 4);
  CHECK(source["requests_dropped"] == 3);
  CHECK(source["rule"] == "friendly-scanner");
  CHECK(source["banned_at"] == "2023-11-14T22:13:20.500Z");
  const json& first = answer["by_rule"][0]["first"];
  CHECK(first["value"] == "friendly-scanner");
  CHECK(first["match_begin"] == 0);
  CHECK(first["match_end"] == 9);
}

TEST_CASE("the tables tell the same to people") {
  Capture capture;
  capture.udp(kScan).udp(kGood).udp("x", "192.0.2.99");
  const auto result = run({"replay", capture.write(), "--rules", kRules, "--messages"});
  CHECK(result.code == kWouldDrop);
  CHECK(result.err.empty());
  for (const char* expected :
       {"2023-11-14T22:13:20.500Z udp 198.51.100.7:5061", "ban signature friendly-scanner",
        "OPTIONS sip:100@192.0.2.1 SIP/2.0\n", "RAW, 2023-11-14T22:13:20.500Z to 2023-11-14T22:13:22.500Z",
        "\noffered        3      100.0 %\n", "(1 bytes)", "\nfriendly-scanner  ban        1        1        1\n",
        "friendly-scanner: first by 198.51.100.7 at 2023-11-14", "    | [[friendly-]]scanner\n"})
    CHECK_THAT(result.out, ContainsSubstring(expected));
}

TEST_CASE("a handshake in the capture verifies a source: its ban is the long one") {
  Capture capture;
  capture.add(segment(true, kSyn, 100, 0))
      .add(segment(false, kSyn | kAck, 500, 101))
      .add(segment(true, kAck, 101, 501))
      .add(segment(true, kAck | kPush, 101, 501, kScan));
  const json answer = replay(capture.write(), kWouldDrop);
  REQUIRE(answer["bans"].size() == 1);
  CHECK(answer["bans"][0]["verified"] == true);
  CHECK(answer["bans"][0]["expires"] == "2023-11-14T22:23:23.500Z");
  CHECK(answer["packets"]["ignored"]["other_port"] == 1);

  Capture one_sided;
  one_sided.add(segment(true, kSyn, 100, 0)).add(segment(true, kAck | kPush, 101, 501, kScan));
  CHECK(replay(one_sided.write(), kWouldDrop)["bans"][0]["verified"] == false);
}

TEST_CASE("a TCP message over two segments is judged where its head is complete") {
  const std::size_t half = kScan.find("friendly-") + 4;
  Capture capture;
  capture.add(segment(true, kSyn, 100, 0))
      .add(segment(true, kAck | kPush, 101, 501, kScan.substr(0, half)))
      .add(segment(true, kAck | kPush, 101 + static_cast<std::uint32_t>(half), 501, kScan.substr(half)));
  CHECK(verdicts(replay(capture.write(), kWouldDrop)) ==
        std::vector<std::string>{"pass tcp_data", "ban signature friendly-scanner"});
}

TEST_CASE("fragments are judged whole, and count as one packet") {
  const Packet upper = udp(kScan);
  const auto part = [&](std::size_t offset, std::size_t size, bool more) {
    Packet packet = ipv4(
        kUdp, Packet(upper.begin() + static_cast<std::ptrdiff_t>(offset),
                     upper.begin() + static_cast<std::ptrdiff_t>(std::min(offset + size, upper.size()))));
    set16(packet, 6, offset / 8 | (more ? 0x2000U : 0U));
    return packet;
  };
  Capture whole;
  whole.add(part(200, 1000, false)).add(part(0, 200, true));
  const json answer = replay(whole.write(), kWouldDrop);
  CHECK(verdicts(answer) == std::vector<std::string>{"ban signature friendly-scanner"});
  CHECK(answer["packets"]["ignored"]["fragment_part"] == 1);
  check_balanced(answer);

  Capture unfinished;
  unfinished.add(part(0, 200, true)).add(part(0, 200, true)).wait(30).add(part(200, 1000, false));
  const json nothing = replay(unfinished.write(), 0);
  CHECK(nothing["packets"]["offered"] == 0);
  CHECK(nothing["packets"]["ignored"]["fragment_lost"] == 3);
  CHECK(nothing["fragments"]["duplicates"] == 1);
  CHECK(nothing["fragments"]["timed_out"] == 1);
  check_balanced(nothing);
}

TEST_CASE("what is not offered is counted by its reason") {
  Packet icmp = ipv4(1, Packet(8));
  Packet to_dns = ipv4(kUdp, udp("x", 5061, 53));
  Packet cut = udp_packet(kScan);
  const std::size_t original = cut.size();
  cut.resize(100);
  Capture capture;
  capture.add(icmp).add(to_dns).add(cut, original).add(Packet(30, std::byte{0x10})).udp(kGood);
  const json answer = replay(capture.write(), 0);
  const json& ignored = answer["packets"]["ignored"];
  for (const char* reason : {"other_protocol", "other_port", "cut_short", "not_ip"}) {
    INFO(reason);
    CHECK(ignored[reason] == 1);
  }
  CHECK(answer["packets"]["offered"] == 1);
  check_balanced(answer);
}

TEST_CASE("cooked captures: what the host sent, and what stayed within it, is not judged") {
  const auto cooked = [](unsigned packet_type, unsigned hardware) {
    Packet frame;
    put16(frame, packet_type);
    put16(frame, hardware);
    frame.resize(14);
    put16(frame, 0x0800);
    append(frame, udp_packet(kScan));
    return frame;
  };
  Capture capture;
  capture.add(cooked(4, 1)).add(cooked(3, 1)).add(cooked(0, 772));
  const std::string file = capture.write_as({.link_type = 113});
  const json answer = replay(file, 0);
  for (const char* reason : {"outgoing", "other_host", "loopback"}) {
    INFO(reason);
    CHECK(answer["packets"]["ignored"][reason] == 1);
  }
  capture.add(cooked(0, 1));
  CHECK(verdicts(replay(capture.write_as({.link_type = 113}), kWouldDrop)).size() == 1);
}

TEST_CASE("ports, protected nets and policy come from the settings, as the daemon reads them") {
  Capture capture;
  capture.udp(request("OPTIONS", "Zoiper", 3)).add(ipv4(kUdp, udp(kScan, 5061, 5080), "198.51.100.9"));
  const std::string file = capture.write();
  CHECK(verdicts(replay(file, kWouldDrop)) == std::vector<std::string>{"drop method"});
  const auto settings =
      capture.settings("[shield]\nudp_ports = [5080]\n[methods.unknown]\nOPTIONS = \"allow\"\n");
  CHECK(verdicts(replay(file, kWouldDrop, {"--config", settings})) ==
        std::vector<std::string>{"ban signature friendly-scanner"});
  const json elsewhere = replay(file, 0, {"--protect", "192.0.2.2", "--protect", "2001:db8::/32"});
  CHECK(elsewhere["packets"]["ignored"]["unprotected"] == 1);
  CHECK(verdicts(replay(file, kWouldDrop, {"--protect", "192.0.2.0/30"})) ==
        std::vector<std::string>{"drop method"});
  // Whatever the daemon's mode is, this tells what would be dropped.
  const auto observe = capture.settings("[shield]\nmode = \"observe\"\n");
  CHECK(verdicts(replay(file, kWouldDrop, {"--config", observe})) == std::vector<std::string>{"drop method"});
}

TEST_CASE("pcapng, and standard input") {
  Capture capture;
  capture.udp(kScan);
  const json answer = replay(capture.write(make_pcapng(capture.frames())), kWouldDrop);
  CHECK(answer["packets"]["dropped"]["signature"] == 1);
  std::string input;
  for (const std::byte byte : make_pcap(capture.frames())) input += static_cast<char>(byte);
  const auto result = run({"replay", "-", "--rules", kRules}, {.socket = "", .input = input});
  CHECK(result.code == kWouldDrop);
}

TEST_CASE("a capture that breaks off is told as far as it goes, and fails") {
  Capture capture;
  capture.udp(kScan).udp(kGood);
  Packet bytes = make_pcap(capture.frames());
  bytes.pop_back();
  const auto result = run({"replay", capture.write(bytes), "--rules", kRules, "-o", "json"});
  CHECK(result.code == 1);
  CHECK_THAT(result.err, ContainsSubstring("truncated"));
  const json answer = json::parse(result.out);
  CHECK(answer["packets"]["captured"] == 1);
  CHECK_THAT(answer["error"].get<std::string>(), ContainsSubstring("truncated"));
}

TEST_CASE("what cannot be replayed is one line and its exit code") {
  Capture capture;
  capture.udp(kGood);
  struct Wrong {
    std::vector<std::string> args;
    int code;
    const char* text;
  };
  const std::string good = capture.write();
  TemporaryFolder other;
  write_file(other / "wifi.pcap", make_pcap(capture.frames(), {.link_type = 127}));
  write_file(other / "text", Packet(100, std::byte{'x'}));
  for (const Wrong& c :
       {Wrong{{"/nowhere.pcap"}, 4, "/nowhere.pcap: No such file"},
        Wrong{{(other / "text").string()}, 2, "unknown file format"},
        Wrong{{(other / "wifi.pcap").string()}, 2, "link type IEEE802_11_RADIO cannot be read"},
        Wrong{{good, "--rules", "/nowhere"}, 4, "/nowhere"},
        Wrong{{good, "--config", "/nowhere.toml"}, 4, "/nowhere.toml"},
        Wrong{{good, "--protect", "192.0.2.300"}, 2, "192.0.2.300"}, Wrong{{}, 2, "file is required"}}) {
    std::vector<std::string> args{"replay"};
    args.insert(args.end(), c.args.begin(), c.args.end());
    if (!c.args.empty() && c.args.size() < 2) args.insert(args.end(), {"--rules", kRules});
    const auto result = run(args);
    INFO(c.text << "\n" << result.err);
    CHECK(result.out.empty());
    CHECK(result.code == c.code);
    CHECK_THAT(result.err, ContainsSubstring(c.text));
  }
}

TEST_CASE("nothing from a capture reaches the terminal as a command") {
  Capture capture;
  capture.udp("INVITE sip:\x1b]0;owned\x07@x SIP/2.0\r\nUser-Agent: friendly-\x1b[8m\x9b\r\n\r\n")
      .udp("\x1b[2J");
  for (const char* format : {"table", "json"}) {
    const auto result = run({"replay", capture.write(), "--rules", kRules, "--messages", "-o", format});
    CHECK(result.code == kWouldDrop);
    CHECK_FALSE(has_control_characters(result.out));
  }
}

namespace {

// What a daemon with the shipped rules, `settings` and this whitelist answers.
std::map<std::string, Answer> running_shield(const config::Settings& settings,
                                             const json& entries = json::array()) {
  const auto rules = match::load_rules(kRules);
  return {{"Effective",
           reply({{"rules", match::print_rules(*rules)}, {"settings", config::print_settings(settings)}})},
          {"WhitelistList", reply({{"entries", entries}})}};
}

}  // namespace

TEST_CASE("against the running shield: the same rules differ in nothing") {
  FakeDaemon daemon(running_shield({}));
  Capture capture;
  capture.udp(kScan).udp(kGood, "198.51.100.8");
  const json answer = replay(capture.write(), 0, {"--against-running"}, daemon.socket());
  CHECK(answer["against_running"]["packets"].empty());
  CHECK(answer["against_running"]["by_rule"].empty());
  CHECK(answer["packets"]["dropped"]["signature"] == 1);
}

TEST_CASE("against the running shield: what would change, packet by packet and rule by rule") {
  config::Settings lenient;
  lenient.policy.unknown.by_method["OPTIONS"] = decide::MethodAction::allow;
  FakeDaemon daemon(running_shield(lenient));
  Capture capture;
  capture.udp(request("OPTIONS", "Zoiper", 5)).udp(kGood).udp(kScan, "198.51.100.8");
  const json answer =
      replay(capture.write(), kWouldDrop, {"--against-running"}, daemon.socket())["against_running"];
  CHECK(answer["newly_dropped"] == 1);
  CHECK(answer["newly_passed"] == 0);
  REQUIRE(answer["packets"].size() == 1);
  CHECK(answer["packets"][0]["call_id"] == "call-5");
  CHECK(answer["packets"][0]["verdict"] == "drop");
  CHECK(answer["packets"][0]["running"]["verdict"] == "pass");
  const auto result = run({"replay", capture.write(), "--rules", kRules, "--against-running"},
                          {.socket = daemon.socket(), .input = ""});
  CHECK(result.code == kWouldDrop);
  for (const char* expected :
       {"compared with the running shield: 1 packets newly dropped, 0 newly passed, 0 for another reason",
        "pass request", "drop method"})
    CHECK_THAT(result.out, ContainsSubstring(expected));
}

TEST_CASE("against the running shield: its whitelist counts on both sides") {
  FakeDaemon daemon(running_shield({}, {{{"net", "198.51.100.0/28"}, {"class", "peer"}},
                                        {{"net", "198.51.100.7"}, {"class", "trusted"}},
                                        {{"net", "2001:db8::/64"}, {"class", "peer"}}}));
  Capture capture;
  capture.udp(kScan)
      .udp(request("OPTIONS", "Zoiper", 5), "198.51.100.8")
      .udp(kScan, "2001:db8::7")
      .udp(kScan, "198.51.100.99");
  const json answer = replay(capture.write(), 0, {"--against-running"}, daemon.socket());
  CHECK(verdicts(answer) == std::vector<std::string>{"pass trusted", "pass peer",
                                                     "drop signature friendly-scanner",
                                                     "ban signature friendly-scanner"});
  CHECK(answer["against_running"]["packets"].empty());
}

TEST_CASE("against a shield that is not running: exit code 3") {
  const auto result = run({"replay", Capture().udp(kGood).write(), "--rules", kRules, "--against-running"},
                          {.socket = "/nowhere/sock", .input = ""});
  CHECK(result.code == 3);
}
