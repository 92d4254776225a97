#include "sip/message.h"

#include <string>
#include <vector>

#include "support/catch.h"

using namespace sipward::sip;
using namespace std::string_literals;

namespace {

const std::string kFive =
    "Via: SIP/2.0/UDP 192.0.2.9;branch=z9hG4bK1\r\nFrom: <sip:a@b>;tag=1\r\nTo: <sip:c@d>\r\nCall-ID: 1\r\n"
    "CSeq: 1 OPTIONS\r\n";

// A request without defects whose headers end with `more`.
std::string options_with(const std::string& more) {
  return "OPTIONS sip:c@d SIP/2.0\r\n" + kFive + more + "\r\n";
}

std::uint16_t bits(std::initializer_list<Defect> defects) {
  Defects all;
  for (const Defect defect : defects) all.add(defect);
  return all.bits();
}

struct KindRow {
  const char* name;
  std::string bytes;
  Kind expected;
};

struct DefectRow {
  const char* name;
  std::string bytes;
  std::uint16_t expected;
};

struct BodyRow {
  const char* name;
  std::string headers;
  std::string_view expected;
};

// 20 bytes: Binding request, `length` as in the header, the cookie and a transaction id.
std::string stun(unsigned first, unsigned length, const std::string& cookie = "\x21\x12\xA4\x42") {
  return std::string{static_cast<char>(first), '\x01', static_cast<char>(length / 256),
                     static_cast<char>(length % 256)} +
         cookie + "0123456789ab";
}

}  // namespace

TEST_CASE("kinds of payload", "[sip][message]") {
  const std::vector<KindRow> rows = {
      {"request", options_with(""), Kind::request},
      {"response", "SIP/2.0 200 OK\r\n" + kFive + "\r\n", Kind::response},
      {"request behind CRLFs", "\r\n\r\n" + options_with(""), Kind::request},
      {"request behind lines of blanks", " \t\r\n\n" + options_with(""), Kind::request},
      {"start line alone", "OPTIONS sip:a SIP/2.0", Kind::request},
      {"empty", "", Kind::keepalive},
      {"CRLF CRLF", "\r\n\r\n", Kind::keepalive},
      {"blanks and line ends", " \t\r\n ", Kind::keepalive},
      {"blank and a byte", " x", Kind::not_sip},
      {"one NUL", std::string(1, '\0'), Kind::keepalive},
      {"16 NULs", std::string(16, '\0'), Kind::keepalive},
      {"17 NULs", std::string(17, '\0'), Kind::not_sip},
      {"NULs and a byte", std::string(4, '\0') + "x", Kind::not_sip},
      {"STUN", stun(0, 0), Kind::keepalive},
      {"STUN with an attribute", stun(0, 4) + "abcd", Kind::keepalive},
      {"STUN with 256 bytes", stun(0, 256) + std::string(256, 'a'), Kind::keepalive},
      {"STUN, highest type", stun(0x3F, 0), Kind::keepalive},
      {"STUN, first two bits 01", stun(0x40, 0), Kind::not_sip},
      {"STUN, first two bits 10", stun(0x80, 0), Kind::not_sip},
      {"STUN, another cookie", stun(0, 0, "\x21\x12\xA4\x43"), Kind::not_sip},
      {"STUN, length too large", stun(0, 4), Kind::not_sip},
      {"STUN, length too small", stun(0, 0) + "abcd", Kind::not_sip},
      {"STUN, length no multiple of 4", stun(0, 3) + "abc", Kind::not_sip},
      {"STUN, 19 bytes", stun(0, 0).substr(0, 19), Kind::not_sip},
      {"SSDP", "NOTIFY * HTTP/1.1\r\nHost: x\r\n\r\n", Kind::not_sip},
      {"garbage before the start line", "x\r\n" + options_with(""), Kind::not_sip},
      {"bare CR is no line end", "OPTIONS sip:a SIP/2.0\rVia: x\r\r", Kind::not_sip},
  };
  for (const KindRow& row : rows) {
    INFO(row.name);
    Message message;
    message.read(row.bytes);
    CHECK(message.kind() == row.expected);
  }
}

TEST_CASE("the start line of a request and of a response", "[sip][message]") {
  const std::string request = "\r\n" + options_with("");
  Message message;
  message.read(request);
  CHECK(message.method() == "OPTIONS");
  CHECK(message.request_uri() == "sip:c@d");
  CHECK(message.status() == 0);
  CHECK(message.start_line() == "OPTIONS sip:c@d SIP/2.0");

  message.read("SIP/2.0 486 Busy Here\n\n");
  CHECK(message.method().empty());
  CHECK(message.request_uri().empty());
  CHECK(message.status() == 486);
  CHECK(message.start_line() == "SIP/2.0 486 Busy Here");

  message.read("NOTIFY * HTTP/1.1\r\n\r\n");
  CHECK(message.start_line() == "NOTIFY * HTTP/1.1");
  CHECK(message.method().empty());
}

