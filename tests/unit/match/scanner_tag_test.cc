// Tags as sipvicious 0.3.3 makes them: svhelper.createTag was run for what svmap, svwar and svcrack give it.
#include "match/scanner_tag.h"

#include "support/catch.h"

namespace sipward::match {
namespace {

Address parse(std::string_view text) {
  return Address::parse(text).value();
}

ScannerTag read(std::string_view tag) {
  const auto found = read_scanner_tag(tag);
  if (!found) FAIL(tag << " was not read");
  return *found;
}

// What a packet to 192.0.2.1:5060 with that tag tells.
std::string told(std::string_view tag, std::string_view destination = "192.0.2.1",
                 std::uint16_t port = 5060) {
  return describe(read(tag), parse(destination), port);
}

constexpr std::string_view kScannedUs =
    "633030303032303131336334013334303933333936";  // createTag('c000020113c4')

TEST_CASE("svmap's tag gives the scanned address and port") {
  const ScannerTag tag = read(kScannedUs);
  CHECK(tag.text == "c000020113c4");
  CHECK(tag.scanned == parse("192.0.2.1"));
  CHECK(tag.scanned_port == 5060);
  // Seen in the wild: 192.168.1.2 and 126.0.0.1, both port 5060.
  CHECK(read("633061383031303231336334013434373935363131").scanned == parse("192.168.1.2"));
  CHECK(read("3765303030303031313363340131333337303030313137").scanned == parse("126.0.0.1"));
}

TEST_CASE("svmap's tag is proof when it names where the packet went") {
  CHECK(told(kScannedUs) ==
        "the From tag is SIPVicious svmap's: it scans 192.0.2.1:5060, where this packet went");
  CHECK(told(kScannedUs, "192.0.2.1", 5061) == "the From tag is SIPVicious svmap's: it scans 192.0.2.1:5060");
  CHECK(told(kScannedUs, "192.0.2.2") == "the From tag is SIPVicious svmap's: it scans 192.0.2.1:5060");
  // createTag('2001db8113c4'): an IPv6 address without its colons
  CHECK(told("32303031646238313133633401313233343536373839", "2001:db8::1") ==
        "the From tag is SIPVicious svmap's: it scans [2001:db8::1]:5060, where this packet went");
}

TEST_CASE("svwar's tag gives the extension, svcrack's the extension without the password") {
  CHECK(told("31303030013138393835353132") == "the From tag is SIPVicious svwar's: it tries extension 1000");
  CHECK(told("3130303a7365637265740133343935313138393535") ==
        "the From tag is SIPVicious svcrack's: it tries a password for extension 100");
  CHECK(told("3130303a0133343935313138393535") ==
        "the From tag is SIPVicious svcrack's: it tries a password for extension 100");
}

TEST_CASE("a number of twelve digits is an extension, and perhaps an address") {
  const std::string_view number =
      "34393137303132333435363701313233343536373839";  // createTag('491701234567')
  CHECK(told(number) ==
        "the From tag is SIPVicious svwar's: it tries extension 491701234567 (or svmap's: it scans "
        "73.23.1.35:17767)");
  CHECK(told(number, "73.23.1.35", 17767) ==
        "the From tag is SIPVicious svmap's: it scans 73.23.1.35:17767, where this packet went");
}

TEST_CASE("what strangers wrote into a tag is shown in printable ASCII and cut") {
  CHECK(told("c3a46c0131323334353637") ==
        "the From tag is SIPVicious svwar's: it tries extension \\xc3\\xa4l");
  std::string hex;
  for (int i = 0; i < 65; ++i) hex += "61";
  CHECK(told(hex + "0131323334353637") ==
        "the From tag is SIPVicious svwar's: it tries extension " + std::string(64, 'a') + "...");
  CHECK(told(hex.substr(2) + "0131323334353637") ==
        "the From tag is SIPVicious svwar's: it tries extension " + std::string(64, 'a'));
}

TEST_CASE("what is no such tag is not read") {
  for (const std::string_view tag :
       {"", "01", "0", "3103132333435", "31013132333", "310131323334", "31013132333435363738393031",
        "013132333435", "31003132333435", "31023132333435", "310131323334353", "31013132333435x6",
        "1f013132333435", "3101ff0131323334353637", "as6f1a2b3c", "gK0c9a1b2e", "3206210844",
        "4f2c7d01b9e83a55"}) {
    CAPTURE(tag);
    CHECK_FALSE(read_scanner_tag(tag).has_value());
  }
  CHECK(read_scanner_tag("31013132333435").has_value());            // five digits
  CHECK(read_scanner_tag("310131323334353637383930").has_value());  // ten
}

}  // namespace
}  // namespace sipward::match
