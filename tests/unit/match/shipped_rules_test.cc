// The rules of rules/*.toml: each against its own samples, and all of them against real scanners and real
// devices.
#include <fmt/format.h>

#include <random>
#include <set>
#include <sstream>

#include "messages.h"

namespace sipward::match {
namespace {

using testing::lines;
using testing::rule;
using testing::Scanner;
using testing::shipped_rules;
using Ids = std::vector<std::string>;

// "Via From" -> {"Via: 1", "From: 1"}
std::vector<std::string> names_as_lines(const std::string& names) {
  std::vector<std::string> all;
  std::istringstream words(names);
  for (std::string name; words >> name;) all.push_back(name + ": 1");
  return all;
}

// A message whose value in the condition's scope is `sample`.
std::string message_with(const Condition& condition, const std::string& sample) {
  const std::string plain = "INVITE sip:a@b SIP/2.0";
  switch (condition.scope) {
    case Scope::start_line:
      return lines(sample, {});
    case Scope::method:
      return lines(sample + " sip:a@b SIP/2.0", {});
    case Scope::request_uri:
      return lines("INVITE " + sample + " SIP/2.0", {});
    case Scope::request_uri_user:
      return lines("INVITE sip:" + sample + "@b SIP/2.0", {});
    case Scope::header:
      return lines(plain, {condition.header + ": " + sample});
    case Scope::from_tag:
      return lines(plain, {"From: <sip:a@b>;tag=" + sample});
    case Scope::from_display:
      return lines(plain, {"From: \"" + sample + "\" <sip:a@b>;tag=x"});
    case Scope::from_user:
      return lines(plain, {"From: <sip:" + sample + "@b>;tag=x"});
    case Scope::to_user:
      return lines(plain, {"To: <sip:" + sample + "@b>"});
    case Scope::header_names:
      return lines(plain, names_as_lines(sample));
  }
  return "";
}

TEST_CASE("each shipped rule hits its catches and none of its passes") {
  for (const Rule& shipped : shipped_rules()) {
    const Condition& first = shipped.conditions.front();
    Scanner scanner({rule(shipped.id, {first})});
    for (const std::string& sample : shipped.catches) {
      CAPTURE(shipped.id, sample);
      CHECK_FALSE(scanner.ids(message_with(first, sample)).empty());
    }
    for (const std::string& sample : shipped.passes) {
      CAPTURE(shipped.id, sample);
      CHECK(scanner.ids(message_with(first, sample)).empty());
    }
  }
}

std::string invite(std::string_view agent) {
  return lines("INVITE sip:+4930123456@sip.example.com;user=phone SIP/2.0",
               {"Via: SIP/2.0/UDP 192.0.2.10:5060;branch=z9hG4bK2d4790.1;rport", "Max-Forwards: 70",
                "From: \"Credit Union O'Brien\" <sip:1001@sip.example.com>;tag=a73kszlfl",
                "To: <sip:+4930123456@sip.example.com;user=phone>", "Call-ID: 1j9FpLxk3uxtm8tn@192.0.2.10",
                "CSeq: 1 INVITE", "Contact: <sip:1001@192.0.2.10:5060;transport=udp>",
                "Allow: INVITE, ACK, CANCEL, OPTIONS, BYE, REFER, NOTIFY", "Supported: replaces, timer",
                "User-Agent: " + std::string(agent), "Content-Type: application/sdp", "Content-Length: 0"});
}

TEST_CASE("a scanner's name elsewhere than in User-Agent is no hit") {
  Scanner scanner(shipped_rules());
  for (const std::string name :
       {"friendly-scanner", "sipcli", "sipcli/v1.8", "OPTIONS sip:", "SIPScan", "smap"}) {
    CAPTURE(name);
    const std::string sdp = "v=0\r\ns=" + name + "\r\na=tool:" + name + "\r\n";
    CHECK(scanner.ids(invite("Yealink SIP-T46S 66.86.0.15") + sdp).empty());
    CHECK(scanner
              .ids(lines("INVITE sip:sipcli@example.com SIP/2.0",
                         {"Subject: " + name, "Server: " + name, "Organization: " + name,
                          "From: <sip:" + name + "@example.com>;tag=1", "Contact: <sip:sipcli@192.0.2.1>"}))
              .empty());
    CHECK(scanner.ids(lines("MESSAGE sip:bob@example.com SIP/2.0", {"Content-Type: text/plain"}) + name)
              .empty());
  }
}

// A tag as SIPVicious makes it: hex of `text`, the byte 1 and a decimal number.
std::string hex_tag(const std::string& text, std::uint32_t number) {
  constexpr std::string_view kDigits = "0123456789abcdef";
  std::string hex;
  for (const char c : text + '\x01' + std::to_string(number)) {
    const auto byte = static_cast<unsigned char>(c);
    hex += kDigits[byte >> 4U];
    hex += kDigits[byte & 15U];
  }
  return hex;
}

Ids tag_hits(Scanner& scanner, const std::string& tag) {
  return scanner.ids(lines("OPTIONS sip:100@b SIP/2.0", {"From: \"1\" <sip:1@b>;tag=" + tag}));
}

TEST_CASE("the tags of svmap, svwar and svcrack are known whatever they scan") {
  Scanner scanner(shipped_rules());
  std::mt19937 random(5060);
  for (int i = 0; i < 2000; ++i) {
    const std::uint32_t number =
        static_cast<std::uint32_t>(random()) | 0x10000U;  // fewer than five digits are too few to be sure
    const std::string address =
        fmt::format("{:08x}{:04x}", static_cast<std::uint32_t>(random()), random() % 65536);
    CAPTURE(i, address, number);
    REQUIRE(tag_hits(scanner, hex_tag(address, number)) ==
            Ids{"sipvicious-tag-address", "sipvicious-tag-guess"});
    REQUIRE(tag_hits(scanner, hex_tag("20010db8" + std::to_string(i) + "13c4", number)).back() ==
            "sipvicious-tag-guess");
    REQUIRE(tag_hits(scanner, hex_tag(std::to_string(i), number)) == Ids{"sipvicious-tag-guess"});
    REQUIRE(tag_hits(scanner, hex_tag("alice:p\xc3\xa4ss " + std::to_string(i), number)) ==
            Ids{"sipvicious-tag-guess"});
  }
}

TEST_CASE("random tags of other stacks are no SIPVicious tags") {
  Scanner scanner(shipped_rules());
  std::mt19937 random(3261);
  constexpr std::string_view kLetters = "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ";
  for (int i = 0; i < 30000; ++i) {
    const std::size_t letters = i % 2 == 0 ? 16 : kLetters.size();
    std::string tag;
    for (std::size_t size = 6 + random() % 45; size > 0; --size) tag += kLetters[random() % letters];
    CAPTURE(tag);
    REQUIRE(tag_hits(scanner, tag).empty());
  }
}

TEST_CASE("a SIPVicious tag needs five digits behind the mark, and something before it") {
  Scanner scanner(shipped_rules());
  CHECK(tag_hits(scanner, hex_tag("100", 10000)) == Ids{"sipvicious-tag-guess"});
  CHECK(tag_hits(scanner, hex_tag("100", 9999)).empty());
  CHECK(tag_hits(scanner, hex_tag("", 10000)).empty());
  CHECK(tag_hits(scanner, hex_tag("c00002011", 4294967295)) == Ids{"sipvicious-tag-guess"});
  CHECK(tag_hits(scanner, hex_tag("100", 4294967295) + "30").empty());
}

TEST_CASE("escapes in a user part hide nothing from the rules for it") {
  Scanner scanner(shipped_rules());
  const auto hits = [&](const std::string& user) {
    return scanner.ids(lines("INVITE sip:" + user + "@b SIP/2.0", {}));
  };
  CHECK(hits("%2B011972595934023") == Ids{"prefix-plus-0"});
  CHECK(hits("100%27%20%6fr%201") == Ids{"request-uri-sql"});
}

struct Scanned {
  std::string what;
  std::string bytes;
  std::string strongest;
  Action action;
};

// Whole messages of the tools, the User-Agent changed where the structure has to tell.
std::vector<Scanned> scanner_messages() {
  const std::string svmap_tag = hex_tag("c000020113c4", 1933978774);
  return {
      {"svmap",
       lines("OPTIONS sip:100@192.0.2.1 SIP/2.0",
             {"Via: SIP/2.0/UDP 198.51.100.7:5060;branch=z9hG4bK-1947271837;rport", "Max-Forwards: 70",
              "To: \"sipvicious\"<sip:100@1.1.1.1>", "From: \"sipvicious\"<sip:100@1.1.1.1>;tag=" + svmap_tag,
              "User-Agent: friendly-scanner", "Call-ID: 1109282337490213334812",
              "Contact: sip:100@198.51.100.7:5060", "CSeq: 1 OPTIONS", "Accept: application/sdp",
              "Content-Length: 0"}),
       "sipvicious-tag-address", Action::ban},
      {"svmap, compact and renamed",
       lines("OPTIONS sip:100@192.0.2.1 SIP/2.0",
             {"v: SIP/2.0/UDP 198.51.100.7:5060;branch=z9hG4bK-1947271837;rport", "t: \"x\"<sip:1@x>",
              "f: \"x\"<sip:1@x>;tag=" + svmap_tag, "i: 1109282337490213334812",
              "m: sip:100@198.51.100.7:5060"}),
       "sipvicious-tag-address", Action::ban},
      {"svmap with another name and tag",
       lines("OPTIONS sip:100@192.0.2.1 SIP/2.0",
             {"Via: SIP/2.0/UDP 198.51.100.7:5060;branch=z9hG4bK-1947271837;rport",
              "From: \"x\"<sip:1@x>;tag=1", "User-Agent: Phone", "Call-ID: 1109282337490213334812",
              "Contact: sip:100@198.51.100.7:5060"}),
       "sipvicious-shape", Action::drop},
      {"svcrack's first REGISTER, renamed",
       lines("REGISTER sip:192.0.2.1 SIP/2.0",
             {"Via: SIP/2.0/UDP 198.51.100.7:5060;branch=z9hG4bK-1947271837;rport",
              "From: \"100\" <sip:100@192.0.2.1>;tag=3206210844", "User-Agent: Phone", "Call-ID: 1947271837",
              "Contact: sip:123@1.1.1.1"}),
       "svcrack-first-tag", Action::ban},
      {"sundayddr",
       lines("OPTIONS sip:100@192.0.2.1 SIP/2.0",
             {"Via: SIP/2.0/UDP 198.51.100.7:5060;branch=zqwehwebK-1947271837;rport",
              "From: \"sipsscuser\"<sip:100@192.0.2.9>; tag=1", "User-Agent: Phone"}),
       "sundayddr-branch", Action::ban},
      {"ccxllrlflgig", lines("OPTIONS sip:a SIP/2.0", {"From: \"ccxllrlflgig\"<sip:100@1.1.1.1>;tag=1"}),
       "sipvicious-ccxllrlflgig", Action::ban},
      {"nmap -sV",
       lines("OPTIONS sip:nm SIP/2.0",
             {"Via: SIP/2.0/TCP nm;branch=foo", "From: <sip:nm@nm>;tag=root", "To: <sip:nm2@nm2>",
              "Call-ID: 50000", "CSeq: 42 OPTIONS", "Max-Forwards: 70", "Content-Length: 0",
              "Contact: <sip:nm@nm>", "Accept: application/sdp"}),
       "nmap-sip-probe", Action::ban},
      {"Metasploit",
       lines("OPTIONS sip:nobody@192.0.2.1 SIP/2.0",
             {"Via: SIP/2.0/UDP 198.51.100.7:5060;branch=z9hG4bK.0a1b2c3d;rport;alias",
              "From: sip:xY1@198.51.100.7:5060;tag=70c00e8c", "To: sip:nobody@192.0.2.1", "CSeq: 1 OPTIONS",
              "Contact:  sip:xY1@198.51.100.7:5060", "Max-Forwards: 20", "User-Agent: xY1",
              "Accept: text/plain"}),
       "metasploit-sip", Action::ban},
      {"inviteflood",
       lines(
           "INVITE sip:5000@192.0.2.1 SIP/2.0",
           {"Via: SIP/2.0/UDP 198.51.100.7:9;branch=33ae0f10-ec74-4416-87bb-390000000007",
            "From: <sip:198.51.100.7:9>;tag=33ae1e85-ec74-4416-9701-db0000000007", "CSeq: 0000000007 INVITE",
            "Contact: <sip:198.51.100.7:9>", "User-Agent: Elite 1.0 Brcm Callctrl/1.5.1.0 MxSF/v.3.2.6.26"}),
       "inviteflood", Action::ban},
      {"zmap",
       lines("OPTIONS sip:abcdefgh@192.0.2.1 SIP/2.0",
             {"Via: SIP/2.0/UDP 198.51.100.7:40000;branch=aBcDeF.0123456789;rport;alias",
              "From: sip:hGfEdCbA@198.51.100.7:40000;tag=12345678", "Max-Forwards: 20",
              "User-Agent: qWeRtZuI"}),
       "zmap-sip-options", Action::drop},
      {"SQL in the user part", lines("INVITE sip:100'%20or%20'1'='1@192.0.2.1 SIP/2.0", {}),
       "request-uri-sql", Action::drop},
      {"a second User-Agent",
       lines("OPTIONS sip:a SIP/2.0", {"User-Agent: Phone", "user-agent : Friendly-Scanner"}),
       "friendly-scanner", Action::ban},
  };
}

TEST_CASE("whole messages of real scanners are told by the strongest rule that fits") {
  Scanner scanner(shipped_rules());
  for (const Scanned& scanned : scanner_messages()) {
    CAPTURE(scanned.what, scanner.ids(scanned.bytes));
    REQUIRE(scanner.last().strongest != nullptr);
    CHECK(scanner.last().strongest->id == scanned.strongest);
    CHECK(scanner.last().strongest->action == scanned.action);
  }
}

TEST_CASE("a fingerprint of several conditions needs each of them") {
  Scanner scanner(shipped_rules());
  const std::string elite = "User-Agent: Elite 1.0 Brcm Callctrl/1.5.1.0 MxSF/v.3.2.6.26";
  CHECK(scanner.ids(lines("INVITE sip:a SIP/2.0", {elite, "CSeq: 0000000001 INVITE",
                                                   "Contact: <sip:a@b:5060>"})) == Ids{"inviteflood-agent"});
  CHECK(scanner.ids(lines("INVITE sip:a SIP/2.0", {"CSeq: 0000000001 INVITE", "Contact: <sip:a@b:9>"}))
            .empty());
  CHECK(scanner.ids(lines("OPTIONS sip:nm SIP/2.0", {"From: <sip:a@b>;tag=root"})).empty());
  CHECK(scanner.ids(lines("OPTIONS sip:a SIP/2.0", {"From: <sip:a@b>;tag=70c00e8c"})).empty());
  CHECK(scanner.ids(lines("REGISTER sip:a SIP/2.0", {"From: <sip:a@b>;tag=3206210844"})).empty());
  CHECK(scanner.ids(lines("OPTIONS sip:a SIP/2.0", {"From: \"sipvicious\" <sip:a@b>;tag=1"})) ==
        Ids{"sipvicious-display"});
}

TEST_CASE("evidence can be located for every shipped sample") {
  const Scanner scanner(shipped_rules());
  for (const Rule& shipped : scanner.matcher().rules()) {
    for (const std::string& sample : shipped.catches) {
      CAPTURE(shipped.id, sample);
      const auto [begin, end] = scanner.matcher().locate(shipped.conditions.front(), sample);
      CHECK(begin < end);
      CHECK(end <= sample.size());
    }
  }
}

TEST_CASE("no two shipped rules are the same, nor their keys") {
  std::set<std::uint32_t> keys;
  std::set<std::string> seen;
  for (const Rule& shipped : shipped_rules()) {
    std::string key;
    for (const Condition& part : shipped.conditions) {
      key += scope_text(part) + '\n' + std::string(to_string(part.match)) + '\n' + part.pattern + '\n';
    }
    CAPTURE(shipped.id);
    CHECK(seen.insert(key).second);
    CHECK(keys.insert(rule_key(shipped.id)).second);
  }
}

}  // namespace
}  // namespace sipward::match
