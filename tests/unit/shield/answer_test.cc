#include "answer.h"

#include <memory>
#include <string>
#include <vector>

#include "support/catch.h"

using namespace sipward;
using namespace sipward::shield;

namespace {

constexpr auto kUdp = packet::Protocol::udp;
constexpr auto kTcp = packet::Protocol::tcp;

// Views into `payload`.
std::vector<Answer> answers_of(std::string_view payload, packet::Protocol protocol = kUdp) {
  static sip::Message message;
  packet::Datagram datagram;
  datagram.payload = payload;
  datagram.protocol = protocol;
  std::vector<Answer> answers;
  read_answers(datagram, message, [&](const Answer& answer) { answers.push_back(answer); });
  return answers;
}

Answer only_answer(std::string_view payload) {
  const auto answers = answers_of(payload);
  INFO(payload);
  REQUIRE(answers.size() == 1);
  return answers.front();
}

constexpr std::string_view kAsteriskChallenge =
    "SIP/2.0 401 Unauthorized\r\n"
    "Via: SIP/2.0/UDP 192.0.2.10:5062;rport=5062;received=198.51.100.7;branch=z9hG4bKPj3f1c\r\n"
    "Call-ID: 77e0c1aa-2d55\r\n"
    "From: \"Alice, (home)\" <sip:100@pbx.example.com>;tag=ab12\r\n"
    "To: \"Alice, (home)\" <sip:100@pbx.example.com>;tag=z9hG4bKPj3f1c\r\n"
    "CSeq: 31443 REGISTER\r\n"
    "WWW-Authenticate: Digest realm=\"asterisk\",nonce=\"1732345678/0f3d9c\",opaque=\"77c0\",algorithm=MD5,"
    "qop=\"auth\"\r\n"
    "Server: Asterisk PBX 20.9.2\r\n"
    "Content-Length:  0\r\n\r\n";

// As FreeSWITCH writes it: a blank behind each comma, a Contact list, an Expires that is another one.
constexpr std::string_view kFreeSwitchRegistered =
    "SIP/2.0 200 OK\r\n"
    "Via: SIP/2.0/TCP 192.0.2.11:40112;branch=z9hG4bK-7c1;rport=40112\r\n"
    "From: <sip:1001@203.0.113.5>;tag=7d2\r\n"
    "To: <sip:1001@203.0.113.5>;tag=6eyUp8g2XZ0HD\r\n"
    "Call-ID: 9f0b@192.0.2.11\r\n"
    "CSeq: 2 REGISTER\r\n"
    "Contact: <sip:1001@192.0.2.11:40112;transport=tcp>;expires=60, "
    "\"Desk, upstairs\" <sip:1001@192.0.2.12>;q=0.5;expires=1800\r\n"
    "Expires: 7200\r\n"
    "User-Agent: FreeSWITCH-mod_sofia/1.10.12\r\n"
    "Content-Length: 0\r\n\r\n";

constexpr std::string_view kKamailioNotFound =
    "SIP/2.0 404 Not Found\r\n"
    "v: SIP/2.0/UDP 203.0.113.5;branch=z9hG4bK51.a,SIP/2.0/UDP 198.51.100.7:5061;branch=z9hG4bK51.b\r\n"
    "f: sip:alice@example.com;tag=88\r\n"
    "t: <sip:9000@203.0.113.5>;tag=b27e1a1d33761e85846fc98f5f3a7e58.1a2b\r\n"
    "i: 3848276298220188511@example.com\r\n"
    "CSeq:\r\n"
    "  2147483648\r\n"
    "\tINVITE\r\n"
    "Server: kamailio (5.8.4 (x86_64/linux))\r\n"
    "l: 0\r\n\r\n";

constexpr std::string_view kBye =
    "BYE sip:100@192.0.2.10:5062 SIP/2.0\r\n"
    "Via: SIP/2.0/UDP 203.0.113.5;branch=z9hG4bKbye\r\n"
    "From: <sip:9000@203.0.113.5>;tag=theirs\r\n"
    "To: <sip:100@pbx.example.com>;tag=ours\r\n"
    "Call-ID: 77e0\r\n"
    "CSeq: 102 BYE\r\n"
    "Content-Length: 0\r\n\r\n";

// A REGISTER's 200 with these lines.
std::string registered(const std::string& lines, const std::string& status = "200 OK") {
  return "SIP/2.0 " + status + "\r\nCSeq: 1 REGISTER\r\n" + lines + "\r\n";
}

std::optional<std::uint32_t> expires_of(const std::string& payload) {
  return only_answer(payload).expires_s;
}

}  // namespace

