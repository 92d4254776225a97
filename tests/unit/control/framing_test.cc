#include "control/framing.h"

#include "support/catch.h"

using sipward::ErrorKind;
using sipward::control::Unframer;
using namespace std::string_view_literals;

namespace {

std::vector<std::string> drain(Unframer& unframer) {
  std::vector<std::string> messages;
  while (auto message = unframer.next()) messages.push_back(*message);
  return messages;
}

}  // namespace

TEST_CASE("messages come out whole wherever the bytes are cut") {
  const std::string_view stream = "{\"a\":1}\0\0{\"b\":2}\0{\"unfinished"sv;
  const std::vector<std::string> expected{"{\"a\":1}", "", "{\"b\":2}"};
  for (std::size_t first = 0; first <= stream.size(); ++first) {
    for (std::size_t second = first; second <= stream.size(); ++second) {
      Unframer unframer;
      std::vector<std::string> messages;
      for (const auto piece :
           {stream.substr(0, first), stream.substr(first, second - first), stream.substr(second)}) {
        REQUIRE(unframer.feed(piece));
        for (auto& message : drain(unframer)) messages.push_back(std::move(message));
      }
      REQUIRE(messages == expected);
    }
  }
}

TEST_CASE("messages wait until they are asked for, in order") {
  Unframer unframer;
  for (int i = 0; i < 1000; ++i) {
    REQUIRE(unframer.feed(std::to_string(i)));
    REQUIRE(unframer.feed("\0"sv));
    if (i % 3 == 0) REQUIRE(unframer.next().has_value());
  }
  const auto rest = drain(unframer);
  REQUIRE(rest.size() == 1000 - 334);
  CHECK(rest.front() == "334");
  CHECK(rest.back() == "999");
}

TEST_CASE("a message of the limit passes, one byte more does not") {
  for (std::size_t pieces = 1; pieces <= 8; ++pieces) {
    Unframer unframer(8);
    const std::string exact(8 / pieces * pieces, 'x');
    for (std::size_t i = 0; i < pieces; ++i) REQUIRE(unframer.feed(exact.substr(0, exact.size() / pieces)));
    REQUIRE(unframer.feed(std::string(8 - exact.size(), 'x')));
    CHECK_FALSE(unframer.next());
    REQUIRE(unframer.feed("\0"sv));
    CHECK(unframer.next() == std::string(8, 'x'));
  }
  Unframer at_once(8);
  const auto fed = at_once.feed("123456789\0"sv);
  REQUIRE_FALSE(fed);
  CHECK(fed.error().kind == ErrorKind::invalid);
  Unframer without_end(8);
  REQUIRE(without_end.feed("12345678"));
  CHECK_FALSE(without_end.feed("9"));
}

TEST_CASE("each message has the whole limit to itself") {
  Unframer unframer(8);
  for (int i = 0; i < 100; ++i) REQUIRE(unframer.feed("12345678\0"sv));
  CHECK(drain(unframer).size() == 100);
  CHECK(
      unframer.feed("12345678\0"
                    "12345678"sv));
  CHECK_FALSE(unframer.feed("9"));
}

TEST_CASE("bytes that were refused leave nothing behind") {
  Unframer unframer(4);
  REQUIRE(unframer.feed("ab"));
  REQUIRE_FALSE(unframer.feed("c\0toolong"sv));
  REQUIRE(unframer.feed("\0"sv));
  CHECK(drain(unframer) == std::vector<std::string>{"ab"});
}
