#include "sip/framer.h"

#include <random>
#include <string>
#include <vector>

#include "sip/message.h"
#include "support/catch.h"

using namespace sipward::sip;
using namespace std::string_literals;

namespace {

const std::string kStart = "OPTIONS sip:100@192.0.2.1 SIP/2.0\r\n";

std::string with_headers(const std::string& headers) {
  return kStart + headers + "\r\n";
}

struct HeadRow {
  const char* name;
  std::string head;
};

struct LengthRow {
  const char* name;
  std::string headers;
  LengthField field;
  std::size_t bytes;
};

struct StartRow {
  const char* name;
  std::string bytes;
  Frame::Is is;
};

// The first answer but `incomplete` when `bytes` arrive `step` at a time, and how many had arrived then.
struct Arrival {
  Frame frame;
  std::size_t arrived = 0;
};

Arrival frame_in_steps(const std::string& bytes, std::size_t step) {
  Arrival result;
  while (result.frame.is == Frame::Is::incomplete && result.arrived < bytes.size()) {
    result.arrived = std::min(result.arrived + step, bytes.size());
    result.frame = frame_message(std::string_view(bytes).substr(0, result.arrived), result.frame.progress);
  }
  return result;
}

void check_same(const Frame& frame, const Frame& expected) {
  CHECK(frame.is == expected.is);
  CHECK(frame.size == expected.size);
  CHECK(frame.length == expected.length);
  CHECK(frame.content_length == expected.content_length);
}

// A message of pieces that are hard to read, with and without an end.
std::string generate(std::mt19937& random) {
  static const std::vector<std::string> kPieces = {
      "\r\n",     "\n",      "\r",       "\r\r\n", " ",      "\t",    ":",    "Via: x", "l : 3",
      "a",        "To\x01:", "\r\n\r\n", "\n\n",   "\n\r\n", "\r\n ", "\n\t", "\0"s,    "Content-Length: 7",
      "no colon", "\r\n\r"};
  std::string bytes = "OPTIONS sip:a@b SIP/2.0";
  const std::size_t pieces = random() % 14;
  for (std::size_t i = 0; i < pieces; ++i) bytes += kPieces[random() % kPieces.size()];
  return bytes;
}

}  // namespace

TEST_CASE("a head ends at its first empty line", "[sip][framer]") {
  const std::vector<HeadRow> rows = {
      {"CRLF", with_headers("Via: x\r\nTo: y\r\n")},
      {"no header", with_headers("")},
      {"LF", "OPTIONS sip:a SIP/2.0\nVia: x\n\n"},
      {"mixed, LF last", "OPTIONS sip:a SIP/2.0\r\nVia: x\nTo: y\r\n\n"},
      {"mixed, CRLF last", "OPTIONS sip:a SIP/2.0\nVia: x\r\nTo: y\n\r\n"},
      {"status line", "SIP/2.0 200 OK\r\nVia: x\r\n\r\n"},
      {"version in another case", "sip/2.0 200 OK\r\n\r\n"},
      {"folded", with_headers("Via: x\r\n y\r\n\tz\r\n")},
      {"line of blanks is none", with_headers("Via: x\r\n  \r\n \r\nTo: y\r\n")},
      {"blanks behind the start line are none", with_headers(" \r\nVia: x\r\n")},
      {"line of one CR is none", with_headers("Via: x\r\n\r\r\nTo: y\r\n")},
      {"bare CRs are none", with_headers("Via: x\r\rTo: y\r\n")},
      {"NUL", with_headers("Via: \0\0\r\n"s)},
      {"blanks before the method", "  OPTIONS sip:a SIP/2.0\r\n\r\n"},
      {"CR before the method", "\rOPTIONS sip:a SIP/2.0\r\n\r\n"},
  };
  for (const HeadRow& row : rows) {
    INFO(row.name);
    const Frame frame = frame_message(row.head + "\r\n\r\nOPTIONS sip:b SIP/2.0\r\n\r\n");
    CHECK(frame.is == Frame::Is::message);
    CHECK(frame.size == row.head.size());
    CHECK(frame_message(std::string_view(row.head).substr(0, row.head.size() - 1)).is ==
          Frame::Is::incomplete);
  }
}

