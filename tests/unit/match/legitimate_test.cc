// The shipped rules against what honest devices send: nothing is dropped, no score comes near a ban.
#include "legitimate.h"

#include <set>

#include "messages.h"

namespace sipward::match {
namespace {

using testing::Device;
using testing::lines;
using testing::Scanner;
using testing::shipped_rules;

// score.ban_at is 100, and a device that repeats itself for ever scores less than twice its rules' weights.
constexpr unsigned kDeviceScoreMax = 30;

// The weights of all score rules that any of the messages hits. Fails when one is dropped.
unsigned score_of(Scanner& scanner, const Device& device) {
  std::set<std::uint32_t> scored;
  for (const std::string& bytes : device.messages) {
    CAPTURE(device.name, bytes, scanner.ids(bytes));
    const Rule* strongest = scanner.last().strongest;
    CHECK((strongest == nullptr || strongest->action <= Action::score));
    scored.insert(scanner.last().all.begin(), scanner.last().all.end());
  }
  unsigned score = 0;
  for (const std::uint32_t index : scored) score += scanner.matcher().rules()[index].weight;
  return score;
}

Device with_agent(const std::string& agent) {
  return {agent,
          {lines("INVITE sip:+4930123456@sip.example.com;user=phone SIP/2.0",
                 {"Via: SIP/2.0/UDP 192.0.2.10:5060;branch=z9hG4bK2d4790.1;rport", "Max-Forwards: 70",
                  "From: \"Credit Union O'Brien\" <sip:1001@sip.example.com>;tag=a73kszlfl",
                  "To: <sip:+4930123456@sip.example.com;user=phone>", "Call-ID: 1j9FpLxk3uxtm8tn@192.0.2.10",
                  "CSeq: 1 INVITE", "Contact: <sip:1001@192.0.2.10:5060;transport=udp>",
                  "Allow: INVITE, ACK, CANCEL, OPTIONS, BYE, REFER, NOTIFY", "Supported: replaces, timer",
                  "User-Agent: " + agent, "Content-Type: application/sdp", "Content-Length: 0"}),
           lines("REGISTER sip:sip.example.com SIP/2.0",
                 {"v: SIP/2.0/UDP 192.0.2.10:5060;rport;branch=z9hG4bK-524287-1---5f0c1b2d3e4f5a69;alias",
                  "f: sip:1001@sip.example.com;tag=3206210845", "t: sip:1001@sip.example.com",
                  "i: 3c26700c1adb-d2t9c1o7v1q8", "CSeq: 2 REGISTER",
                  "m: sip:1001@192.0.2.10:5060;expires=3600", "User-Agent: " + agent, "l: 0"})}};
}

TEST_CASE("no rule drops a call or a registration of a real device") {
  const auto agents = testing::legitimate_agents();
  REQUIRE(agents.size() >= 60);
  Scanner scanner(shipped_rules());
  for (const std::string& agent : agents) CHECK(score_of(scanner, with_agent(agent)) <= kDeviceScoreMax);
}

TEST_CASE("no rule drops any message of a device's calls, registrations and subscriptions") {
  const auto devices = testing::legitimate_devices();
  REQUIRE(devices.size() >= 9);
  Scanner scanner(shipped_rules());
  std::set<std::string> methods;
  for (const Device& device : devices) {
    CAPTURE(device.name);
    CHECK(score_of(scanner, device) <= kDeviceScoreMax);
    for (const std::string& bytes : device.messages) {
      const sip::Message message = testing::read(bytes);
      CAPTURE(bytes);
      CHECK((message.kind() == sip::Kind::request || message.kind() == sip::Kind::response));
      CHECK_FALSE(message.defects().any());
      methods.emplace(message.method());
    }
  }
  for (const std::string method : {"REGISTER", "INVITE", "ACK", "BYE", "CANCEL", "OPTIONS", "SUBSCRIBE",
                                   "NOTIFY", "PUBLISH", "MESSAGE", "REFER", "PRACK", "UPDATE", "INFO"}) {
    CAPTURE(method);
    CHECK(methods.count(method) == 1);
  }
}

TEST_CASE("monitoring and load tests score, and repeated for ever they do not reach a ban") {
  Scanner scanner(shipped_rules());
  const Device monitoring{
      "sipsak",
      {lines("OPTIONS sip:ping@192.0.2.1 SIP/2.0",
             {"Via: SIP/2.0/UDP 198.51.100.9:45781;branch=z9hG4bK.3b5ac1f0;rport;alias",
              "From: sip:sipsak@198.51.100.9:45781;tag=6d0e2b1c", "To: sip:ping@192.0.2.1",
              "Call-ID: 1829644060@198.51.100.9", "CSeq: 1 OPTIONS", "Contact: sip:sipsak@198.51.100.9:45781",
              "Content-Length: 0", "Max-Forwards: 70", "User-Agent: sipsak 0.9.8.1", "Accept: text/plain"})}};
  CHECK(score_of(scanner, monitoring) == 40);
  const Device load{
      "SIPp",
      {lines("INVITE sip:service@192.0.2.1:5060 SIP/2.0",
             {"Via: SIP/2.0/UDP 192.0.2.9:5060;branch=z9hG4bK-4711-1-0",
              "From: sipp <sip:sipp@192.0.2.9:5060>;tag=4711SIPpTag001",
              "To: service <sip:service@192.0.2.1:5060>", "Call-ID: 1-4711@192.0.2.9", "CSeq: 1 INVITE",
              "Contact: sip:sipp@192.0.2.9:5060", "Max-Forwards: 70", "User-Agent: SIPp v3.7"})}};
  CHECK(score_of(scanner, load) == 40);
}

TEST_CASE("no rule alone comes near a ban, however often it hits") {
  for (const Rule& rule : shipped_rules()) {
    CAPTURE(rule.id);
    CHECK(rule.weight < 50);
    CHECK((rule.action == Action::score) == (rule.weight > 0));
  }
}

TEST_CASE("scanners that changed what they are known by are banned by what is left") {
  Scanner scanner(shipped_rules());
  const Device svmap{
      "svmap with another name, tag and branch",
      {lines("OPTIONS sip:100@192.0.2.1 SIP/2.0",
             {"Via: SIP/2.0/UDP 198.51.100.7:5060;branch=z9hG4bK-1947271837;rport", "Max-Forwards: 70",
              "To: \"x\"<sip:100@1.1.1.2>", "From: \"x\"<sip:100@1.1.1.2>;tag=1", "User-Agent: Phone",
              "Call-ID: 1109282337490213334812", "Contact: <sip:100@198.51.100.7:5060>", "CSeq: 1 OPTIONS",
              "Accept: application/sdp", "Content-Length: 0"}),
       lines("INVITE sip:000972595934023@192.0.2.1 SIP/2.0", {"From: <sip:test@192.0.2.1>;tag=1"})}};
  CHECK(score_of(scanner, svmap) >= 100);
  Device dialer{"a dialer", {}};
  for (const std::string prefix : {"00", "011", "9011", "900", "000", "0000", "%2B00"})
    dialer.messages.push_back(lines("INVITE sip:" + prefix + "972595934023@192.0.2.1 SIP/2.0", {}));
  CHECK(score_of(scanner, dialer) >= 100);
}

}  // namespace
}  // namespace sipward::match