TEST_CASE("a challenge of Asterisk") {
  const Answer answer = only_answer(kAsteriskChallenge);
  CHECK(answer.status == 401);
  CHECK_FALSE(answer.bye);
  CHECK(answer.call_id == "77e0c1aa-2d55");
  CHECK(answer.cseq == 31443);
  CHECK(answer.method == "REGISTER");
  CHECK(answer.branch == "z9hG4bKPj3f1c");
  CHECK(answer.to_tag == "z9hG4bKPj3f1c");
  CHECK(answer.nonce == "1732345678/0f3d9c");
  CHECK(answer.other_nonce.empty());
  CHECK_FALSE(answer.stale);
  CHECK_FALSE(answer.expires_s);
}

TEST_CASE("a registration that FreeSWITCH accepted lives as long as its longest binding") {
  const Answer answer = only_answer(kFreeSwitchRegistered);
  CHECK(answer.status == 200);
  CHECK(answer.to_tag == "6eyUp8g2XZ0HD");
  CHECK(answer.branch == "z9hG4bK-7c1");
  CHECK(answer.expires_s == 1800U);
  CHECK(answer.nonce.empty());
}

TEST_CASE("an answer of Kamailio: compact forms, a folded CSeq, the topmost of two Vias") {
  const Answer answer = only_answer(kKamailioNotFound);
  CHECK(answer.status == 404);
  CHECK(answer.branch == "z9hG4bK51.a");
  CHECK(answer.call_id == "3848276298220188511@example.com");
  CHECK(answer.cseq == 2147483648U);
  CHECK(answer.method == "INVITE");
  CHECK(answer.to_tag == "b27e1a1d33761e85846fc98f5f3a7e58.1a2b");
}

TEST_CASE("a BYE is told, other requests are not") {
  const Answer answer = only_answer(kBye);
  CHECK(answer.bye);
  CHECK(answer.status == 0);
  CHECK(answer.call_id == "77e0");
  CHECK(answer.method == "BYE");
  CHECK(answers_of("INVITE sip:100@192.0.2.10 SIP/2.0\r\nCall-ID: 1\r\n\r\n").empty());
  CHECK(answers_of("BYEBYE sip:100@192.0.2.10 SIP/2.0\r\nCall-ID: 1\r\n\r\n").empty());
  for (const char* none : {"", "\r\n\r\n", "no SIP at all", "SIP/2.0 99 Too Low\r\n\r\n"})
    for (const auto protocol : {kUdp, kTcp}) CHECK(answers_of(none, protocol).empty());
}

TEST_CASE("the life of a registration: each Contact's own, else what Expires says") {
  CHECK(expires_of(registered("Contact: <sip:a@h>;expires=60\r\nExpires: 3600\r\n")) == 60U);
  CHECK(expires_of(registered("Contact: <sip:a@h>\r\nExpires: 3600\r\n")) == 3600U);
  CHECK(expires_of(registered("Contact: <sip:a@h>, <sip:b@h>;expires=60\r\nExpires: 3600\r\n")) == 3600U);
  CHECK(expires_of(registered("Contact: <sip:a@h>, <sip:b@h>;expires=60\r\n")) == 60U);
  CHECK(expires_of(registered("Contact: <sip:a@h>;expires=60\r\nm: <sip:b@h>;Expires=\"90\"\r\n")) == 90U);
  CHECK(expires_of(registered("Contact: <sip:a@h;expires=9999>;expires=60\r\n")) == 60U);
  CHECK(expires_of(registered("Contact: <sip:a@h>;expires=0\r\nExpires: 0\r\n")) == 0U);
  CHECK(expires_of(registered("Contact: <sip:a@h>;expires=99999999999\r\n")) == 4294967295U);
  CHECK(expires_of(registered("Expires: 3600\r\n")) == 3600U);
  CHECK_FALSE(expires_of(registered("Contact: <sip:a@h>\r\n")));
  CHECK_FALSE(expires_of(registered("")));
}

TEST_CASE("only an accepted registration has a life") {
  const std::string contact = "Contact: <sip:a@h>;expires=60\r\n";
  CHECK(expires_of(registered(contact, "202 Accepted")) == 60U);
  CHECK(expires_of(registered(contact, "299 Fine")) == 60U);
  CHECK_FALSE(expires_of(registered(contact, "300 Elsewhere")));
  CHECK_FALSE(expires_of(registered(contact, "199 Soon")));
  CHECK_FALSE(expires_of("SIP/2.0 200 OK\r\nCSeq: 1 INVITE\r\n" + contact + "\r\n"));
}

TEST_CASE("two challenges: the client may take either nonce") {
  const Answer two_headers = only_answer(
      "SIP/2.0 401 Unauthorized\r\n"
      "WWW-Authenticate: Digest realm=\"a\", algorithm=SHA-256, nonce=\"first\"\r\n"
      "WWW-Authenticate: Digest realm=\"a\", algorithm=MD5, nonce=\"second\"\r\n"
      "WWW-Authenticate: Digest realm=\"a\", algorithm=MD5, nonce=\"third\"\r\n\r\n");
  CHECK(two_headers.nonce == "first");
  CHECK(two_headers.other_nonce == "second");
  const Answer one_header = only_answer(
      "SIP/2.0 407 Proxy Authentication Required\r\n"
      "proxy-authenticate: Digest realm=\"a, b\",\r\n nonce=\"first\", Digest realm=\"a\", "
      "nonce=second\r\n\r\n");
  CHECK(one_header.nonce == "first");
  CHECK(one_header.other_nonce == "second");
}