TEST_CASE("what Content-Length says", "[sip][framer]") {
  const std::vector<LengthRow> rows = {
      {"none", "Via: x\r\n", LengthField::missing, 0},
      {"plain", "Content-Length: 150\r\n", LengthField::given, 150},
      {"zero", "Content-Length: 0\r\n", LengthField::given, 0},
      {"compact", "l:7\r\n", LengthField::given, 7},
      {"compact, upper case", "L: 7\r\n", LengthField::given, 7},
      {"letter case", "cOnTeNt-LeNgTh: 7\r\n", LengthField::given, 7},
      {"blanks before the colon", "Content-Length \t: 7 \t\r\n", LengthField::given, 7},
      {"folded", "Content-Length:\r\n 7\r\n", LengthField::given, 7},
      {"colon in the continuation", "Content-Length\r\n : 7\r\n", LengthField::given, 7},
      {"control byte behind the name", "Content-Length\x01: 7\r\n", LengthField::given, 7},
      {"indented behind the start line", " Content-Length: 7\r\n", LengthField::given, 7},
      {"leading zeros", "Content-Length: 0007\r\n", LengthField::given, 7},
      {"last of many headers", "Via: x\r\nTo: y\nl: 7\r\n", LengthField::given, 7},
      {"another name", "X-Content-Length: 7\r\n", LengthField::missing, 0},
      {"in a continuation of another", "Via: x\r\n Content-Length: 7\r\n", LengthField::missing, 0},
      {"twice the same", "Content-Length: 7\r\nl: 07\r\n", LengthField::given, 7},
      {"twice, they differ", "Content-Length: 7\r\nl: 8\r\n", LengthField::contradictory, 0},
      {"thrice, the last differs", "l: 7\r\nl: 7\r\nl: 8\r\n", LengthField::contradictory, 0},
      {"differ, then the first again", "l: 7\r\nl: 8\r\nl: 7\r\n", LengthField::contradictory, 0},
      {"invalid and valid", "l: x\r\nl: 8\r\n", LengthField::invalid, 0},
      {"valid and invalid", "l: 8\r\nl: x\r\n", LengthField::invalid, 0},
      {"valid and negative", "l: 8\r\nl: -8\r\n", LengthField::negative, 0},
      {"empty", "Content-Length:\r\n", LengthField::invalid, 0},
      {"no number", "Content-Length: abc\r\n", LengthField::invalid, 0},
      {"something behind the number", "Content-Length: 7x\r\n", LengthField::invalid, 0},
      {"two numbers", "Content-Length: 7 7\r\n", LengthField::invalid, 0},
      {"list", "Content-Length: 7, 7\r\n", LengthField::invalid, 0},
      {"plus sign", "Content-Length: +7\r\n", LengthField::invalid, 0},
      {"hexadecimal", "Content-Length: 0x7\r\n", LengthField::invalid, 0},
      {"minus sign alone", "Content-Length: -\r\n", LengthField::invalid, 0},
      {"two minus signs", "Content-Length: --7\r\n", LengthField::invalid, 0},
      {"negative", "Content-Length: -999\r\n", LengthField::negative, 0},
      {"largest", "Content-Length: 2147483647\r\n", LengthField::given, 2147483647},
      {"one more", "Content-Length: 2147483648\r\n", LengthField::too_large, 0},
      {"5 in 32 bits", "Content-Length: 4294967301\r\n", LengthField::too_large, 0},
      {"more than 64 bits", "Content-Length: 18446744073709551621\r\n", LengthField::too_large, 0},
  };
  for (const LengthRow& row : rows) {
    INFO(row.name);
    const Frame frame = frame_message(with_headers(row.headers));
    CHECK(frame.is == Frame::Is::message);
    CHECK(frame.length == row.field);
    CHECK(frame.content_length == row.bytes);
  }
}

TEST_CASE("a length behind more headers than a message keeps is read", "[sip][framer]") {
  std::string headers;
  for (std::size_t i = 0; i < 2 * kHeadersMax; ++i) headers += "X: y\r\n";
  const Frame frame = frame_message(with_headers(headers + "l: 7\r\n"));
  CHECK(frame.length == LengthField::given);
  CHECK(frame.content_length == 7);
}

