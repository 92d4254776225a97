#include "sip/list.h"

#include <string>
#include <vector>

#include "support/catch.h"

using namespace sipward::sip;

namespace {

struct Row {
  const char* name;
  ListOf what;
  std::string value;
  std::vector<std::string> expected;
};

std::vector<std::string> elements(const std::string& value, ListOf what) {
  std::vector<std::string> result;
  ListReader list(value, what);
  while (const auto element = list.next()) result.emplace_back(*element);
  return result;
}

}  // namespace

TEST_CASE("elements of a list", "[sip][list]") {
  const std::vector<Row> rows = {
      {"one", ListOf::addresses, "<sip:a@b>;q=1", {"<sip:a@b>;q=1"}},
      {"two", ListOf::addresses, "<sip:a@b>, <sip:c@d>", {"<sip:a@b>", "<sip:c@d>"}},
      {"blanks and folds", ListOf::addresses, " a \r\n ,\t b\r\n", {"a", "b"}},
      {"none", ListOf::addresses, "", {}},
      {"blanks alone", ListOf::addresses, " \t", {}},
      {"empty ones", ListOf::addresses, ",,a,, b,,", {"a", "b"}},
      {"comma in quotes", ListOf::addresses, R"("Bell, A." <sip:a@b>,c)", {R"("Bell, A." <sip:a@b>)", "c"}},
      {"comma behind an escaped quote", ListOf::addresses, R"("a\",b",c)", {R"("a\",b")", "c"}},
      {"comma behind an escaped backslash", ListOf::addresses, R"("a\\",b)", {R"("a\\")", "b"}},
      {"comma in brackets", ListOf::addresses, "<sip:a,b@c>,d", {"<sip:a,b@c>", "d"}},
      {"quote in brackets", ListOf::addresses, R"(<sip:a"@c>,d,"e")", {R"(<sip:a"@c>)", "d", R"("e")"}},
      {"bracket in quotes", ListOf::addresses, R"("<",a)", {R"("<")", "a"}},
      {"comma in a bare URI separates", ListOf::addresses, "sip:a,b@c", {"sip:a", "b@c"}},
      {"parentheses are no comment in addresses", ListOf::addresses, "sip:(a,b)@c", {"sip:(a", "b)@c"}},
      {"unended quote quotes nothing", ListOf::addresses, R"("a,b,c)", {R"("a)", "b", "c"}},
      {"and none behind it does", ListOf::addresses, R"("\",\",b)", {R"("\")", R"(\")", "b"}},
      {"unended bracket takes the rest", ListOf::addresses, "a,<b,c", {"a", "<b,c"}},
      {"unended bracket at the end", ListOf::addresses, "a,<", {"a", "<"}},
      {"brackets count in addresses alone", ListOf::vias, "SIP/2.0/UDP <a,b>", {"SIP/2.0/UDP <a", "b>"}},
      {"comment in a Via", ListOf::vias, "x (a,b),y", {"x (a,b)", "y"}},
      {"nested comments", ListOf::vias, "x (a,(b,c),d),y", {"x (a,(b,c),d)", "y"}},
      {"escaped parenthesis", ListOf::vias, R"(x (a\),b),y)", {R"(x (a\),b))", "y"}},
      {"quote in a comment is none", ListOf::vias, R"(x ("),y,"z")", {R"(x ("))", "y", R"("z")"}},
      {"unended comment", ListOf::vias, "x (a,b", {"x (a", "b"}},
      {"closing parenthesis alone", ListOf::vias, "x ),b", {"x )", "b"}},
      {"quoted parameter", ListOf::parameters, R"(realm="a,b", nonce=c)", {R"(realm="a,b")", "nonce=c"}},
      {"brackets and comments are none", ListOf::parameters, "(a,<b", {"(a", "<b"}},
  };
  for (const Row& row : rows) {
    INFO(row.name);
    CHECK(elements(row.value, row.what) == row.expected);
  }
}

TEST_CASE("the first element of a list", "[sip][list]") {
  CHECK(first_of("SIP/2.0/UDP a;branch=1 , SIP/2.0/UDP b", ListOf::vias) == "SIP/2.0/UDP a;branch=1");
  CHECK(first_of(" ,<sip:a>", ListOf::addresses) == "<sip:a>");
  CHECK(first_of("", ListOf::vias).empty());
}

TEST_CASE("a value that never ends what it opens is split in one pass", "[sip][list]") {
  // Looking for each quote's or parenthesis' end again would take minutes.
  for (const std::string unit : {"\"\\,", "(,", "\\\",", "(\\),"}) {
    std::string value;
    while (value.size() < 1'000'000) value += unit;
    CHECK(elements(value, ListOf::vias).size() > 0);
    CHECK(elements(value, ListOf::addresses).size() > 0);
  }
}
