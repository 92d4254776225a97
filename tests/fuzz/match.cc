// A message against the shipped rules and made-up ones: Hyperscan and the plain reference say the same of it,
// and a head that comes in pieces is followed alike however it is cut.
#include <algorithm>
#include <memory>
#include <string>
#include <vector>

#include "fuzz/properties.h"
#include "match/matcher.h"
#include "match/rule_file.h"
#include "match/scanner_tag.h"
#include "sip/framer.h"
#include "sip/message.h"
#include "sip/name_addr.h"

using namespace sipward;
using namespace sipward::fuzz;

namespace {

// The reference's expressions are recursive, a level for each byte.
constexpr std::size_t kBytesMax = 4096;

using Make = Result<std::unique_ptr<match::Matcher>> (*)(std::vector<match::Rule>);

// A word in every scope, matched in every way: the shipped rules do not look everywhere.
void add_made_up(std::vector<match::Rule>& rules) {
  for (int scope = 0; scope <= static_cast<int>(match::Scope::header_names); ++scope)
    for (const auto how :
         {match::Match::exact, match::Match::prefix, match::Match::contains, match::Match::regex}) {
      match::Condition condition;
      condition.scope = static_cast<match::Scope>(scope);
      if (condition.scope == match::Scope::header) condition.header = "Call-ID";
      condition.match = how;
      condition.pattern = how == match::Match::regex ? "^[a-c1]{2,4}$|0:b" : "a1";
      condition.case_sensitive = scope % 2 == 0;
      match::Rule& rule = rules.emplace_back();
      rule.id = "made-up-" + std::to_string(rules.size());
      rule.conditions = {condition};
      rule.action = static_cast<match::Action>(rules.size() % 4);
      rule.observe = rules.size() % 5 == 0;
    }
}

struct Engine {
  explicit Engine(Make make) : matcher(made(make)), scratch(matcher->new_scratch()) {}
  [[nodiscard]] match::Hits scan(const sip::Message& message) const {
    return matcher->scan(message, *scratch);
  }

  std::unique_ptr<match::Matcher> matcher;
  std::unique_ptr<match::Matcher::Scratch> scratch;

 private:
  static std::unique_ptr<match::Matcher> made(Make make) {
    auto rules = match::load_rules(SIPWARD_SOURCE_DIR "/rules");
    must(rules.has_value(), "the shipped rules can be read:", rules ? "" : rules.error().text);
    add_made_up(*rules);
    auto matcher = make(std::move(*rules));
    must(matcher.has_value(), "the shipped rules can be compiled:", matcher ? "" : matcher.error().text);
    return std::move(*matcher);
  }
};

std::string_view id_of(const match::Rule* rule) {
  return rule == nullptr ? std::string_view() : std::string_view(rule->id);
}

void check_same(const match::Hits& one, const match::Hits& other) {
  must(std::ranges::equal(one.all, other.all), "both engines hit with the same rules");
  must(one.count == other.count && one.count == one.all.size(), "both engines count the same hits");
  must(id_of(one.strongest) == id_of(other.strongest), "both engines have the same strongest rule",
       id_of(one.strongest));
  must(id_of(one.observed) == id_of(other.observed), "both engines have the same observed rule");
}

void check_place(const match::Hits& hits, const Engine& engine) {
  if (hits.strongest == nullptr) return;
  must(hits.hit.end <= hits.hit.value.size(), "the hit ends inside the value");
  const auto [begin, end] = engine.matcher->locate(hits.strongest->conditions.front(), hits.hit.value);
  must(begin <= end && end <= hits.hit.value.size(), "the match lies inside the value");
}

// Follows a head that grows by up to `step` bytes a time; how much of it was worth a scan in the end.
std::size_t follow(std::string_view head, std::size_t step, const Engine& engine) {
  const auto trail = engine.matcher->new_trail();
  std::size_t worth = 0;
  for (std::size_t there = std::min(step, head.size());; there = std::min(there + step, head.size())) {
    const std::size_t told = engine.matcher->follow(*trail, head.substr(0, there), *engine.scratch);
    must(told == 0 || (told > worth && told <= there),
         "what is worth a scan is there, and more than last time");
    must(told == 0 || head[told - 1] == '\n', "whole headers alone are worth a scan");
    worth = std::max(worth, told);
    if (there == head.size()) return worth;
  }
}

void check_follow(std::string_view bytes, const Engine& engine) {
  const sip::Frame frame = sip::frame_message(bytes);
  if (frame.is != sip::Frame::Is::message) return;
  const std::string_view head = bytes.substr(0, frame.size - 1);  // its end has not come
  const std::size_t worth = follow(head, head.size(), engine);
  for (const std::size_t step : {1U, 7U})
    must(follow(head, step, engine) == worth, "a head is followed alike however it is cut");
}

void check_tag(const sip::Message& message) {
  const sip::Header* from = message.find(sip::HeaderName::from);
  if (from == nullptr) return;
  const auto tag =
      match::read_scanner_tag(sip::parameter(sip::read_name_addr(from->value).parameters, "tag"));
  if (!tag) return;
  const std::string told = match::describe(*tag, {}, 5060);
  must(std::ranges::all_of(told, [](char c) { return c >= ' ' && c <= '~'; }), "a description is printable",
       told);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static const Engine fast(&match::make_hyperscan_matcher);
  static const Engine plain(&match::make_naive_matcher);
  static sip::Message message;
  if (size > kBytesMax) return 0;
  message.read(text_of(data, size));
  if (message.kind() != sip::Kind::request) return 0;
  const match::Hits hits = fast.scan(message);
  check_same(hits, plain.scan(message));
  check_place(hits, fast);
  check_follow(text_of(data, size), fast);
  check_tag(message);
  return 0;
}
