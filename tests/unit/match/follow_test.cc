#include "messages.h"

namespace sipward::match {
namespace {

using testing::condition;
using testing::rule;
using testing::user_agent;

// One head that arrives in pieces, and the rules that follow it.
class Following {
 public:
  explicit Following(std::vector<Rule> rules) {
    auto made = make_hyperscan_matcher(std::move(rules));
    if (!made) FAIL(made.error().text);
    matcher_ = std::move(*made);
    scratch_ = matcher_->new_scratch();
    trail_ = matcher_->new_trail();
  }

  // What is worth a scan, once `piece` is there too.
  std::string_view add(std::string_view piece) {
    head_ += piece;
    return std::string_view(head_).substr(0, matcher_->follow(*trail_, head_, *scratch_));
  }
  // The first part of `head` that is worth a scan, when it is cut into pieces of that size.
  std::string first(std::string_view head, std::size_t size) {
    for (std::size_t at = 0; at < head.size(); at += size)
      if (const auto found = add(head.substr(at, size)); !found.empty()) return std::string(found);
    return "";
  }
  [[nodiscard]] bool follows() const { return trail_ != nullptr; }
  [[nodiscard]] std::unique_ptr<Matcher::Trail>& trail() { return trail_; }

 private:
  std::unique_ptr<Matcher> matcher_;
  std::unique_ptr<Matcher::Scratch> scratch_;
  std::unique_ptr<Matcher::Trail> trail_;
  std::string head_;
};

Rule agent(Match match = Match::contains, Action action = Action::ban) {
  Rule made = rule("r", {user_agent(match, "friendly-scanner")});
  made.action = action;
  if (action == Action::score) made.weight = 10;
  return made;
}

const std::string kLine = "OPTIONS sip:a SIP/2.0\r\n";
const std::string kAgent = "User-Agent: Friendly-Scanner\r\n";

TEST_CASE("a word is found however the head is cut") {
  const std::string head = kLine + kAgent + "To: <sip:a>\r\n";
  for (std::size_t size = 1; size <= head.size(); ++size) {
    CAPTURE(size);
    const std::string found = Following({agent()}).first(head, size);
    CHECK(found.substr(0, (kLine + kAgent).size()) == kLine + kAgent);
  }
}

TEST_CASE("nothing is worth a scan before the word's header has ended") {
  Following head({agent()});
  CHECK(head.add(kLine + "User-Agent: friendly-scanner").empty());
  CHECK(head.add("\r").empty());
  CHECK(head.add("\n").empty());
  CHECK(head.add(" and more\r\n").empty());  // it went on
  CHECK(head.add("T") == kLine + "User-Agent: friendly-scanner\r\n and more\r\n");
}

TEST_CASE("what was told is not told again, more is") {
  Following head({agent()});
  CHECK(head.add(kLine + kAgent + "To: x") == kLine + kAgent);
  CHECK(head.add("yz").empty());
  CHECK(head.add("\nVia: a") == kLine + kAgent + "To: xyz\n");
}

TEST_CASE("a head without words is never worth a scan") {
  CHECK(Following({agent()}).first(kLine + "User-Agent: friendly scanner\r\nTo: a\r\nVia: b", 3).empty());
}

TEST_CASE("words of literal conditions are followed, of rules that enforce a ban or a drop alone") {
  for (const Match match : {Match::exact, Match::prefix, Match::contains})
    CHECK(Following({agent(match)}).follows());
  CHECK(Following({agent(Match::contains, Action::drop)}).follows());
  CHECK_FALSE(Following({agent(Match::contains, Action::log)}).follows());
  CHECK_FALSE(Following({agent(Match::contains, Action::score)}).follows());
  CHECK_FALSE(Following({agent(Match::regex)}).follows());
  Rule observing = agent();
  observing.observe = true;
  CHECK_FALSE(Following({observing}).follows());
}

TEST_CASE("a trail tells the memory that it takes") {
  std::vector<Rule> many;
  for (int i = 0; i < 200; ++i) many.push_back(agent());
  for (std::size_t i = 0; i < many.size(); ++i) many[i].conditions[0].pattern = std::string(i + 1, 'x') + "y";
  const std::size_t one = Following({agent()}).trail()->memory();
  CHECK(one > sizeof(Matcher::Trail));
  CHECK(Following(std::move(many)).trail()->memory() > one);
}

TEST_CASE("a trail of other rules is followed no further, and outlives them") {
  Following head({agent()});
  {
    Following before({agent()});
    (void)before.add(kLine + "User-Agent: friendly-");
    std::swap(head.trail(), before.trail());
  }
  CHECK(head.add(kLine + kAgent + "To").empty());
}

}  // namespace
}  // namespace sipward::match
