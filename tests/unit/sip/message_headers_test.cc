#include <string>
#include <vector>

#include "sip/message.h"
#include "support/catch.h"

using namespace sipward::sip;
using namespace std::string_literals;

namespace {

struct Expected {
  HeaderName name;
  std::string spelled;
  std::string value;
  bool folded = false;
};

struct Row {
  const char* name;
  std::string headers;
  std::vector<Expected> expected;
};

void check(const Message& message, const std::vector<Expected>& expected) {
  REQUIRE(message.headers().size() == expected.size());
  for (std::size_t i = 0; i < expected.size(); ++i) {
    INFO("header " << i);
    const Header& header = message.headers()[i];
    CHECK(header.name == expected[i].name);
    CHECK(header.spelled == expected[i].spelled);
    CHECK(header.value == expected[i].value);
    CHECK(header.folded == expected[i].folded);
  }
}

}  // namespace

TEST_CASE("headers as they are spelled in the field", "[sip][message]") {
  const std::vector<Row> rows = {
      {"plain", "User-Agent: pplsip\r\n", {{HeaderName::user_agent, "User-Agent", "pplsip"}}},
      {"no blank", "User-Agent:pplsip\r\n", {{HeaderName::user_agent, "User-Agent", "pplsip"}}},
      {"letter case", "uSER-aGENT: x\r\n", {{HeaderName::user_agent, "uSER-aGENT", "x"}}},
      {"blanks before the colon", "User-Agent \t: x\r\n", {{HeaderName::user_agent, "User-Agent", "x"}}},
      {"blanks around the value", "To: \t x \t\r\n", {{HeaderName::to, "To", "x"}}},
      {"empty value", "Subject:\r\n", {{HeaderName::subject, "Subject", ""}}},
      {"compact", "s : x\r\n", {{HeaderName::subject, "s", "x"}}},
      {"colons in the value", "To: sip:a:b@c\r\n", {{HeaderName::to, "To", "sip:a:b@c"}}},
      {"unknown", "X-Any: x\r\n", {{HeaderName::other, "X-Any", "x"}}},
      {"commas stay", "Via: a, b ,c\r\n", {{HeaderName::via, "Via", "a, b ,c"}}},
      {"repeated", "Via: a\r\nv: b\r\n", {{HeaderName::via, "Via", "a"}, {HeaderName::via, "v", "b"}}},
      {"LF alone", "To: x\nFrom: y\n", {{HeaderName::to, "To", "x"}, {HeaderName::from, "From", "y"}}},
      {"mixed ends",
       "To: x\nFrom: y\r\nVia: z\n",
       {{HeaderName::to, "To", "x"}, {HeaderName::from, "From", "y"}, {HeaderName::via, "Via", "z"}}},
      {"CR is no line end", "To: x\rFrom: y\r\n", {{HeaderName::to, "To", "x\rFrom: y"}}},
      {"two CRs before the LF", "To: x\r\r\n", {{HeaderName::to, "To", "x"}}},
      {"no colon", "garbage\r\nTo: x\r\n", {{HeaderName::to, "To", "x"}}},
      {"NUL in the value",
       "To: x\0y\r\nFrom: z\r\n"s,
       {{HeaderName::to, "To", "x\0y"s}, {HeaderName::from, "From", "z"}}},
  };
  for (const Row& row : rows) {
    INFO(row.name);
    const std::string bytes = "SIP/2.0 200 OK\r\n" + row.headers + "\r\n";
    Message message;
    message.read(bytes);
    check(message, row.expected);
  }
}

TEST_CASE("folded headers", "[sip][message]") {
  const std::vector<Row> rows = {
      {"by a space", "To: a\r\n b\r\n", {{HeaderName::to, "To", "a\r\n b", true}}},
      {"by a tab", "To: a\r\n\tb\r\n", {{HeaderName::to, "To", "a\r\n\tb", true}}},
      {"by LF", "To: a\n b\n", {{HeaderName::to, "To", "a\n b", true}}},
      {"twice", "To: a\r\n b\r\n  c\r\n", {{HeaderName::to, "To", "a\r\n b\r\n  c", true}}},
      {"at the colon", "To:\r\n a\r\n", {{HeaderName::to, "To", "a", true}}},
      {"line of blanks, the RFC has it continue",
       "To: a\r\n \r\nFrom: b\r\n",
       {{HeaderName::to, "To", "a", true}, {HeaderName::from, "From", "b"}}},
      {"a header in a continuation is none",
       "Subject: a\r\n User-Agent: b\r\n",
       {{HeaderName::subject, "Subject", "a\r\n User-Agent: b", true}}},
      {"before the colon", "To\r\n : a\r\n", {{HeaderName::to, "To", "a", true}}},
      {"behind a line without colon", "x\r\n To: a\r\n", {{HeaderName::other, "x\r\n To", "a", true}}},
      {"a line that looks folded but is first",
       " To: a\r\nFrom: b\r\n",
       {{HeaderName::to, "To", "a"}, {HeaderName::from, "From", "b"}}},
      {"the next line is not folded",
       "To: a\r\n b\r\nFrom: c\r\n",
       {{HeaderName::to, "To", "a\r\n b", true}, {HeaderName::from, "From", "c"}}},
  };
  for (const Row& row : rows) {
    INFO(row.name);
    const std::string bytes = "SIP/2.0 200 OK\r\n" + row.headers + "\r\n";
    Message message;
    message.read(bytes);
    check(message, row.expected);
  }
}

