#include "sip/header_name.h"

#include <algorithm>
#include <cctype>
#include <string>
#include <vector>

#include "support/catch.h"

using namespace sipward::sip;

namespace {

struct Row {
  std::string_view spelled;
  HeaderName expected;
};

std::vector<HeaderName> known_names() {
  std::vector<HeaderName> names;
  for (unsigned i = 1; i < static_cast<unsigned>(HeaderName::count_); ++i)
    names.push_back(static_cast<HeaderName>(i));
  return names;
}

std::string in_case(std::string_view text, int (*convert)(int)) {
  std::string result(text);
  std::transform(text.begin(), text.end(), result.begin(),
                 [convert](char c) { return static_cast<char>(convert(c)); });
  return result;
}

}  // namespace

TEST_CASE("every long form is known in any letter case", "[sip][header_name]") {
  for (const HeaderName name : known_names()) {
    const std::string_view spelled = to_string(name);
    INFO(spelled);
    CHECK_FALSE(spelled.empty());
    CHECK(header_name(spelled) == name);
    CHECK(header_name(in_case(spelled, std::tolower)) == name);
    CHECK(header_name(in_case(spelled, std::toupper)) == name);
  }
}

TEST_CASE("no byte of a header name may be another one", "[sip][header_name]") {
  for (const HeaderName name : known_names()) {
    const std::string spelled = in_case(to_string(name), std::tolower);
    for (std::size_t at = 0; at < spelled.size(); ++at) {
      for (int byte = 0; byte < 256; ++byte) {
        std::string other = spelled;
        other[at] = static_cast<char>(byte);
        const bool same = in_case(other, [](int c) { return c >= 'A' && c <= 'Z' ? c + 32 : c; }) == spelled;
        if (same == (header_name(other) == name)) continue;
        FAIL_CHECK(spelled << " with byte " << byte << " at " << at);
      }
    }
  }
}

TEST_CASE("a header name must match whole", "[sip][header_name]") {
  for (const HeaderName name : known_names()) {
    const std::string spelled(to_string(name));
    INFO(spelled);
    CHECK(header_name(spelled + "x") == HeaderName::other);
    CHECK(header_name("x" + spelled) == HeaderName::other);
    CHECK(header_name(spelled + std::string(256, 'x')) == HeaderName::other);
    CHECK(header_name(spelled + std::string(1, '\0')) == HeaderName::other);
    CHECK(header_name(std::string_view(spelled).substr(1)) != name);
  }
  CHECK(header_name(std::string(24, 'x')) == HeaderName::other);
  CHECK(header_name(std::string(25, 'x')) == HeaderName::other);
}

TEST_CASE("compact forms", "[sip][header_name]") {
  const std::vector<Row> rows = {
      {"b", HeaderName::referred_by},
      {"c", HeaderName::content_type},
      {"e", HeaderName::content_encoding},
      {"f", HeaderName::from},
      {"i", HeaderName::call_id},
      {"k", HeaderName::supported},
      {"l", HeaderName::content_length},
      {"m", HeaderName::contact},
      {"o", HeaderName::event},
      {"r", HeaderName::refer_to},
      {"s", HeaderName::subject},
      {"t", HeaderName::to},
      {"v", HeaderName::via},
      {"V", HeaderName::via},
      {"x", HeaderName::session_expires},
      {"X", HeaderName::session_expires},
      {"a", HeaderName::other},
      {"u", HeaderName::other},
      {"z", HeaderName::other},
      {"@", HeaderName::other},
      {"[", HeaderName::other},
      {"`", HeaderName::other},
      {"{", HeaderName::other},
      {"6", HeaderName::other},
      {"\x16", HeaderName::other},
      {"\xF6", HeaderName::other},
      {"vv", HeaderName::other},
      {"", HeaderName::other},
  };
  for (const Row& row : rows) {
    INFO(row.spelled);
    CHECK(header_name(row.spelled) == row.expected);
  }
}

TEST_CASE("names that a weak hash takes for Via, From, Call-ID and CSeq", "[sip][header_name]") {
  for (const std::string_view spelled : {"gda", "axj", "det", "hla"})
    CHECK(header_name(spelled) == HeaderName::other);
}

TEST_CASE("the long form is spelled as in the RFC", "[sip][header_name]") {
  CHECK(to_string(HeaderName::user_agent) == "User-Agent");
  CHECK(to_string(HeaderName::cseq) == "CSeq");
  CHECK(to_string(HeaderName::other).empty());
  CHECK(to_string(HeaderName::count_).empty());
}
