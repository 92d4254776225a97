// Written apart from the fast way on purpose: it shares neither the extraction of values nor the search with
// it, so that comparing the two finds the errors of either.
//
// std::regex (ECMAScript) and Hyperscan (PCRE) differ in: \A, \z, (?i), (?s), possessive quantifiers and
// \Q..\E, which std::regex does not know; lookahead and back references, which Hyperscan refuses; `.`, which
// matches line breaks in Hyperscan alone. The shipped patterns stay inside what both read alike.
#include <algorithm>
#include <deque>
#include <map>
#include <regex>

#include "match/ascii.h"
#include "match/check.h"
#include "match/matcher.h"
#include "sip/name_addr.h"

namespace sipward::match {
namespace {

using Span = std::pair<std::size_t, std::size_t>;

using RegexKey = std::pair<std::string, bool>;  // pattern, case-sensitive
using Regexes = std::map<RegexKey, std::regex>;

RegexKey regex_key(const Condition& condition) {
  return {condition.pattern, condition.case_sensitive};
}

std::regex compile(const Condition& condition) {
  const auto letters = condition.case_sensitive ? std::regex::flag_type{} : std::regex::icase;
  return std::regex(condition.pattern, std::regex::ECMAScript | letters);
}

std::optional<Span> find_regex(const std::regex& pattern, std::string_view value) {
  std::cmatch match;
  if (!std::regex_search(value.data(), value.data() + value.size(), match, pattern)) return std::nullopt;
  const auto begin = static_cast<std::size_t>(match.position(0));
  return Span{begin, begin + static_cast<std::size_t>(match.length(0))};
}

std::string lower(std::string_view text) {
  std::string out(text);
  std::transform(out.begin(), out.end(), out.begin(), to_lower);
  return out;
}

std::optional<Span> find_text(const Condition& condition, std::string_view value) {
  const std::string text = condition.case_sensitive ? std::string(value) : lower(value);
  const std::string word = condition.case_sensitive ? condition.pattern : lower(condition.pattern);
  const std::size_t begin = text.find(word);
  if (begin == std::string::npos) return std::nullopt;
  if (condition.match == Match::exact && text != word) return std::nullopt;
  if (condition.match == Match::prefix && begin != 0) return std::nullopt;
  return Span{begin, begin + word.size()};
}

// Line breaks and the blanks around them as one blank.
std::string unfolded(const sip::Header& header) {
  static const std::regex kFold("[ \t]*[\r\n]+[ \t\r\n]*");
  const std::string value(header.value);
  return header.folded ? std::regex_replace(value, kFold, " ") : value;
}

bool is_header(const sip::Header& header, const std::string& wanted) {
  const sip::HeaderName name = sip::header_name(wanted);
  if (name != sip::HeaderName::other) return header.name == name;
  return lower(header.spelled) == lower(wanted);
}

std::vector<std::string> header_values(const sip::Message& message, const std::string& name) {
  std::vector<std::string> values;
  for (const sip::Header& header : message.headers()) {
    if (is_header(header, name)) values.push_back(unfolded(header));
  }
  return values;
}

// As written, and with each %HH as the byte it stands for.
std::vector<std::string> user_values(std::string_view uri) {
  static const std::regex kEscape("%([0-9a-fA-F]{2})");
  const std::string user(sip::uri_user(uri));
  std::string plain;
  std::smatch escape;
  auto rest = user.cbegin();
  for (; std::regex_search(rest, user.cend(), escape, kEscape); rest = escape[0].second) {
    plain.append(rest, escape[0].first);
    plain += static_cast<char>(std::stoi(escape[1].str(), nullptr, 16));
  }
  plain.append(rest, user.cend());
  return {user, plain};
}

std::vector<std::string> user_values(const sip::Message& message, const std::string& header) {
  std::vector<std::string> values;
  for (const std::string& value : header_values(message, header))
    for (std::string& user : user_values(sip::read_name_addr(value).uri)) values.push_back(std::move(user));
  return values;
}

std::string header_names(const sip::Message& message) {
  std::string names;
  for (const sip::Header& header : message.headers())
    names.append(names.empty() ? "" : " ").append(header.spelled);
  return names;
}

std::vector<std::string> from_values(const sip::Message& message, Scope scope) {
  std::vector<std::string> values;
  for (const std::string& value : header_values(message, "From")) {
    const sip::NameAddr address = sip::read_name_addr(value);
    values.emplace_back(scope == Scope::from_tag ? sip::parameter(address.parameters, "tag")
                                                 : address.display);
  }
  return values;
}

std::vector<std::string> values_of(const sip::Message& message, const Condition& condition) {
  switch (condition.scope) {
    case Scope::start_line:
      return {std::string(message.start_line())};
    case Scope::method:
      return {std::string(message.method())};
    case Scope::request_uri:
      return {std::string(message.request_uri())};
    case Scope::request_uri_user:
      return user_values(message.request_uri());
    case Scope::from_tag:
    case Scope::from_display:
      return from_values(message, condition.scope);
    case Scope::from_user:
      return user_values(message, "From");
    case Scope::to_user:
      return user_values(message, "To");
    case Scope::header_names:
      return {header_names(message)};
    case Scope::header:
      break;
  }
  return header_values(message, condition.header);
}

struct NaiveScratch final : Matcher::Scratch {
  std::deque<std::string> values;  // does not move what Hit::value views
  std::vector<std::uint32_t> complete;
  std::vector<Hit> places;
};

class NaiveMatcher final : public Matcher {
 public:
  NaiveMatcher(std::vector<Rule> rules, Regexes regexes)
      : rules_(std::move(rules)), regexes_(std::move(regexes)) {}