TEST_CASE("bytes that are no name hide no header", "[sip][message]") {
  const std::vector<Row> rows = {
      {"control byte", "To\x01: a\r\n", {{HeaderName::to, "To\x01", "a"}}},
      {"control byte and blank", "To\x01 : a\r\n", {{HeaderName::to, "To\x01", "a"}}},
      {"blank and control byte", "To \x01: a\r\n", {{HeaderName::to, "To \x01", "a"}}},
      {"NUL", "To\0: a\r\n"s, {{HeaderName::to, "To\0"s, "a"}}},
      {"CR", "To\r: a\r\n", {{HeaderName::to, "To", "a"}}},
      {"byte above 127", "User-Agent\xff\x80: a\r\n", {{HeaderName::user_agent, "User-Agent\xff\x80", "a"}}},
      {"separators", "User-Agent()/: a\r\n", {{HeaderName::user_agent, "User-Agent()/", "a"}}},
      {"compact", "f\x1f: a\r\n", {{HeaderName::from, "f\x1f", "a"}}},
      {"token characters make it another name", "To\x01x: a\r\n", {{HeaderName::other, "To\x01x", "a"}}},
      {"in the midst", "T\x01o: a\r\n", {{HeaderName::other, "T\x01o", "a"}}},
      {"before it", "\x01To: a\r\n", {{HeaderName::other, "\x01To", "a"}}},
      {"nothing else", "\x01: a\r\n", {{HeaderName::other, "\x01", "a"}}},
  };
  for (const Row& row : rows) {
    INFO(row.name);
    const std::string bytes = "SIP/2.0 200 OK\r\n" + row.headers + "\r\n";
    Message message;
    message.read(bytes);
    CHECK(message.defects().has(Defect::odd_name));
    check(message, row.expected);
  }
}

TEST_CASE("find gives the first of a name", "[sip][message]") {
  const std::string bytes = "SIP/2.0 200 OK\r\nUnknown: 1\r\nVia: a\r\nY: 2\r\nv: b\r\nTo: c\r\n\r\n";
  Message message;
  message.read(bytes);
  REQUIRE(message.find(HeaderName::via) != nullptr);
  CHECK(message.find(HeaderName::via)->value == "a");
  REQUIRE(message.find(HeaderName::to) == &message.headers()[4]);
  REQUIRE(message.find(HeaderName::other) == &message.headers()[0]);
  CHECK(message.find(HeaderName::from) == nullptr);
  CHECK(message.find(HeaderName::count_) == nullptr);
}

TEST_CASE("256 headers are read, the 257th is not", "[sip][message]") {
  const auto with_headers = [](std::size_t count) {
    std::string bytes = "OPTIONS sip:a SIP/2.0\r\n";
    for (std::size_t i = 1; i < count; ++i) bytes += "Y: a\r\n";
    return bytes + "User-Agent: last\r\n\r\nbody";
  };
  Message message;
  const std::string full = with_headers(kHeadersMax);
  message.read(full);
  CHECK(message.headers().size() == kHeadersMax);
  CHECK_FALSE(message.defects().has(Defect::too_many_headers));
  CHECK(message.defects().has(Defect::missing_header));
  REQUIRE(message.find(HeaderName::user_agent) == &message.headers().back());
  CHECK(message.body() == "body");

  const std::string over = with_headers(kHeadersMax + 1);
  message.read(over);
  CHECK(message.headers().size() == kHeadersMax);
  CHECK(message.defects().bits() == static_cast<std::uint16_t>(Defect::too_many_headers));
  CHECK(message.find(HeaderName::user_agent) == nullptr);
  CHECK(message.body().empty());
}
