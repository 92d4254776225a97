#include "shown_value.h"

#include "support/catch.h"

namespace sipward::shield {
namespace {

const std::string kReplaced = "\xef\xbf\xbd";

// What matched, as it is shown.
std::string matched(std::string_view value, std::size_t begin, std::size_t end) {
  const ShownValue shown = show_value(value, begin, end);
  return shown.text.substr(shown.begin, shown.end - shown.begin);
}

TEST_CASE("valid text is shown as it is, and so are its places") {
  CHECK(show_value("").text.empty());
  CHECK(show_value("a\xc3\xa4\xf0\x9f\x93\x9e\r\n").text == "a\xc3\xa4\xf0\x9f\x93\x9e\r\n");
  CHECK(matched("my friendly-scanner 1", 3, 19) == "friendly-scanner");
  CHECK(matched("abc", 0, 3) == "abc");
  CHECK(matched("abc", 2, 3) == "c");
}

TEST_CASE("bytes that are no UTF-8 become U+FFFD each, and a match behind them stays where it was") {
  CHECK(show_value("\xff"
                   "a\x80\xc3")
            .text == kReplaced + "a" + kReplaced + kReplaced);
  CHECK(matched("\xff\xfe\xfd sipvicious", 4, 14) == "sipvicious");
  CHECK(matched("sip\xffvicious!", 0, 11) == "sip" + kReplaced + "vicious");
  CHECK(matched("\xff", 0, 1) == kReplaced);
}

TEST_CASE("a match that ends within a character is widened to it") {
  CHECK(matched("a\xc3\xa4z", 2, 3) == "\xc3\xa4");
  CHECK(matched("a\xc3\xa4z", 1, 2) == "\xc3\xa4");
  CHECK(matched("a\xc3\xa4z", 0, 2) == "a\xc3\xa4");
}

TEST_CASE("no match is none") {
  CHECK(matched("abc", 0, 0).empty());
  CHECK(matched("abc", 2, 2).empty());
  CHECK(matched("", 0, 0).empty());
}

}  // namespace
}  // namespace sipward::shield
