// Messages and rules for the tests of lib/match.
#pragma once

#include <filesystem>
#include <initializer_list>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "match/matcher.h"
#include "match/rule_file.h"
#include "support/catch.h"

namespace sipward::match::testing {

inline sip::Message read(std::string_view bytes) {
  sip::Message message;
  message.read(bytes);
  return message;
}

// A message of `start_line` and header lines, with line ends; lines may be folded.
inline std::string lines(std::string_view start_line, const std::vector<std::string>& headers) {
  std::string text(start_line);
  text += "\r\n";
  for (const std::string& header : headers) text += header + "\r\n";
  return text + "\r\n";
}

inline Condition condition(Scope scope, Match match, std::string pattern, std::string header = "") {
  return {scope, std::move(header), match, std::move(pattern), false};
}

inline Condition user_agent(Match match, std::string pattern) {
  return condition(Scope::header, match, std::move(pattern), "User-Agent");
}

inline Rule rule(std::string id, std::vector<Condition> conditions, Action action = Action::ban) {
  Rule made;
  made.id = std::move(id);
  made.conditions = std::move(conditions);
  made.action = action;
  made.file = "test.toml";
  made.line = 1;
  return made;
}

// The Hyperscan matcher of some rules, with a scratch.
class Scanner {
 public:
  explicit Scanner(std::vector<Rule> rules) {
    auto made = make_hyperscan_matcher(std::move(rules));
    if (!made) FAIL(made.error().text);
    matcher_ = std::move(*made);
    scratch_ = matcher_->new_scratch();
  }

  // The ids of the rules that hit; `bytes` must outlive the use of last().
  std::vector<std::string> ids(std::string_view bytes) {
    message_.read(bytes);
    last_ = matcher_->scan(message_, *scratch_);
    std::vector<std::string> found;
    for (const std::uint32_t index : last_.all) found.push_back(matcher_->rules()[index].id);
    return found;
  }
  [[nodiscard]] const Hits& last() const { return last_; }
  [[nodiscard]] const Matcher& matcher() const { return *matcher_; }

 private:
  std::unique_ptr<Matcher> matcher_;
  std::unique_ptr<Matcher::Scratch> scratch_;
  sip::Message message_;
  Hits last_;
};

inline std::filesystem::path rules_directory() {
  return std::filesystem::path(SIPWARD_SOURCE_DIR) / "rules";
}

inline std::vector<Rule> shipped_rules() {
  auto rules = load_rules(rules_directory());
  if (!rules) FAIL(rules.error().text);
  return *rules;
}

}  // namespace sipward::match::testing
