// Hyperscan against the slow reference, over messages put together at random from what rules look for and
// what looks alike.
#include <random>
#include <set>
#include <sstream>

#include "messages.h"

namespace sipward::match {
namespace {

using testing::condition;
using testing::rule;
using testing::user_agent;
using Texts = std::vector<std::string>;

class Random {
 public:
  explicit Random(std::uint32_t seed) : engine_(seed) {}
  std::size_t below(std::size_t bound) { return engine_() % bound; }
  bool one_in(std::size_t n) { return below(n) == 0; }
  const std::string& of(const Texts& texts) { return texts[below(texts.size())]; }

 private:
  std::mt19937 engine_;  // gives the same numbers everywhere, which the distributions do not
};

// Every scope and kind of match, in both letter cases.
std::vector<Rule> made_up_rules() {
  std::vector<Rule> rules;
  const auto add = [&](Scope scope, const std::string& word, const std::string& regex,
                       const std::string& header = "") {
    for (const Match match : {Match::exact, Match::prefix, Match::contains, Match::regex}) {
      for (const bool case_sensitive : {false, true}) {
        Condition made = condition(scope, match, match == Match::regex ? regex : word, header);
        made.case_sensitive = case_sensitive;
        rules.push_back(
            rule("r" + std::to_string(rules.size()), {made}, static_cast<Action>(rules.size() % 4)));
        rules.back().observe = rules.size() % 3 == 0;
      }
    }
  };
  add(Scope::start_line, "INVITE sip:Abc@b SIP/2.0", "^[A-Z]+ sips?:[^@]*c@");
  add(Scope::method, "INVITE", "^(?:INVITE|OPTIONS)$");
  add(Scope::request_uri, "sip:Abc@b", "@b$");
  add(Scope::request_uri_user, "Abc", "^a+b?c");
  add(Scope::header, "Abc.d", "b.{1,3}d", "User-Agent");
  add(Scope::header, "Abc", "(?:ab|bc)+d?$", "X-Foo");
  add(Scope::from_tag, "Abc", "^[a-c]{2,4}$");
  add(Scope::from_display, "Abc", "\\bc|c\\b");
  add(Scope::from_user, "Abc", "^a+b?c");
  add(Scope::to_user, "Abc", "bc|^c+");
  add(Scope::header_names, "From Abc", "^(?:v|t|Abc) .*Abc");
  rules.push_back(
      rule("two", {user_agent(Match::contains, "b"), condition(Scope::from_tag, Match::contains, "c")}));
  rules.push_back(
      rule("three", {condition(Scope::method, Match::exact, "INVITE"), user_agent(Match::regex, "a|c"),
                     condition(Scope::header, Match::prefix, "a", "X-Foo")}));
  return rules;
}

// What the rules look for, and what their authors say must pass.
Texts fragments_of(const std::vector<Rule>& rules) {
  Texts texts{"Abc", "abc", "ABC", "Abc.d", "AbcXd", "ab", "c", "", "x", "sipp", "SIP/2.0"};
  for (const Rule& one : rules) {
    texts.insert(texts.end(), one.catches.begin(), one.catches.end());
    texts.insert(texts.end(), one.passes.begin(), one.passes.end());
    for (const Condition& part : one.conditions) texts.push_back(part.pattern);
  }
  return texts;
}

// What rules of several conditions look for, together.
const std::vector<Texts> kGroups{
    {"Via: SIP/2.0/UDP a;branch=z9hG4bK-1947271837;rport",
     "f: \"sipvicious\"<sip:100@1.1.1.1>;tag=3206210844", "i: 1109282337490213334812",
     "Contact: sip:123@1.1.1.1"},
    {"v: SIP/2.0/UDP a;branch=aBcDeF.0123456789;rport;alias", "Max-Forwards: 20", "User-Agent: qWeRtZuI",
     "From: ccxllrlflgig <sip:100@a>;tag=70c00e8c"},
    {"User-Agent: Elite 1.0 Brcm Callctrl/1.5.1.0 MxSF/v.3.2.6.26", "CSeq: 0000000001 INVITE",
     "m: <sip:a@b:9>"},
    {"From: <sip:nm@nm>;tag=root", "User-Agent: abc", "X-Foo: abc"},
    {"f: <sip:Abc@a>", "From: sip:%61abc@b", "t: Abc <sip:%41bc@a;x>", "To: sip:bc@a"},
};

std::string group(Random& random) {
  std::string text;
  for (const std::string& line : kGroups[random.below(kGroups.size())]) {
    if (!random.one_in(5)) text += line + "\r\n";
  }
  return text;
}

// Header lines with the samples of the rules.
Texts lines_of(const std::vector<Rule>& rules) {
  Texts texts{"Max-Forwards: 70"};
  for (const Rule& one : rules) {
    Texts samples = one.catches;
    samples.insert(samples.end(), one.passes.begin(), one.passes.end());
    const Condition& first = one.conditions.front();
    for (const std::string& sample : samples) {
      if (first.scope == Scope::header) texts.push_back(first.header + ": " + sample);
      if (first.scope == Scope::from_tag) texts.push_back("From: <sip:a@b>;tag=" + sample);
      if (first.scope == Scope::from_user) texts.push_back("From: <sip:" + sample + "@b>");
      if (first.scope == Scope::to_user) texts.push_back("t: <sip:" + sample + "@b>");
      if (first.scope == Scope::from_display) texts.push_back("f:\"" + sample + "\" <sip:a@b>");
    }
  }
  return texts;
}

// Which headers, and in which order.
Texts orders_of(const std::vector<Rule>& rules) {
  Texts texts{"From Abc", "Via From To"};
  for (const Rule& one : rules) {
    if (one.conditions.front().scope != Scope::header_names) continue;
    texts.insert(texts.end(), one.catches.begin(), one.catches.end());
    texts.insert(texts.end(), one.passes.begin(), one.passes.end());
  }
  return texts;
}

// A fragment, often spoiled a little.
std::string value(Random& random, const Texts& fragments) {
  std::string text = random.of(fragments);
  if (random.one_in(4)) text += random.of({" ", "-", "/1.0", "\r\n "}) + random.of(fragments);
  if (random.one_in(6)) text.insert(0, random.of({" ", "a", "x ", "\"", "'"}));
  if (random.one_in(6)) text += random.of({" ", "c", ";", "\"", "\xc3\xa4"});
  if (random.one_in(6) && !text.empty()) text.erase(random.below(text.size()), 1);
  if (random.one_in(4) && !text.empty()) text[random.below(text.size())] ^= 0x20;
  return text;
}

std::string start_line(Random& random, const Texts& fragments) {
  if (random.one_in(8)) return "OPTIONS sip:nm SIP/2.0";
  if (random.one_in(8)) return "SIP/2.0 200 " + value(random, fragments);
  if (random.one_in(4)) return value(random, fragments);
  const std::string user = random.one_in(3) ? "" : value(random, fragments) + "@";
  return random.of({"INVITE", "OPTIONS", "invite", "REGISTER"}) + " " + random.of({"sip:", "SIP:", "tel:"}) +
         user + random.of({"b", "example.com", "nm"}) + " SIP/2.0";
}

std::string from(Random& random, const Texts& fragments) {
  const std::string display = value(random, fragments);
  const std::string quoted = random.one_in(2) ? "\"" + display + "\"" : display;
  return quoted + random.of({" ", "", "\r\n "}) + random.of({"<sip:100@1.1.1.1>", "<sip:a@b>", "sip:a@b"}) +
         random.of({";tag=", ";x=1;TAG=", "; tag = ", ";notag="}) + value(random, fragments);
}

// The words of `text` as the names of headers.
std::string names(Random& random, const std::string& text) {
  std::istringstream words(text);
  std::string headers;
  for (std::string word; words >> word;) headers += word + random.of({": x", ":", " : a"}) + "\r\n";
  return headers;
}

std::string message(Random& random, const Texts& fragments, const Texts& lines, const Texts& orders) {
  std::string text = start_line(random, fragments) + "\r\n";
  const Texts headers{"User-Agent", "user-agent", "Via",  "v",       "Contact", "m", "X-Foo",       "x-foo",
                      "Call-ID",    "i",          "CSeq", "Subject", "From",    "f", "Max-Forwards"};
  if (random.one_in(3)) text += group(random);
  if (random.one_in(4)) text += names(random, random.of(orders));
  if (random.one_in(8)) return text + "\r\n";
  for (std::size_t count = random.below(5); count > 0; --count) text += random.of(lines) + "\r\n";
  for (std::size_t count = random.below(10); count > 0; --count) {
    const std::string& name = random.of(headers);
    text += name + random.of({": ", ":", " : ", ":\r\n "});
    text += name == "From" || name == "f" ? from(random, fragments) : value(random, fragments);
    text += "\r\n";
  }
  return text + "\r\n" + value(random, fragments);
}

std::string told(const Hits& hits, const Matcher& matcher) {
  std::string text = hits.strongest == nullptr ? "none" : hits.strongest->id;
  text += hits.observed == nullptr ? " none" : " " + hits.observed->id;
  text += hits.scores ? " scores" : "";
  for (const std::uint32_t index : hits.all) text += " " + matcher.rules()[index].id;
  return text;
}

void compare(const std::vector<Rule>& rules, std::uint32_t seed, std::size_t messages) {
  const auto fast = make_hyperscan_matcher(rules);
  const auto slow = make_naive_matcher(rules);
  REQUIRE(fast.has_value());
  REQUIRE(slow.has_value());
  const auto fast_scratch = (*fast)->new_scratch();
  const auto slow_scratch = (*slow)->new_scratch();
  const Texts fragments = fragments_of(rules);
  const Texts lines = lines_of(rules);
  const Texts orders = orders_of(rules);
  Random random(seed);
  std::set<std::uint32_t> hit_rules;
  for (std::size_t i = 0; i < messages; ++i) {
    const std::string bytes = message(random, fragments, lines, orders);
    const sip::Message parsed = testing::read(bytes);
    const Hits wanted = (*slow)->scan(parsed, *slow_scratch);
    const Hits hits = (*fast)->scan(parsed, *fast_scratch);
    hit_rules.insert(wanted.all.begin(), wanted.all.end());
    if (told(hits, **fast) == told(wanted, **slow) && hits.count == wanted.count) continue;
    CAPTURE(i, bytes);
    REQUIRE(told(hits, **fast) == told(wanted, **slow));
    REQUIRE(hits.count == wanted.count);
  }
  INFO("a rule that no message hits is not compared");
  for (std::uint32_t i = 0; i < rules.size(); ++i) {
    CAPTURE(rules[i].id);
    CHECK(hit_rules.count(i) == 1);
  }
}

TEST_CASE("both engines give the same answers for rules of every kind") {
  compare(made_up_rules(), 20261122, 6000);
}

TEST_CASE("both engines give the same answers for the shipped rules") {
  compare(testing::shipped_rules(), 5060, 8000);
}

}  // namespace
}  // namespace sipward::match
