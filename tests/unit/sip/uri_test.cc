#include "sip/uri.h"

#include <array>
#include <span>
#include <string>
#include <vector>

#include "support/catch.h"

using namespace sipward::sip;
using namespace std::string_literals;

namespace {

using Scheme = Uri::Scheme;

struct Row {
  const char* name;
  std::string_view text;
  Scheme scheme;
  std::string_view user;
  std::string_view password;
  std::string_view host;
  std::string_view port;
  std::string_view parameters;
  std::string_view headers;
};

struct UriRow {
  const char* name;
  std::string_view uri;
  std::string_view user;
  std::string_view host;
};

}  // namespace

TEST_CASE("parts of a URI", "[sip][uri]") {
  const std::vector<Row> rows = {
      {"plain", "sip:alice@atlanta.example", Scheme::sip, "alice", "", "atlanta.example", "", "", ""},
      {"all of it", "sips:a:b@h:5061;transport=tcp;lr?subject=x&to=y", Scheme::sips, "a", "b", "h", "5061",
       ";transport=tcp;lr", "subject=x&to=y"},
      {"upper case", "SIP:A@H", Scheme::sip, "A", "", "H", "", "", ""},
      {"no user", "sip:h:5060", Scheme::sip, "", "", "h", "5060", "", ""},
      {"headers, no parameter", "sip:h?a=b;c", Scheme::sip, "", "", "h", "", "", "a=b;c"},
      {"empty headers", "sip:h?", Scheme::sip, "", "", "h", "", "", ""},
      {"IPv6", "sip:a@[2001:db8::1]:5060;lr", Scheme::sip, "a", "", "2001:db8::1", "5060", ";lr", ""},
      {"IPv6, port in the reference", "sip:[2001:db8::10:5070]", Scheme::sip, "", "", "2001:db8::10:5070", "",
       "", ""},
      {"IPv6 without brackets", "sip:2001:db8::10", Scheme::sip, "", "", "2001", "db8::10", "", ""},
      {"unended IPv6", "sip:a@[::1;lr", Scheme::sip, "a", "", "::1;lr", "", "", ""},
      {"something between ] and the port", "sip:[::1]x:5060;lr", Scheme::sip, "", "", "::1", "", ";lr", ""},
      {"empty port", "sip:h:;lr", Scheme::sip, "", "", "h", "", ";lr", ""},
      {"blanks around the port", "sip:h : 5060 ;lr", Scheme::sip, "", "", "h", "5060", ";lr", ""},
      {"user with parameters", "sip:a;b=c@h;d", Scheme::sip, "a;b=c", "", "h", "", ";d", ""},
      {"tel", "tel:+1-201-555-0123;phone-context=x", Scheme::tel, "+1-201-555-0123", "", "", "",
       ";phone-context=x", ""},
      {"another", "soap.beep://192.0.2.103:3002", Scheme::other, "", "", "", "", "", ""},
      {"no scheme", "alice", Scheme::other, "", "", "", "", "", ""},
      {"empty scheme", ":alice", Scheme::other, "", "", "", "", "", ""},
      {"in brackets", "<sip:a@h;lr>", Scheme::sip, "a", "", "h", "", ";lr", ""},
      {"unended bracket", "<sip:a@h;lr", Scheme::sip, "a", "", "h", "", ";lr", ""},
      {"bracket alone", "<", Scheme::other, "", "", "", "", "", ""},
      {"empty", "", Scheme::other, "", "", "", "", "", ""},
  };
  for (const Row& row : rows) {
    INFO(row.name);
    const Uri uri = read_uri(row.text);
    CHECK(uri.scheme == row.scheme);
    CHECK(uri.user == row.user);
    CHECK(uri.password == row.password);
    CHECK(uri.host == row.host);
    CHECK(uri.port == row.port);
    CHECK(uri.parameters == row.parameters);
    CHECK(uri.headers == row.headers);
  }
}

TEST_CASE("scheme and rest of any URI", "[sip][uri]") {
  CHECK(read_uri("soap.beep://192.0.2.103:3002").scheme_text == "soap.beep");
  CHECK(read_uri("soap.beep://192.0.2.103:3002").rest == "//192.0.2.103:3002");
  CHECK(read_uri("SiP:a@b;c").scheme_text == "SiP");
  CHECK(read_uri("SiP:a@b;c").rest == "a@b;c");
  CHECK(read_uri("alice").scheme_text.empty());
  CHECK(read_uri("alice").rest == "alice");
  CHECK(read_uri("sip:[::1]").ipv6_reference);
  CHECK_FALSE(read_uri("sip:h").ipv6_reference);
}

