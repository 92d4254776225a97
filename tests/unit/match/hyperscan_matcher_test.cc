#include "messages.h"

namespace sipward::match {
namespace {

using testing::condition;
using testing::lines;
using testing::rule;
using testing::Scanner;
using testing::user_agent;
using Ids = std::vector<std::string>;

std::string with_agent(const std::string& value) {
  return lines("OPTIONS sip:a@b SIP/2.0", {"User-Agent: " + value});
}

bool agent_hits(Match match, const std::string& pattern, const std::string& value,
                bool case_sensitive = false) {
  Condition wanted = user_agent(match, pattern);
  wanted.case_sensitive = case_sensitive;
  return !Scanner({rule("r", {wanted})}).ids(with_agent(value)).empty();
}

TEST_CASE("exact is the whole value") {
  CHECK(agent_hits(Match::exact, "PBX", "PBX"));
  CHECK(agent_hits(Match::exact, "PBX", "pbx"));
  CHECK(agent_hits(Match::exact, "PBX", "  PBX\t"));
  CHECK_FALSE(agent_hits(Match::exact, "PBX", "PBX 2"));
  CHECK_FALSE(agent_hits(Match::exact, "PBX", "IP-PBX"));
  CHECK_FALSE(agent_hits(Match::exact, "PBX", "PB"));
}

TEST_CASE("prefix is the beginning of the value") {
  CHECK(agent_hits(Match::prefix, "friendly-", "friendly-scanner"));
  CHECK(agent_hits(Match::prefix, "friendly-", "Friendly-"));
  CHECK_FALSE(agent_hits(Match::prefix, "friendly-", "friendly"));
  CHECK_FALSE(agent_hits(Match::prefix, "friendly-", "x friendly-scanner"));
}

TEST_CASE("contains is anywhere in the value") {
  CHECK(agent_hits(Match::contains, "vicious", "SIPVicious/1"));
  CHECK_FALSE(agent_hits(Match::contains, "vicious", "viciou"));
}

TEST_CASE("literals are no regular expressions") {
  CHECK(agent_hits(Match::exact, "a.b+(c)[d]{2}\\|^$*?", "A.B+(C)[D]{2}\\|^$*?"));
  CHECK_FALSE(agent_hits(Match::contains, "a.c", "abc"));
  CHECK_FALSE(agent_hits(Match::contains, "a|c", "a"));
  CHECK(agent_hits(Match::contains, "p\xc3\xa4", "xp\xc3\xa4y"));
}

TEST_CASE("regular expressions are found anywhere and bound by ^ and $") {
  CHECK(agent_hits(Match::regex, "s[ix]p", "a SXP b"));
  CHECK(agent_hits(Match::regex, "^sipp(?:$|/)", "sipp"));
  CHECK_FALSE(agent_hits(Match::regex, "^sipp(?:$|/)", "sippy"));
  CHECK_FALSE(agent_hits(Match::regex, "^sipp$", "xsipp"));
}

TEST_CASE("letter case counts only when the rule says so") {
  for (const Match match : {Match::exact, Match::prefix, Match::contains, Match::regex}) {
    CHECK(agent_hits(match, "Scan", "sCAN"));
    CHECK_FALSE(agent_hits(match, "Scan", "sCAN", true));
    CHECK(agent_hits(match, "Scan", "Scan", true));
  }
}

TEST_CASE("a NUL in a pattern does not end it") {
  const std::string pattern{'a', '\0', 'b'};
  CHECK(agent_hits(Match::contains, pattern, std::string{'a', '\0', 'b'}));
  CHECK(agent_hits(Match::regex, pattern, std::string{'a', '\0', 'b'}));
  CHECK_FALSE(agent_hits(Match::regex, pattern, "a"));
}

TEST_CASE("a pattern hits inside its own scope alone") {
  const std::vector<Rule> rules{
      rule("start-line", {condition(Scope::start_line, Match::contains, "needle")}),
      rule("method", {condition(Scope::method, Match::contains, "needle")}),
      rule("uri", {condition(Scope::request_uri, Match::contains, "needle")}),
      rule("user", {condition(Scope::request_uri_user, Match::contains, "needle")}),
      rule("agent", {user_agent(Match::contains, "needle")}),
      rule("subject", {condition(Scope::header, Match::contains, "needle", "Subject")}),
      rule("custom", {condition(Scope::header, Match::contains, "needle", "X-Foo")}),
      rule("tag", {condition(Scope::from_tag, Match::contains, "needle")}),
      rule("display", {condition(Scope::from_display, Match::contains, "needle")})};
  Scanner scanner(rules);
  const auto in = [&](const std::string& start_line, const std::vector<std::string>& headers) {
    return scanner.ids(lines(start_line, headers));
  };
  const std::string plain = "INVITE sip:a@b SIP/2.0";
  CHECK(in(plain, {}).empty());
  CHECK(in(plain, {"Server: needle", "To: needle <sip:needle@b>;tag=needle", "X-Foo-Bar: needle"}).empty());
  CHECK(scanner.ids(lines(plain, {}) + "User-Agent: needle\r\n").empty());
  CHECK(in("NEEDLE sip:a@b SIP/2.0", {}) == Ids{"start-line", "method"});
  CHECK(in("INVITE sip:needle@b SIP/2.0", {}) == Ids{"start-line", "uri", "user"});
  CHECK(in("INVITE sip:a@needle SIP/2.0", {}) == Ids{"start-line", "uri"});
  CHECK(in(plain, {"User-Agent: needle"}) == Ids{"agent"});
  CHECK(in(plain, {"s: needle"}) == Ids{"subject"});
  CHECK(in(plain, {"x-foo: needle"}) == Ids{"custom"});
  CHECK(in(plain, {"From: <sip:a@b>;tag=needle"}) == Ids{"tag"});
  CHECK(in(plain, {"f: needle <sip:a@b>;tag=x"}) == Ids{"display"});
  CHECK(in(plain, {"From: <sip:needle@b>;x=needle"}).empty());
}

TEST_CASE("every occurrence of a header is seen") {
  Scanner scanner({rule("r", {user_agent(Match::exact, "bad")})});
  CHECK(scanner.ids(lines("OPTIONS sip:a SIP/2.0", {"User-Agent: good", "User-Agent: bad"})) == Ids{"r"});
  CHECK(scanner.ids(lines("OPTIONS sip:a SIP/2.0", {"User-Agent: good", "User-Agent: good"})).empty());
}

TEST_CASE("a folded value is read unfolded") {
  CHECK(agent_hits(Match::exact, "friendly scanner", "friendly\r\n \t scanner"));
  CHECK(agent_hits(Match::exact, "friendly-scanner", "\r\n friendly-scanner"));
}

TEST_CASE("values of any length are scanned to their end, folded or not") {
  const std::string filler(60000, 'x');
  CHECK(agent_hits(Match::regex, "x needle$", filler + " needle"));
  CHECK(agent_hits(Match::regex, "x needle$", filler + "\r\n needle"));
}

TEST_CASE("a rule hits when all of its conditions do, in any occurrence and order") {
  Scanner scanner({rule("r", {user_agent(Match::exact, "a"), condition(Scope::from_tag, Match::exact, "t"),
                              condition(Scope::header, Match::contains, "v", "Via")})});
  const auto hits = [&](const std::vector<std::string>& headers) {
    return !scanner.ids(lines("OPTIONS sip:a SIP/2.0", headers)).empty();
  };
  const std::string from = "From: <sip:x@y>;tag=t";
  CHECK(hits({"Via: v", from, "User-Agent: a"}));
  CHECK(hits({"User-Agent: x", "User-Agent: a", from, "Via: x", "Via: v"}));
  CHECK_FALSE(hits({"User-Agent: a", from}));
  CHECK_FALSE(hits({"User-Agent: a", "Via: v"}));
  CHECK_FALSE(hits({from, "Via: v"}));
  CHECK_FALSE(hits({"User-Agent: a", "User-Agent: a", "User-Agent: a"}));
}

TEST_CASE("a condition that hits twice counts once, and a scan leaves nothing to the next") {
  Scanner scanner(
      {rule("both", {user_agent(Match::contains, "a"), condition(Scope::method, Match::exact, "INVITE")}),
       rule("one", {user_agent(Match::contains, "a")})});
  CHECK(scanner.ids(lines("OPTIONS sip:a SIP/2.0", {"User-Agent: aaa", "User-Agent: a"})) == Ids{"one"});
  CHECK(scanner.ids(lines("INVITE sip:a SIP/2.0", {"User-Agent: b"})).empty());
  CHECK(scanner.ids(lines("INVITE sip:a SIP/2.0", {"User-Agent: aa", "User-Agent: a"})) ==
        Ids{"both", "one"});
  CHECK(scanner.last().count == 2);
}

TEST_CASE("the most conditions a rule can have all count") {
  std::vector<Condition> conditions;
  std::string value;
  for (std::size_t i = 0; i < kConditionsMax; ++i) {
    conditions.push_back(user_agent(Match::contains, "<" + std::to_string(i) + ">"));
    value += conditions.back().pattern;
  }
  Scanner scanner({rule("r", conditions)});
  CHECK(scanner.ids(with_agent(value)) == Ids{"r"});
  CHECK(scanner.ids(with_agent(value.substr(3))).empty());
  CHECK(scanner.ids(with_agent(value.substr(0, value.size() - 1))).empty());
}

TEST_CASE("the strongest action decides, and of equal ones the first rule") {
  Scanner scanner({rule("log", {user_agent(Match::contains, "a")}, Action::log),
                   rule("drop-1", {user_agent(Match::contains, "b")}, Action::drop),
                   rule("drop-2", {user_agent(Match::contains, "a")}, Action::drop),
                   rule("ban", {user_agent(Match::contains, "c")}, Action::ban)});
  const auto strongest = [&](const std::string& value) {
    (void)scanner.ids(with_agent(value));
    return scanner.last().strongest == nullptr ? "" : scanner.last().strongest->id;
  };
  CHECK(strongest("x").empty());
  CHECK(strongest("a") == "drop-2");
  CHECK(strongest("ab") == "drop-1");
  CHECK(strongest("abc") == "ban");
  CHECK(scanner.last().count == 4);
}

TEST_CASE("a hit tells the value and the end of its first condition's match") {
  const std::string bytes =
      lines("OPTIONS sip:a SIP/2.0", {"Via: xxx", "User-Agent: good", "User-Agent: a needle b"});
  Scanner scanner({rule(
      "r", {user_agent(Match::contains, "needle"), condition(Scope::header, Match::contains, "x", "Via")})});
  REQUIRE(scanner.ids(bytes) == Ids{"r"});
  CHECK(scanner.last().hit.rule == 0);
  CHECK(scanner.last().hit.value == "a needle b");
  CHECK(scanner.last().hit.end == 8);
}

TEST_CASE("locate finds begin and end for every kind of match") {
  const Condition regex = user_agent(Match::regex, "ne+d");
  Condition sensitive = user_agent(Match::regex, "Ne+d");
  sensitive.case_sensitive = true;
  const Scanner scanner({rule("r", {regex}), rule("s", {sensitive})});
  const auto place = [&](const Condition& wanted, std::string_view value) {
    return scanner.matcher().locate(wanted, value);
  };
  using Place = std::pair<std::size_t, std::size_t>;
  CHECK(place(user_agent(Match::exact, "abc"), "ABC") == Place{0, 3});
  CHECK(place(user_agent(Match::exact, "abc"), "abcd") == Place{0, 0});
  CHECK(place(user_agent(Match::exact, "abc"), "abc\n") == Place{0, 0});
  CHECK(place(user_agent(Match::prefix, "abc"), "ABCd") == Place{0, 3});
  CHECK(place(user_agent(Match::prefix, "abc"), "xabc") == Place{0, 0});
  CHECK(place(user_agent(Match::contains, "abc"), "xxAbCx") == Place{2, 5});
  CHECK(place(regex, "a NEEED b") == Place{2, 7});
  CHECK(place(regex, "nothing") == Place{0, 0});
  CHECK(place(regex, "") == Place{0, 0});
  CHECK(place(sensitive, "need Need") == Place{5, 9});
}

TEST_CASE("scratches of one matcher are independent") {
  auto made = make_hyperscan_matcher({rule("r", {user_agent(Match::exact, "a")})});
  REQUIRE(made.has_value());
  const auto first = (*made)->new_scratch();
  const auto second = (*made)->new_scratch();
  sip::Message bad;
  sip::Message good;
  const std::string bad_bytes = with_agent("a");
  const std::string good_bytes = with_agent("b");
  bad.read(bad_bytes);
  good.read(good_bytes);
  const Hits hits = (*made)->scan(bad, *first);
  CHECK((*made)->scan(good, *second).count == 0);
  CHECK(hits.all.size() == 1);
  CHECK(hits.hit.value == "a");
}

TEST_CASE("rules that cannot be compiled are named, with their place and the reason") {
  Rule wrong = rule("wrong", {user_agent(Match::exact, "a"), user_agent(Match::regex, "b(")});
  wrong.file = "some.toml";
  wrong.line = 7;
  for (const auto& make : {make_hyperscan_matcher, make_naive_matcher}) {
    const auto made = make({rule("right", {user_agent(Match::exact, "a")}), wrong});
    REQUIRE_FALSE(made.has_value());
    CHECK(made.error().kind == ErrorKind::invalid);
    CHECK_THAT(made.error().text, ContainsSubstring("rule wrong (some.toml:7): pattern \"b(\": "));
  }
}

TEST_CASE("no rules, no conditions, and too many of them are refused") {
  const Condition any = user_agent(Match::exact, "a");
  for (const auto& make : {make_hyperscan_matcher, make_naive_matcher}) {
    CHECK_FALSE(make({}).has_value());
    CHECK_THAT(make({rule("none", {})}).error().text, ContainsSubstring("has 0 conditions"));
    CHECK(make({rule("most", std::vector<Condition>(kConditionsMax, any))}).has_value());
    CHECK_FALSE(make({rule("many", std::vector<Condition>(kConditionsMax + 1, any))}).has_value());
  }
}

}  // namespace
}  // namespace sipward::match
