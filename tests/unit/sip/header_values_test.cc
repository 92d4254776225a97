#include "sip/header_values.h"

#include <limits>
#include <string>
#include <vector>

#include "sip/content_length.h"
#include "support/catch.h"

using namespace sipward::sip;

TEST_CASE("CSeq", "[sip][values]") {
  struct Row {
    const char* value;
    std::optional<std::uint32_t> number;
    std::string_view method;
  };
  const std::vector<Row> rows = {
      {"8 INVITE", 8, "INVITE"},
      {"0009\r\n  INVITE", 9, "INVITE"},
      {"0 INVITE", 0, "INVITE"},
      {" 8\tACK ", 8, "ACK"},
      {"2147483648 BYE", 2147483648U, "BYE"},
      {"4294967295 BYE", 4294967295U, "BYE"},
      {"4294967296 BYE", std::nullopt, "BYE"},
      {"36893488147419103232 REGISTER", std::nullopt, "REGISTER"},
      {"INVITE", std::nullopt, "INVITE"},
      {"-8 INVITE", std::nullopt, "-8 INVITE"},
      {"8", 8, ""},
      {"8INVITE", 8, "INVITE"},
      {"", std::nullopt, ""},
  };
  for (const Row& row : rows) {
    INFO(row.value);
    CHECK(read_cseq(row.value).number == row.number);
    CHECK(read_cseq(row.value).method == row.method);
  }
}

TEST_CASE("Max-Forwards", "[sip][values]") {
  CHECK(read_max_forwards("70") == 70);
  CHECK(read_max_forwards(" 0068\r\n") == 68);
  CHECK(read_max_forwards("0") == 0);
  CHECK(read_max_forwards("255") == 255);
  for (const char* none : {"", "256", "300", "-1", "7 0", "70;x", "x", "4294967366"}) {
    INFO(none);
    CHECK_FALSE(read_max_forwards(none).has_value());
  }
}

TEST_CASE("seconds", "[sip][values]") {
  CHECK(read_seconds("90") == 90U);
  CHECK(read_seconds(" 90;lr") == 90U);
  CHECK(read_seconds("90 (comment)") == 90U);
  CHECK(read_seconds("4294967295") == 4294967295U);
  CHECK(read_seconds("4294967296") == 4294967295U);
  CHECK(read_seconds("1" + std::string(100, '0')) == 4294967295U);
  for (const char* none : {"", "x", "-1", ";90"}) {
    INFO(none);
    CHECK_FALSE(read_seconds(none).has_value());
  }
}

TEST_CASE("Session-Expires", "[sip][values]") {
  using Refresher = SessionExpires::Refresher;
  struct Row {
    const char* value;
    std::uint32_t seconds;
    Refresher refresher;
  };
  const std::vector<Row> rows = {
      {"1800", 1800, Refresher::unsaid},
      {"600;refresher=uac", 600, Refresher::uac},
      {"600 ; Refresher = UAS", 600, Refresher::uas},
      {"600;refresher=both", 600, Refresher::unsaid},
      {"600;x=y;refresher=uas", 600, Refresher::uas},
      {"600;refresher=uac;refresher=uas", 600, Refresher::uac},
      {"99999999999", std::numeric_limits<std::uint32_t>::max(), Refresher::unsaid},
  };
  for (const Row& row : rows) {
    INFO(row.value);
    const auto read = read_session_expires(row.value);
    REQUIRE(read.has_value());
    CHECK(read->seconds == row.seconds);
    CHECK(read->refresher == row.refresher);
  }
  CHECK_FALSE(read_session_expires("").has_value());
  CHECK_FALSE(read_session_expires(";refresher=uac").has_value());
}

TEST_CASE("option tags", "[sip][values]") {
  CHECK(lists_option("timer", "timer"));
  CHECK(lists_option("100rel, Timer ,replaces", "timer"));
  CHECK(lists_option("100rel,\r\n timer", "timer"));
  CHECK_FALSE(lists_option("timers, xtimer, tim", "timer"));
  CHECK_FALSE(lists_option("", "timer"));
  CHECK_FALSE(lists_option("\"timer\"", "timer"));
}

TEST_CASE("what two Content-Length headers say together", "[sip][values]") {
  const ContentLength none;
  const ContentLength seven = read_content_length("7");
  const ContentLength eight = read_content_length(" 8 ");
  const ContentLength bad = read_content_length("x");
  CHECK(seven.field == LengthField::given);
  CHECK(seven.bytes == 7);
  CHECK(join(none, seven).bytes == 7);
  CHECK(join(seven, seven).field == LengthField::given);
  CHECK(join(seven, eight).field == LengthField::contradictory);
  CHECK(join(seven, eight).bytes == 0);
  CHECK(join(seven, bad).field == LengthField::invalid);
  CHECK(join(bad, seven).field == LengthField::invalid);
  CHECK(join(none, none).field == LengthField::missing);
}
