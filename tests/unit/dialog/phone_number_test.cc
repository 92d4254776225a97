#include "dialog/phone_number.h"

#include "support/catch.h"

namespace sipward::dialog {
namespace {

TEST_CASE("the number that a URI names") {
  struct Case {
    const char* uri;
    const char* number;
  };
  const auto c = GENERATE(
      Case{"sip:1000@pbx.example", "1000"}, Case{"SIPS:+4930123@pbx.example:5061;transport=tcp", "+4930123"},
      Case{"tel:+49-30-123.456", "+4930123456"}, Case{"sip:(0049)30-123@h", "004930123"},
      Case{"sip:+4930;phone-context=x@h", "+4930"}, Case{"sip:%39%31%31@h", "911"},
      Case{"sip:*21%23@h", "*21#"}, Case{"sip:alice.b-2@h", "alice.b-2"}, Case{"sip:+@h", "+"},
      Case{"sip:-.@h", "-."}, Case{"sip:1000:secret@h", "1000"}, Case{"sip:pbx.example", ""},
      Case{"sip:@h", ""}, Case{"URN:Service:SOS.fire", "urn:service:sos.fire"}, Case{"nonsense", "nonsense"},
      Case{"", ""});
  CAPTURE(c.uri);
  CHECK(number_of(c.uri) == c.number);
}

TEST_CASE("+, 00 and neither stay three numbers") {
  CHECK(number_of("sip:+4930@h") == "+4930");
  CHECK(number_of("sip:004930@h") == "004930");
  CHECK(number_of("sip:4930@h") == "4930");
}

TEST_CASE("the number of a From or To") {
  CHECK(number_of_address("\"sip:1@x\" <sip:+4930@h;user=phone>;tag=1") == "+4930");
  CHECK(number_of_address("sip:1000@h;tag=1") == "1000");
  CHECK(number_of_address("Anonymous <sip:anonymous@anonymous.invalid>") == "anonymous");
  CHECK(number_of_address("").empty());
}

}  // namespace
}  // namespace sipward::dialog