TEST_CASE("each defect and the spelling next to it that is none", "[sip][message]") {
  const std::string start = "OPTIONS sip:c@d SIP/2.0\r\n";
  const auto no_defect = bits({});
  const std::vector<DefectRow> rows = {
      {"none", options_with(""), no_defect},
      {"none in a response without headers", "SIP/2.0 200 OK\r\n\r\n", no_defect},
      {"LF in the start line", "OPTIONS sip:c@d SIP/2.0\n" + kFive + "\r\n", bits({Defect::bare_lf})},
      {"LF in a header", options_with("X: y\n"), bits({Defect::bare_lf})},
      {"LF in a fold", options_with("X: y\n z\r\n"), bits({Defect::bare_lf})},
      {"LF for the empty line", start + kFive + "\n", bits({Defect::bare_lf})},
      {"LF in the body", options_with("") + "a\nb\n", no_defect},
      {"NUL in a value", options_with("X: a\0b\r\n"s), bits({Defect::nul_byte})},
      {"NUL in a name", options_with("X\0: a\r\n"s), bits({Defect::nul_byte, Defect::odd_name})},
      {"NUL in the URI", "OPTIONS sip:\0 SIP/2.0\r\n"s + kFive + "\r\n", bits({Defect::nul_byte})},
      {"NUL in the body", options_with("") + "a\0b"s, no_defect},
      {"no colon", options_with("X\r\n"), bits({Defect::no_colon})},
      {"a line of CR", options_with("\r\r\n"), bits({Defect::no_colon, Defect::bare_cr})},
      {"control byte behind the name", options_with("X\x01: a\r\n"), bits({Defect::odd_name})},
      {"separator in the name", options_with("X/Y: a\r\n"), bits({Defect::odd_name})},
      {"blank in the name", options_with("X Y: a\r\n"), bits({Defect::odd_name})},
      {"no name", options_with(": a\r\n"), bits({Defect::odd_name})},
      {"blanks before the colon", options_with("X \t : a\r\n"), no_defect},
      {"all token characters in the name", options_with("-.!%*_+`'~aZ09: a\r\n"), no_defect},
      {"fold before the colon", options_with("X\r\n : a\r\n"), bits({Defect::odd_name})},
      {"indented first header", start + " " + kFive + "\r\n", bits({Defect::odd_name})},
      {"line of blanks behind the start line", start + " \r\n" + kFive + "\r\n", bits({Defect::no_colon})},
      {"two blanks in the start line", "OPTIONS  sip:c@d SIP/2.0\r\n" + kFive + "\r\n",
       bits({Defect::odd_start_line})},
      {"indented start line", " " + options_with(""), bits({Defect::odd_start_line})},
      {"no empty line", start + kFive, bits({Defect::unended})},
      {"cut within a header", start + kFive + "X: y", bits({Defect::unended})},
      {"cut within a line end", start + kFive + "X: y\r", bits({Defect::unended})},
      {"CR in a value", options_with("X: a\rUser-Agent: b\r\n"), bits({Defect::bare_cr})},
      {"two CRs before the LF", options_with("X: a\r\r\n"), bits({Defect::bare_cr})},
      {"CR in the body", options_with("") + "a\rb", no_defect},
      {"From twice", options_with("f: <sip:x@y>\r\n"), bits({Defect::repeated_header})},
      {"To twice", options_with("TO: <sip:x@y>\r\n"), bits({Defect::repeated_header})},
      {"Call-ID twice", options_with("i: 2\r\n"), bits({Defect::repeated_header})},
      {"CSeq twice", options_with("CSeq: 2 OPTIONS\r\n"), bits({Defect::repeated_header})},
      {"Content-Length twice", options_with("l: 0\r\nContent-Length: 0\r\n"),
       bits({Defect::repeated_header})},
      {"Content-Length once", options_with("l: 0\r\n"), no_defect},
      {"Via twice", options_with("v: SIP/2.0/UDP b\r\n"), no_defect},
      {"unknown header twice", options_with("Y: a\r\nY: a\r\n"), no_defect},
      {"no headers at all", start + "\r\n", bits({Defect::missing_header})},
  };
  for (const DefectRow& row : rows) {
    INFO(row.name);
    Message message;
    message.read(row.bytes);
    CHECK(message.defects().bits() == row.expected);
    CHECK(message.defects().any() == (row.expected != 0));
  }
}