TEST_CASE("user and host of a URI", "[sip][uri]") {
  const std::vector<UriRow> rows = {
      {"plain", "sip:alice@atlanta.example", "alice", "atlanta.example"},
      {"port", "sip:alice@atlanta.example:5060", "alice", "atlanta.example"},
      {"sips", "sips:alice@atlanta.example", "alice", "atlanta.example"},
      {"scheme in upper case", "SIP:100@192.0.2.1", "100", "192.0.2.1"},
      {"scheme in mixed case", "SiPs:100@192.0.2.1", "100", "192.0.2.1"},
      {"password", "sip:alice:secret@h", "alice", "h"},
      {"empty password", "sip:alice:@h", "alice", "h"},
      {"password alone", "sip::secret@h", "", "h"},
      {"semicolon in the user", "sip:alice;day=tuesday@h", "alice;day=tuesday", "h"},
      {"question mark in the user", "sip:a?b@h", "a?b", "h"},
      {"escapes in the user", "sip:%61lice%40x@h", "%61lice%40x", "h"},
      {"all that a user may hold", "sip:a&=+$,;?/-_.!~*'()@h", "a&=+$,;?/-_.!~*'()", "h"},
      {"parameters", "sip:a@h;transport=tcp", "a", "h"},
      {"parameters behind a port", "sip:a@h:5060;lr", "a", "h"},
      {"headers", "sip:a@h?subject=x", "a", "h"},
      {"two at signs: the last ends the user", "sip:100@1.1.1.1@h", "100@1.1.1.1", "h"},
      {"at sign in a parameter", "sip:a@h;x=b@c", "a", "h"},
      {"at sign in a header", "sip:a@h?x=b@c", "a", "h"},
      {"two at signs and one in a parameter", "sip:a@b@h;x=y@z", "a@b", "h"},
      {"no user", "sip:h", "", "h"},
      {"no user, port and parameter", "sip:h:5060;lr", "", "h"},
      {"empty user", "sip:@h", "", "h"},
      {"no host", "sip:a@", "a", ""},
      {"IPv6", "sip:a@[2001:db8::1]", "a", "2001:db8::1"},
      {"IPv6 and port", "sip:a@[2001:db8::1]:5060;lr", "a", "2001:db8::1"},
      {"IPv6 without user", "sip:[::1]:5060", "", "::1"},
      {"unended IPv6", "sip:a@[::1", "a", "::1"},
      {"blanks around", " \tsip:a@h\r\n", "a", "h"},
      {"tel", "tel:+1-201-555-0123", "+1-201-555-0123", ""},
      {"tel with parameters", "TEL:7042;phone-context=example.com", "7042", ""},
      {"another scheme", "http://alice@h", "", ""},
      {"scheme must match whole", "xsip:a@h", "", ""},
      {"no scheme", "alice@h", "", ""},
      {"scheme alone", "sip:", "", ""},
      {"tel alone", "tel:", "", ""},
      {"empty", "", "", ""},
  };
  for (const UriRow& row : rows) {
    INFO(row.name);
    CHECK(uri_user(row.uri) == row.user);
    CHECK(uri_host(row.uri) == row.host);
  }
}

TEST_CASE("port numbers", "[sip][uri]") {
  CHECK(read_port("1") == 1);
  CHECK(read_port("0005060") == 5060);
  CHECK(read_port("65535") == 65535);
  for (const char* none : {"", "0", "65536", "4294972356", "-1", "+1", " 1", "1 ", "1x", "db8::10"}) {
    INFO(none);
    CHECK_FALSE(read_port(none).has_value());
  }
}

TEST_CASE("escapes", "[sip][uri]") {
  struct Unescaped {
    const char* name;
    std::string text;
    std::string expected;
  };
  const std::vector<Unescaped> rows = {
      {"none", "alice", "alice"},
      {"all", "%31%30%30", "100"},
      {"some", "cal%6Cer", "caller"},
      {"letter case", "%6c%6C", "ll"},
      {"at sign", "sips%3Auser%40example.com", "sips:user@example.com"},
      {"NUL", "%00", "\0"s},
      {"high byte", "%ff", "\xff"},
      {"once only", "%2531", "%31"},
      {"no digits", "%Z%45%", "%ZE%"},
      {"one digit", "%4", "%4"},
      {"one digit, then another byte", "%4g", "%4g"},
      {"percent before an escape", "%%41", "%A"},
  };
  for (const Unescaped& row : rows) {
    INFO(row.name);
    std::vector<char> buffer(row.text.size());
    CHECK(unescape(row.text, buffer) == row.expected);
  }
}

TEST_CASE("a text without escapes is not copied, a full buffer cuts", "[sip][uri]") {
  std::array<char, 2> buffer{};
  const std::string_view plain = "alice";
  CHECK(unescape(plain, buffer).data() == plain.data());
  CHECK(unescape("%41%42", buffer) == "AB");
  CHECK(unescape("%41%42%43", buffer) == "AB");
  CHECK(unescape("%41", std::span<char>{}).empty());
}