  std::unique_ptr<Scratch> new_scratch() const override { return std::make_unique<NaiveScratch>(); }

  Hits scan(const sip::Message& message, Scratch& any_scratch) const override {
    auto& scratch = static_cast<NaiveScratch&>(any_scratch);
    scratch.values.clear();
    scratch.complete.clear();
    scratch.places.assign(rules_.size(), {});
    Hits hits;
    for (std::size_t i = 0; i < rules_.size(); ++i) {
      const std::optional<Hit> hit = scan_rule(message, static_cast<std::uint32_t>(i), scratch);
      if (!hit) continue;
      scratch.complete.push_back(hit->rule);
      scratch.places[i] = *hit;
      hits.note(rules_[i], *hit);
    }
    hits.places = scratch.places;
    hits.count = static_cast<std::uint32_t>(scratch.complete.size());
    hits.all = scratch.complete;
    return hits;
  }

  std::span<const Rule> rules() const override { return rules_; }

  std::pair<std::size_t, std::size_t> locate(const Condition& condition,
                                             std::string_view value) const override {
    return find(condition, value).value_or(Span{0, 0});
  }

 private:
  std::optional<Span> find(const Condition& condition, std::string_view value) const {
    if (condition.match != Match::regex) return find_text(condition, value);
    const auto regex = regexes_.find(regex_key(condition));
    return regex == regexes_.end() ? std::nullopt : find_regex(regex->second, value);
  }

  // The first value that hits, kept in the scratch.
  std::optional<Hit> scan_condition(const sip::Message& message, const Condition& condition,
                                    NaiveScratch& scratch) const {
    for (std::string& value : values_of(message, condition)) {
      const std::optional<Span> found = find(condition, value);
      if (value.empty() || !found) continue;
      scratch.values.push_back(std::move(value));
      return Hit{0, scratch.values.back(), static_cast<std::uint32_t>(found->second)};
    }
    return std::nullopt;
  }

  std::optional<Hit> scan_rule(const sip::Message& message, std::uint32_t index,
                               NaiveScratch& scratch) const {
    std::optional<Hit> place;
    for (const Condition& condition : rules_[index].conditions) {
      std::optional<Hit> hit = scan_condition(message, condition, scratch);
      if (!hit) return std::nullopt;
      hit->rule = index;
      if (!place) place = hit;
    }
    return place;
  }

  const std::vector<Rule> rules_;
  const Regexes regexes_;
};

}  // namespace

Result<std::unique_ptr<Matcher>> make_naive_matcher(std::vector<Rule> rules) {
  if (auto checked = check_rules(rules); !checked) return tl::unexpected(checked.error());
  Regexes regexes;
  for (const Rule& rule : rules) {
    for (const Condition& condition : rule.conditions) {
      if (condition.match != Match::regex) continue;
      try {
        regexes.insert_or_assign(regex_key(condition), compile(condition));
      } catch (const std::regex_error& error) {
        return fail(ErrorKind::invalid, "{}: pattern \"{}\": {}", rule_place(rule), condition.pattern,
                    error.what());
      }
    }
  }
  return std::make_unique<NaiveMatcher>(std::move(rules), std::move(regexes));
}

}  // namespace sipward::match
