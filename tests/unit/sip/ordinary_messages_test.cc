#include "ordinary_messages.h"

#include "sip/message.h"
#include "support/catch.h"

namespace sipward::test {
namespace {

// How a user agent writes what all of them say.
struct Agent {
  std::string name;
  std::string via;
  std::string from;
  std::string to;
  std::string contact;
  std::string call_id;
};

struct Kind {
  std::string start;
  std::string to_tag;
  std::string cseq;
  std::string more;
  std::string body;
};

const std::vector<Agent>& agents() {
  static const std::vector<Agent> kAgents = {
      {"Yealink SIP-T46U 108.86.0.20", "SIP/2.0/UDP 192.0.2.10:5060;branch=z9hG4bK2041373520",
       R"("Bob" <sip:1001@pbx.example>;tag=1763297264)", "<sip:1002@pbx.example>",
       "<sip:1001@192.0.2.10:5060>", "0_2714031650@192.0.2.10"},
      {"Asterisk PBX 18.10.0", "SIP/2.0/UDP 192.0.2.20:5060;rport;branch=z9hG4bKPj8c1f8f0d-2a6e-4d8a",
       R"("Alice" <sip:alice@192.0.2.20>;tag=ee0b4f5f-9ba1)", "<sip:00442079460000@203.0.113.5>",
       "<sip:asterisk@192.0.2.20:5060;transport=udp>", "6b3d2a10-8b4e-4f6b-9a1c-7d3c2b1a0f9e"},
      {"FreeSWITCH-mod_sofia/1.10.9-release~64bit",
       "SIP/2.0/TCP gw.example;rport=5080;branch=z9hG4bKXXQ3g0vKtHyXg",
       "<sip:+12025550123@gw.example;user=phone>;tag=ar9Nmj1vrr1QK", "sip:+442079460000@carrier.example",
       "<sip:mod_sofia@198.51.100.7:5080;transport=tcp>;q=0.5", "f81d4fae-7dec-11d0-a765-00a0c91e6bf6"},
      {"Cisco-CP8841/12.8.1", "SIP/2.0/TLS phone.example:5061;received=198.51.100.9;branch=z9hG4bK0a1b2c3d",
       "<sip:4711@ucm.example>;tag=00e0b0cafe0700113f2b-22f4", "<sip:4712@ucm.example;user=phone>",
       "<sip:4711@198.51.100.9:52211;transport=tls>;+sip.instance=\"<urn:uuid:00000000-0000>\"",
       "00e0b0ca-fe070003-1b2c@198.51.100.9"},
      {"Linphone/5.2.3 (Pixel 8) LinphoneSDK/5.3.14 (tags/5.3.14^0)",
       "SIP/2.0/UDP [2001:db8::9:1]:41312;branch=z9hG4bK.tTsfcbnDd;rport",
       "\"M\xC3\xBCller, K.\" <sip:km@[2001:db8::1]>;tag=7~tJw1QxC", "\"Office\"<sip:office@example.net>",
       "<sip:km@[2001:db8::9:1]:41312;transport=udp>;expires=3600", "rJx9iQjY3b"},
  };
  return kAgents;
}

const std::vector<Kind>& kinds() {
  static const std::string kSdp =
      "v=0\r\no=- 1 1 IN IP4 192.0.2.10\r\ns=call\r\nc=IN IP4 192.0.2.10\r\nt=0 0\r\nm=audio 40000 RTP/AVP 8 "
      "0\r\n";
  static const std::vector<Kind> kKinds = {
      {"REGISTER sip:pbx.example SIP/2.0", "", "1 REGISTER", "Expires: 3600\r\n", ""},
      {"REGISTER sip:pbx.example SIP/2.0", "", "2 REGISTER",
       "Authorization: Digest username=\"1001\", realm=\"pbx.example\", nonce=\"5f1a\", "
       "uri=\"sip:pbx.example\", "
       "response=\"6629fae49393a05397450978507c4ef1\", algorithm=MD5\r\n",
       ""},
      {"INVITE sip:1002@pbx.example;user=phone SIP/2.0", "", "102 INVITE",
       "Supported: timer, 100rel\r\nSession-Expires: 1800;refresher=uac\r\nMin-SE: 90\r\nContent-Type: "
       "application/sdp\r\n",
       kSdp},
      {"INVITE sip:1002@198.51.100.7:5080;transport=tcp SIP/2.0", ";tag=9fxced76sl", "103 INVITE",
       "Route: <sip:p1.example;lr>, <sip:p2.example;lr>\r\nContent-Type: application/sdp\r\n", kSdp},
      {"ACK sip:1002@198.51.100.7 SIP/2.0", ";tag=9fxced76sl", "102 ACK", "", ""},
      {"BYE sip:1002@198.51.100.7 SIP/2.0", ";tag=9fxced76sl", "104 BYE", "Reason: Q.850;cause=16\r\n", ""},
      {"CANCEL sip:1002@pbx.example SIP/2.0", "", "102 CANCEL", "", ""},
      {"OPTIONS sip:pbx.example SIP/2.0", "", "7 OPTIONS", "Accept: application/sdp\r\n", ""},
      {"SUBSCRIBE sip:1001@pbx.example SIP/2.0", "", "3 SUBSCRIBE",
       "Event: message-summary\r\nExpires: 3600\r\n", ""},
      {"SIP/2.0 200 OK", ";tag=9fxced76sl", "102 INVITE",
       "Record-Route: <sip:p1.example;lr>\r\nAllow: INVITE, ACK, BYE\r\nContent-Type: application/sdp\r\n",
       kSdp},
      {"SIP/2.0 180 Ringing", ";tag=9fxced76sl", "102 INVITE", "", ""},
      {"SIP/2.0 401 Unauthorized", ";tag=as5c1a", "1 REGISTER",
       "WWW-Authenticate: Digest algorithm=MD5, realm=\"pbx.example\", nonce=\"5f1a\"\r\n", ""},
  };
  return kKinds;
}

std::string message(const Kind& kind, const Agent& agent) {
  const bool response = kind.start.starts_with("SIP/");
  return kind.start + "\r\nVia: " + agent.via + "\r\nMax-Forwards: 70\r\nFrom: " + agent.from +
         "\r\nTo: " + agent.to + kind.to_tag + "\r\nCall-ID: " + agent.call_id + "\r\nCSeq: " + kind.cseq +
         "\r\nContact: " + agent.contact + "\r\n" + (response ? "Server: " : "User-Agent: ") + agent.name +
         "\r\n" + kind.more + "Content-Length: " + std::to_string(kind.body.size()) + "\r\n\r\n" + kind.body;
}

}  // namespace

std::vector<std::string> ordinary_messages() {
  std::vector<std::string> result;
  for (const Kind& kind : kinds()) {
    for (const Agent& agent : agents()) result.push_back(message(kind, agent));
  }
  return result;
}

}  // namespace sipward::test

TEST_CASE("ordinary messages have no defect", "[sip]") {
  sipward::sip::Message message;
  const std::vector<std::string> messages = sipward::test::ordinary_messages();
  CHECK(messages.size() == 60);
  for (const std::string& bytes : messages) {
    INFO(bytes);
    message.read(bytes);
    CHECK((message.kind() == sipward::sip::Kind::request || message.kind() == sipward::sip::Kind::response));
    CHECK(message.defects().bits() == 0);
  }
}
