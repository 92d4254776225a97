#include "match/subject.h"

#include "messages.h"

namespace sipward::match {
namespace {

using testing::condition;
using testing::lines;
using testing::read;

std::string unfolded(std::string_view value) {
  std::vector<char> out(value.size());
  return std::string(unfold(value, out));
}

// The values of one scope, in order.
std::vector<std::string> values(const std::string& bytes, Scope scope, const std::string& header = "") {
  Targets targets;
  const std::uint32_t target = targets.add(condition(scope, Match::exact, "x", header));
  SubjectReader reader(targets);
  const sip::Message message = read(bytes);
  std::vector<std::string> found;
  for (const Subject& subject : reader.read(message)) {
    CHECK(subject.target == target);
    found.emplace_back(subject.value);
  }
  return found;
}

using Values = std::vector<std::string>;

TEST_CASE("unfold makes each line break with its blanks one blank") {
  CHECK(unfolded("a\r\n b") == "a b");
  CHECK(unfolded("a \t\r\n \t b") == "a b");
  CHECK(unfolded("a\n\tb\r\n c") == "a b c");
  CHECK(unfolded("a  b") == "a  b");
  CHECK(unfolded("\r\n a") == "a");
  CHECK(unfolded("a\r\n ") == "a");
  CHECK(unfolded(" a ") == "a");
  CHECK(unfolded(" \r\n ").empty());
  CHECK(unfolded("").empty());
}

TEST_CASE("each scope gives its part of the start line") {
  const std::string bytes = lines("INVITE sip:1000:secret@example.com;user=phone SIP/2.0", {});
  CHECK(values(bytes, Scope::start_line) == Values{"INVITE sip:1000:secret@example.com;user=phone SIP/2.0"});
  CHECK(values(bytes, Scope::method) == Values{"INVITE"});
  CHECK(values(bytes, Scope::request_uri) == Values{"sip:1000:secret@example.com;user=phone"});
  CHECK(values(bytes, Scope::request_uri_user) == Values{"1000"});
}

TEST_CASE("a response has a start line, and no method or Request-URI") {
  const std::string bytes = lines("SIP/2.0 200 OK", {});
  CHECK(values(bytes, Scope::start_line) == Values{"SIP/2.0 200 OK"});
  CHECK(values(bytes, Scope::method).empty());
  CHECK(values(bytes, Scope::request_uri).empty());
  CHECK(values(bytes, Scope::request_uri_user).empty());
}

TEST_CASE("every occurrence of a header is given, in any spelling, empty ones are not") {
  const std::string bytes = lines(
      "OPTIONS sip:a SIP/2.0",
      {"User-Agent: one", "USER-AGENT :  two", "user-agent:", "User-Agent-Info: three", "Server: four"});
  CHECK(values(bytes, Scope::header, "User-Agent") == Values{"one", "two"});
  CHECK(values(bytes, Scope::header, "uSER-aGENT") == Values{"one", "two"});
}

TEST_CASE("compact forms and long forms are one header, on both sides") {
  const std::string bytes = lines("OPTIONS sip:a SIP/2.0", {"m: <sip:a@b>", "Contact: <sip:c@d>"});
  const Values both{"<sip:a@b>", "<sip:c@d>"};
  CHECK(values(bytes, Scope::header, "Contact") == both);
  CHECK(values(bytes, Scope::header, "m") == both);
}

TEST_CASE("a header without a name of its own is compared whole, in any letter case") {
  const std::string bytes = lines(
      "OPTIONS sip:a SIP/2.0", {"X-Foo: one", "x-fOO: two", "X-Foobar: three", "X-Fo: four", "Y-Foo: five"});
  CHECK(values(bytes, Scope::header, "X-Foo") == Values{"one", "two"});
}

TEST_CASE("the tag and the display name of From, folded and compact too") {
  const std::string bytes =
      lines("OPTIONS sip:a SIP/2.0", {"From: \"first\" <sip:a@b;tag=uri>;x=1;TAG = abc",
                                      "f: second\r\n <sip:c@d>\r\n ;tag=def", "From: <sip:e@f>"});
  CHECK(values(bytes, Scope::from_tag) == Values{"abc", "def"});
  CHECK(values(bytes, Scope::from_display) == Values{"first", "second"});
}

TEST_CASE("users are read from every From and To, and escaped ones twice") {
  const std::string bytes = lines("OPTIONS sip:1%3000@b SIP/2.0",
                                  {"f: \"d\" <sip:alice@a>;tag=1", "From: sip:%62ob%@b", "t: <tel:+49%33>",
                                   "To: <sip:example.com>", "Contact: <sip:carol@c>"});
  CHECK(values(bytes, Scope::request_uri_user) == Values{"1%3000", "1000"});
  CHECK(values(bytes, Scope::from_user) == Values{"alice", "%62ob%", "bob%"});
  CHECK(values(bytes, Scope::to_user) == Values{"+49%33", "+493"});
}

TEST_CASE("only two hexadecimal digits behind '%' are an escape") {
  std::array<char, 32> room{};
  const auto plain = [&](std::string_view text) { return std::string(unescape(text, room)); };
  CHECK(plain("%41%6a%6A") == "Ajj");
  CHECK(plain("%4") == "%4");
  CHECK(plain("%") == "%");
  CHECK(plain("%4g%g4%%41") == "%4g%g4%A");
  CHECK(plain("%2541") == "%41");
  CHECK(plain("%00").size() == 1);
  CHECK(plain("").empty());
}

TEST_CASE("header names are given as spelled and in their order, odd ones too") {
  CHECK(values(lines("OPTIONS sip:a SIP/2.0", {"v: 1", "FROM : 1", "X-Foo: a\r\n b", "To\x01: 1"}),
               Scope::header_names) == Values{"v FROM X-Foo To\x01"});
  CHECK(values(lines("OPTIONS sip:a SIP/2.0", {}), Scope::header_names).empty());
}

TEST_CASE("equal scopes share a target, different ones do not") {
  Targets targets;
  const auto agent = targets.add(condition(Scope::header, Match::exact, "a", "User-Agent"));
  const auto tag = targets.add(condition(Scope::from_tag, Match::exact, "a"));
  const auto custom = targets.add(condition(Scope::header, Match::exact, "a", "X-Foo"));
  CHECK(targets.add(condition(Scope::header, Match::regex, "b", "user-agent")) == agent);
  CHECK(targets.add(condition(Scope::from_tag, Match::regex, "b")) == tag);
  CHECK(targets.add(condition(Scope::header, Match::regex, "b", "x-foo")) == custom);
  CHECK(agent != tag);
  CHECK(tag != custom);
  CHECK(agent != custom);
}

TEST_CASE("folded values of a whole datagram keep their text, all at once") {
  std::vector<std::string> headers;
  for (int i = 0; i < 6; ++i)
    headers.push_back("X-Foo: a\r\n " + std::string(10000, static_cast<char>('b' + i)));
  const std::string bytes = lines("OPTIONS sip:a SIP/2.0", headers);
  REQUIRE(bytes.size() < 65507);
  const Values found = values(bytes, Scope::header, "X-Foo");
  REQUIRE(found.size() == 6);
  CHECK(found.front() == "a " + std::string(10000, 'b'));
  CHECK(found.back() == "a " + std::string(10000, 'g'));
}

TEST_CASE("a folded value fills the buffer to its last byte; beyond it stays folded and whole") {
  constexpr std::size_t kBufferBytes = std::size_t{3} * 65536;
  const std::string before = "a\r\n ";
  const std::string fits(kBufferBytes - before.size(), 'b');
  const std::string beyond(kBufferBytes - before.size() + 1, 'b');
  CHECK(values(lines("OPTIONS sip:a SIP/2.0", {"X-Foo: " + before + fits}), Scope::header, "X-Foo") ==
        Values{"a " + fits});
  CHECK(values(lines("OPTIONS sip:a SIP/2.0", {"X-Foo: " + before + beyond}), Scope::header, "X-Foo") ==
        Values{before + beyond});
}

TEST_CASE("the most headers a message can hold give all their values") {
  const std::vector<std::string> headers(sip::kHeadersMax, "From: \"d\" <sip:%61@b>;tag=t");
  const std::string bytes = lines("OPTIONS sip:%61@b SIP/2.0", headers);
  Targets targets;
  for (const Scope scope : {Scope::start_line, Scope::method, Scope::request_uri, Scope::request_uri_user,
                            Scope::from_tag, Scope::from_display, Scope::from_user, Scope::header_names}) {
    (void)targets.add(condition(scope, Match::exact, "x"));
  }
  (void)targets.add(condition(Scope::header, Match::exact, "x", "From"));
  SubjectReader reader(targets);
  const sip::Message message = read(bytes);
  const auto first = reader.read(message);
  CHECK(first.size() == 6 + 5 * sip::kHeadersMax);
  CHECK(reader.read(message).data() == first.data());
}

}  // namespace
}  // namespace sipward::match