TEST_CASE("a request needs five headers, a response none", "[sip][message]") {
  const std::vector<std::string> five = {"v: x\r\n", "f: x\r\n", "t: x\r\n", "i: x\r\n",
                                         "CSeq: 1 OPTIONS\r\n"};
  for (std::size_t left_out = 0; left_out <= five.size(); ++left_out) {
    std::string headers;
    for (std::size_t i = 0; i < five.size(); ++i) headers += i == left_out ? "" : five[i];
    INFO(headers);
    Message message;
    const std::string request = "OPTIONS sip:a SIP/2.0\r\n" + headers + "\r\n";
    message.read(request);
    CHECK(message.defects().has(Defect::missing_header) == (left_out < five.size()));
    const std::string response = "SIP/2.0 200 OK\r\n" + headers + "\r\n";
    message.read(response);
    CHECK_FALSE(message.defects().has(Defect::missing_header));
  }
}

TEST_CASE("the method of CSeq", "[sip][message]") {
  struct Row {
    const char* name;
    std::string cseq;
    bool mismatch;
  };
  const std::vector<Row> rows = {
      {"same", "1 OPTIONS", false},
      {"zeros and blanks", "0009 \t OPTIONS", false},
      {"folded", "\r\n 1\r\n OPTIONS", false},
      {"another", "1 INVITE", true},
      {"another letter case", "1 options", true},
      {"longer", "1 OPTIONSX", true},
      {"more behind it", "1 OPTIONS x", true},
      {"no number", "OPTIONS", true},
      {"no method", "1", true},
      {"no blank", "1OPTIONS", true},
      {"negative", "-1 OPTIONS", true},
      {"empty", "", true},
  };
  for (const Row& row : rows) {
    INFO(row.name);
    const std::string headers = "v: x\r\nf: x\r\nt: x\r\ni: x\r\nCSeq:" + row.cseq + "\r\n\r\n";
    Message message;
    message.read("OPTIONS sip:a SIP/2.0\r\n" + headers);
    CHECK(message.defects().bits() == (row.mismatch ? bits({Defect::method_mismatch}) : 0));
    message.read("SIP/2.0 200 OK\r\n" + headers);
    CHECK(message.defects().bits() == 0);
  }
}

TEST_CASE("the body and Content-Length", "[sip][message]") {
  const std::vector<BodyRow> rows = {
      {"no length", "", "0123456789"},
      {"exact", "Content-Length: 10\r\n", "0123456789"},
      {"one less", "Content-Length: 9\r\n", "012345678"},
      {"one more", "Content-Length: 11\r\n", "0123456789"},
      {"none", "Content-Length: 0\r\n", ""},
      {"compact form", "l: 3\r\n", "012"},
      {"zeros", "l:0003\r\n", "012"},
      {"folded", "Content-Length:\r\n\t3\r\n", "012"},
      {"largest", "l: 18446744073709551615\r\n", "0123456789"},
      {"too large for the type", "l: 18446744073709551616\r\n", "0123456789"},
      {"negative", "l: -1\r\n", "0123456789"},
      {"signed", "l: +3\r\n", "0123456789"},
      {"no number", "l: x\r\n", "0123456789"},
      {"number and more", "l: 3 4\r\n", "0123456789"},
      {"empty", "l:\r\n", "0123456789"},
      {"twice: the first counts", "l: 3\r\nl: 5\r\n", "012"},
  };
  for (const BodyRow& row : rows) {
    INFO(row.name);
    const std::string bytes = options_with(row.headers) + "0123456789";
    Message message;
    message.read(bytes);
    CHECK(message.body() == row.expected);
  }
}

TEST_CASE("a message read over another keeps nothing of it", "[sip][message]") {
  Message message;
  const std::string earlier = options_with("User-Agent: friendly-scanner\r\nX\r\n") + "body";
  message.read(earlier);
  REQUIRE(message.find(HeaderName::user_agent) != nullptr);
  REQUIRE(message.body() == "body");

  SECTION("a smaller one") {
    message.read("SIP/2.0 200 OK\r\nTo: x\r\n\r\n");
    CHECK(message.headers().size() == 1);
    CHECK(message.defects().bits() == 0);
    CHECK(message.method().empty());
    REQUIRE(message.find(HeaderName::to) != nullptr);
    CHECK(message.find(HeaderName::to)->value == "x");
  }
  SECTION("a keepalive") {
    message.read("\r\n\r\n");
  }
  SECTION("something else") {
    message.read("GET / HTTP/1.1\r\n\r\n");
  }
  CHECK(message.find(HeaderName::user_agent) == nullptr);
  CHECK(message.find(HeaderName::from) == nullptr);
  CHECK(message.body().empty());
  if (message.kind() == Kind::response) return;
  CHECK(message.headers().empty());
  CHECK(message.method().empty());
  CHECK(message.request_uri().empty());
  CHECK(message.status() == 0);
  CHECK(message.defects().bits() == 0);
}
