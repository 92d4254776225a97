#include "sip/name_addr.h"

#include <string>
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
      {"unended bracket", "x <sip:a@b;tag=1", "x", "sip:a@b", ";tag=1"},
      {"bracket in the middle", "sip:a<b@c;tag=1", "sip:a", "b@c", ";tag=1"},
      {"unended quote", R"("x <sip:a@b>;tag=1)", "x", "sip:a@b", ";tag=1"},
      {"unended quote, escaped one behind", R"("x\" <sip:a@b>;tag=1)", R"(x\")", "sip:a@b", ";tag=1"},
      {"unended quote before an addr-spec", R"("sip:a@b;tag=1)", "", "sip:a@b", ";tag=1"},
      {"quotes around all of it", R"("x <sip:a@b>;tag=1;y=")", "x", "sip:a@b", R"(;tag=1;y=")"},
      {"quotes around the address", R"("x <sip:a@b>";tag=1)", "x", "sip:a@b", R"(";tag=1)"},
      {"quotes and nothing else", R"("x")", "x", "", ""},
      {"second quote unended", R"("x" y" <sip:a@b>;tag=1)", "x", "sip:a@b", ";tag=1"},
      {"escape at the very end", R"("x\)", "", R"(x\)", ""},
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
      {"unended quote quotes nothing", R"(;x="a;tag=1)", "x", "a"},
      {"unended quote hides nothing", R"(;x="a;tag=1)", "tag", "1"},
      {"unended quote behind an ended one", R"(;x="a;tag=2";y="b;tag=1)", "tag", "1"},
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

TEST_CASE("a parameter without a value is not an absent one", "[sip][name_addr]") {
  CHECK(find_parameter(";rport;x", "rport") == "");
  CHECK(find_parameter(";rport=;x", "rport") == "");
  CHECK(find_parameter(";rport=5060", "rport") == "5060");
  CHECK_FALSE(find_parameter(";x", "rport").has_value());
}

TEST_CASE("parameters with quotes that never end are searched in one pass", "[sip][name_addr]") {
  // Looking for each quote's end again would take minutes.
  std::string parameters;
  while (parameters.size() < 1'000'000) parameters += ";\\\"";
  CHECK(parameter(parameters + ";tag=1", "tag") == "1");
  CHECK(read_name_addr(parameters + "<sip:a@b>;tag=1").uri == "sip:a@b");
}