TEST_CASE("a stale nonce is no refusal of credentials") {
  const auto stale = [](const std::string& parameters) {
    return only_answer("SIP/2.0 401 Unauthorized\r\nWWW-Authenticate: Digest " + parameters + "\r\n\r\n")
        .stale;
  };
  CHECK(stale("realm=\"a\", nonce=\"n\", stale=true"));
  CHECK(stale("Stale = \"TRUE\", nonce=\"n\""));
  CHECK_FALSE(stale("nonce=\"n\", stale=false"));
  CHECK_FALSE(stale("nonce=\"stale=true\""));
}

TEST_CASE("of a datagram the first message is read and nothing behind it") {
  const std::string two = std::string(kAsteriskChallenge) + std::string(kBye);
  CHECK(answers_of(two, kUdp).size() == 1);
  CHECK(answers_of(two, kTcp).size() == 2);
}

TEST_CASE("messages of one TCP segment, with a request and keepalives between them") {
  const std::string segment = std::string(kAsteriskChallenge) + "\r\n\r\n" +
                              "OPTIONS sip:100@h SIP/2.0\r\nCall-ID: o\r\nContent-Length: 4\r\n\r\nbody" +
                              std::string(kFreeSwitchRegistered) + std::string(kBye);
  const auto answers = answers_of(segment, kTcp);
  REQUIRE(answers.size() == 3);
  CHECK(answers[0].status == 401);
  CHECK(answers[1].status == 200);
  CHECK(answers[1].expires_s == 1800U);
  CHECK(answers[2].bye);
}

TEST_CASE("a segment that begins within a message: reading begins at the next start line") {
  const std::string segment =
      "ent-Length: 7\r\n\r\nv=0\r\ns=\r\n" + std::string(kKamailioNotFound) + std::string(kBye);
  const auto answers = answers_of(segment, kTcp);
  REQUIRE(answers.size() == 2);
  CHECK(answers[0].status == 404);
  CHECK(answers[1].bye);
  CHECK(answers_of("x" + std::string(kBye), kTcp).empty());
}

TEST_CASE("a body that looks like an answer is none") {
  const std::string fragment = "SIP/2.0 200 OK\r\nCSeq: 1 REGISTER\r\n\r\n";
  const auto notify = [&](const std::string& length) {
    return "NOTIFY sip:100@h SIP/2.0\r\nContent-Type: message/sipfrag\r\nContent-Length: " + length +
           "\r\n\r\n" + fragment;
  };
  const std::string whole = std::to_string(fragment.size());
  CHECK(answers_of(notify(whole), kUdp).empty());
  CHECK(answers_of(notify(whole), kTcp).empty());
  CHECK(answers_of(notify(whole) + std::string(kBye), kTcp).size() == 1);
  CHECK(answers_of(notify("99999"), kTcp).empty());
}

TEST_CASE("a head that is cut is read as far as its last whole line") {
  const std::string_view whole = kAsteriskChallenge;
  for (const auto protocol : {kUdp, kTcp})
    for (std::size_t size = 0; size <= whole.size(); ++size) {
      const auto answers = answers_of(whole.substr(0, size), protocol);
      if (answers.empty()) {
        CHECK(size < std::string_view("SIP/2.0 401 ").size());
        continue;
      }
      const Answer full = only_answer(whole);
      const Answer& cut = answers.front();
      CHECK(answers.size() == 1);
      CHECK(cut.status == 401);
      CHECK((cut.call_id.empty() || cut.call_id == full.call_id));
      CHECK((cut.nonce.empty() || cut.nonce == full.nonce));
      CHECK((cut.method.empty() || cut.method == full.method));
    }
  CHECK(answers_of(whole.substr(0, whole.find("Server")), kTcp).front().nonce == "1732345678/0f3d9c");
  CHECK(answers_of(whole.substr(0, whole.find("Server") - 2), kTcp).front().nonce.empty());
}

TEST_CASE("an answer with more headers than are read") {
  std::string segment = "SIP/2.0 200 OK\r\nCall-ID: many\r\n";
  for (std::size_t i = 0; i < sip::kHeadersMax; ++i) segment += "X: y\r\n";
  segment += "\r\n" + std::string(kBye);
  const auto answers = answers_of(segment, kTcp);
  REQUIRE(answers.size() == 1);
  CHECK(answers.front().call_id == "many");
}
