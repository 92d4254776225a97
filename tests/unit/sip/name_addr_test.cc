#include "sip/name_addr.h"

#include <vector>

#include "support/catch.h"

using namespace sipward::sip;

namespace {

struct AddressRow {
  const char* name;
  std::string_view value;
  std::string_view display;
  std::string_view uri;
  std::string_view parameters;
};

struct ParameterRow {
  const char* name;
  std::string_view parameters;
  std::string_view wanted;
  std::string_view expected;
};

struct UriRow {
  const char* name;
  std::string_view uri;
  std::string_view user;
  std::string_view host;
};

}  // namespace

TEST_CASE("addresses with and without display name and brackets", "[sip][name_addr]") {
  const std::vector<AddressRow> rows = {
      {"quoted name", R"("A. Bell" <sip:agb@bell.example>;tag=a48s)", "A. Bell", "sip:agb@bell.example",
       ";tag=a48s"},
      {"no space before the bracket", R"("sipvicious"<sip:100@1.1.1.1>;tag=1)", "sipvicious",
       "sip:100@1.1.1.1", ";tag=1"},
      {"tokens", "Anonymous Caller <sip:c8@x.example>", "Anonymous Caller", "sip:c8@x.example", ""},
      {"tokens at the bracket", "sipp<sip:c8@x.example>", "sipp", "sip:c8@x.example", ""},
      {"no display name", "<sip:a@b>;tag=1;x", "", "sip:a@b", ";tag=1;x"},
      {"empty quotes", R"("" <sip:a@b>)", "", "sip:a@b", ""},
      {"bracket and semicolon in quotes", R"("a <b>; c" <sip:a@b>;tag=2)", "a <b>; c", "sip:a@b", ";tag=2"},
      {"escaped quote", R"("a \" <sip:x@y>" <sip:a@b>)", R"(a \" <sip:x@y>)", "sip:a@b", ""},
      {"escaped backslash ends no escape", R"("a \\" <sip:a@b>)", R"(a \\)", "sip:a@b", ""},
      {"quotes behind tokens", R"(x "<" <sip:a@b>)", R"(x "<")", "sip:a@b", ""},
      {"URI parameters stay with the URI", "<sip:a@b;transport=tcp?x=y>;tag=3", "",
       "sip:a@b;transport=tcp?x=y", ";tag=3"},
      {"blanks everywhere", " \"x\"  < sip:a@b >  ; tag = 1 ", "x", "sip:a@b", "; tag = 1"},
      {"folded", "\"x\"\r\n <sip:a@b>\r\n ;tag=1\r\n", "x", "sip:a@b", ";tag=1"},
      {"addr-spec", "sip:a@b", "", "sip:a@b", ""},
      {"addr-spec with header parameters", "sip:a@b;tag=88sja8x", "", "sip:a@b", ";tag=88sja8x"},
      {"addr-spec, blanks", "sip:a@b ; tag=1", "", "sip:a@b", "; tag=1"},
      {"bracket in a quoted parameter", R"(sip:a@b;x="<sip:c@d>")", "", "sip:a@b", R"(;x="<sip:c@d>")"},
      {"quoted name before an addr-spec", R"("x" sip:a@b;tag=1)", "x", "sip:a@b", ";tag=1"},
      {"another scheme", "<tel:+1-201-555-0123>", "", "tel:+1-201-555-0123", ""},
      {"unended bracket", "<sip:a@b;tag=1", "", "sip:a@b;tag=1", ""},
      {"unended quote", R"("x <sip:a@b>;tag=1)", R"(x <sip:a@b>;tag=1)", "", ""},
      {"escape at the very end", R"("x\)", R"(x\)", "", ""},
      {"unended quote in a parameter", R"(<sip:a@b>;x="y)", "", "sip:a@b", R"(;x="y)"},
      {"a lone quote", "\"", "", "", ""},
      {"a lone bracket", "<", "", "", ""},
      {"empty brackets", "<>;tag=1", "", "", ";tag=1"},
      {"empty", "", "", "", ""},
      {"blanks alone", " \t\r\n ", "", "", ""},
  };
  for (const AddressRow& row : rows) {
    INFO(row.name);
    const NameAddr address = read_name_addr(row.value);
    CHECK(address.display == row.display);
    CHECK(address.uri == row.uri);
    CHECK(address.parameters == row.parameters);
  }
}

TEST_CASE("parameters", "[sip][name_addr]") {
  const std::vector<ParameterRow> rows = {
      {"one", ";tag=abc", "tag", "abc"},
      {"last", ";a=b;tag=c", "tag", "c"},
      {"first", ";tag=c;a=b", "tag", "c"},
      {"letter case of the name", ";TaG=AbC", "tag", "AbC"},
      {"letter case of the wanted name", ";tag=1", "TAG", "1"},
      {"absent", ";a=b", "tag", ""},
      {"none", "", "tag", ""},
      {"without value", ";lr;tag=1", "lr", ""},
      {"empty value", ";tag=;x=1", "tag", ""},
      {"behind one without value", ";lr;tag=1", "tag", "1"},
      {"name must match whole", ";xtag=1;tagx=2;ta=3", "tag", ""},
      {"blanks", " ; tag \t=  1 ; x", "tag", "1"},
      {"folded", "\r\n ;\r\n tag =\r\n 98asjd8", "tag", "98asjd8"},
      {"quoted", R"(;x="a b";tag=1)", "x", "a b"},
      {"semicolon in quotes", R"(;x="a;tag=2";tag=1)", "tag", "1"},
      {"escaped quote", R"(;x="a\";tag=2";tag=1)", "tag", "1"},
      {"quoted value keeps its escapes", R"(;x="a\"b")", "x", R"(a\"b)"},
      {"unended quote takes the rest", R"(;x="a;tag=1)", "x", "a;tag=1"},
      {"unended quote hides what follows", R"(;x="a;tag=1)", "tag", ""},
      {"equals sign in the value", ";tag=a=b", "tag", "a=b"},
      {"twice: the first counts", ";tag=1;tag=2", "tag", "1"},
      {"twice, the first without value", ";tag;tag=2", "tag", ""},
      {"empty ones between", ";;;tag=1;;", "tag", "1"},
      {"what precedes the first semicolon is none", "tag=0;tag=1", "tag", "1"},
  };
  for (const ParameterRow& row : rows) {
    INFO(row.name);
    CHECK(parameter(row.parameters, row.wanted) == row.expected);
  }
}

TEST_CASE("user and host of a URI", "[sip][name_addr]") {
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