TEST_CASE("what a stream may begin with", "[sip][framer]") {
  const std::string longest = "OPTIONS sip:" + std::string(kStartLineMax - 20, 'a') + " SIP/2.0";
  REQUIRE(longest.size() == kStartLineMax);
  const std::vector<StartRow> rows = {
      {"nothing", "", Frame::Is::incomplete},
      {"CR", "\r", Frame::Is::incomplete},
      {"blanks", "  ", Frame::Is::incomplete},
      {"LF", "\n", Frame::Is::keepalive},
      {"CRLF", "\r\n", Frame::Is::keepalive},
      {"line of blanks", " \t\r\r\n", Frame::Is::keepalive},
      {"part of a method", "OPT", Frame::Is::incomplete},
      {"part of the version", "SIP/2.", Frame::Is::incomplete},
      {"part of the version, lower case", "sip/", Frame::Is::incomplete},
      {"part of a status line", "SIP/2.0 2", Frame::Is::incomplete},
      {"another version", "SIP/3", Frame::Is::not_sip},
      {"more than the version", "SIP/2.0x", Frame::Is::not_sip},
      {"any token may be a method", "!%*_+`'~.-", Frame::Is::incomplete},
      {"method that is none", "OPT(", Frame::Is::not_sip},
      {"blanks, then a method that is none", "  OPT(", Frame::Is::not_sip},
      {"TLS ClientHello", "\x16\x03\x01", Frame::Is::not_sip},
      {"TLS, one byte", "\x16", Frame::Is::not_sip},
      {"NUL", "\0"s, Frame::Is::not_sip},
      {"STUN", "\0\1"s, Frame::Is::not_sip},
      {"HTTP, not ended", "GET / HTTP/1.1", Frame::Is::incomplete},
      {"HTTP", "GET / HTTP/1.1\r\n", Frame::Is::not_sip},
      {"one word", "OPTIONS\r\n", Frame::Is::not_sip},
      {"no version", "OPTIONS sip:a@b\r\n", Frame::Is::not_sip},
      {"a header", "Via: SIP/2.0/UDP h\r\n", Frame::Is::not_sip},
      {"status out of range", "SIP/2.0 700 X\r\n", Frame::Is::not_sip},
      {"start line", "OPTIONS sip:a@b SIP/2.0\r\n", Frame::Is::incomplete},
      {"longest start line", longest + "\r\n", Frame::Is::incomplete},
      {"longest start line, LF", longest + "\n", Frame::Is::incomplete},
      {"longest start line, not ended", longest, Frame::Is::incomplete},
      {"longest start line, CR has come", longest + "\r", Frame::Is::incomplete},
      {"one byte more", "X" + longest + "\r\n", Frame::Is::not_sip},
      {"one byte more, not ended", "X" + longest, Frame::Is::not_sip},
      {"one byte more, CR has come", "X" + longest + "\r", Frame::Is::not_sip},
      {"most blanks", std::string(kStartLineMax, ' ') + "\r\n", Frame::Is::keepalive},
      {"one blank more", std::string(kStartLineMax + 1, ' ') + "\r\n", Frame::Is::not_sip},
  };
  for (const StartRow& row : rows) {
    INFO(row.name);
    CHECK(frame_message(row.bytes).is == row.is);
    CHECK(frame_in_steps(row.bytes, 1).frame.is == row.is);
  }
}

TEST_CASE("keepalives are taken one by one", "[sip][framer]") {
  std::string bytes = "\r\n\r\n\n \r\n" + kStart + "\r\n";
  std::vector<std::size_t> sizes;
  Frame frame = frame_message(bytes);
  while (frame.is == Frame::Is::keepalive) {
    sizes.push_back(frame.size);
    bytes.erase(0, frame.size);
    frame = frame_message(bytes);
  }
  CHECK(sizes == std::vector<std::size_t>{2, 2, 1, 3});
  CHECK(frame.is == Frame::Is::message);
  CHECK(frame.size == bytes.size());
}

TEST_CASE("a head is framed the same however it arrives", "[sip][framer]") {
  std::mt19937 random(4475);  // NOLINT: the same messages in each run
  for (int i = 0; i < 2000; ++i) {
    const std::string bytes = generate(random);
    INFO(bytes);
    const Frame whole = frame_message(bytes);
    for (const std::size_t step : {1U, 2U, 3U, 7U}) {
      const Arrival arrival = frame_in_steps(bytes, step);
      check_same(arrival.frame, whole);
      if (whole.is == Frame::Is::message) CHECK(arrival.arrived < whole.size + step);
    }
  }
}

TEST_CASE("a head ends where a message's headers end", "[sip][framer]") {
  std::mt19937 random(3261);  // NOLINT: the same messages in each run
  Message message;
  int ended = 0;
  for (int i = 0; i < 20000; ++i) {
    const std::string bytes = generate(random);
    const Frame frame = frame_message(bytes);
    message.read(bytes);
    const bool is_sip = message.kind() != Kind::not_sip;
    const bool unended = message.defects().has(Defect::unended);
    const bool line_ended = bytes.find('\n') != std::string::npos;
    INFO(bytes);
    if (is_sip && !unended) {
      ++ended;
      REQUIRE(frame.is == Frame::Is::message);
      REQUIRE(message.body().data() == bytes.data() + frame.size);
    } else if (line_ended) {
      REQUIRE(frame.is == (is_sip ? Frame::Is::incomplete : Frame::Is::not_sip));
    }
  }
  CHECK(ended > 2000);
}

TEST_CASE("no byte is searched twice", "[sip][framer]") {
  const std::string bytes = with_headers("Via: " + std::string(5000, 'x') + "\r\nTo: y\r\n z\r\n");
  FrameProgress progress;
  for (std::size_t arrived = 1; arrived < bytes.size(); ++arrived) {
    const Frame frame = frame_message(std::string_view(bytes).substr(0, arrived), progress);
    REQUIRE(frame.is == Frame::Is::incomplete);
    // A line end, and a CR behind it, are looked at again: they may begin the empty line.
    REQUIRE(frame.progress.searched + 2 >= arrived);
    REQUIRE(frame.progress.searched >= progress.searched);
    progress = frame.progress;
  }
}
