// A signature rule: what a scanner says of itself, where it says it, and what to do then. Written in
// rules/*.toml.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace sipward::match {

// Where a pattern is looked for. A hit anywhere else is no hit.
enum class Scope : std::uint8_t {
  start_line,        // the whole first line
  method,            // the request's method
  request_uri,       // the whole Request-URI
  request_uri_user,  // its user part
  header,            // the value of every header of that name (Condition::header), unfolded
  from_tag,          // the tag parameter of From
  from_display,      // the display name of From, without quotes
  from_user,         // the user part of From's URI
  to_user,           // the user part of To's URI
  header_names,      // the names of all headers as spelled, in their order, with a blank between them
};

enum class Match : std::uint8_t { exact, prefix, contains, regex };

// In rising order: when several rules hit, the strongest decides.
enum class Action : std::uint8_t {
  log,    // counted and shown, the packet passes
  score,  // Rule::weight is added to the source's score; the packet passes unless that reaches the limit
  drop,   // this packet is dropped
  ban,    // dropped, and its source banned (how long and whether at all is the policy's)
};

struct Condition {
  Scope scope = Scope::header;
  std::string
      header;  // for Scope::header: the long name as written in the rule file ("User-Agent"), any header
  Match match = Match::exact;
  std::string pattern;  // the literal text, or the regular expression (Hyperscan syntax)
  bool case_sensitive = false;
};

inline constexpr std::size_t kConditionsMax = 8;
inline constexpr unsigned kWeightMax = 1000;

struct Rule {
  std::string id;  // unique: lower-case letters, digits, '-'
  std::string description;
  std::vector<Condition> conditions;  // 1 to kConditionsMax; all must hit in the same message
  Action action = Action::log;
  unsigned weight = 0;               // 1 to kWeightMax for Action::score, otherwise 0
  bool observe = false;              // a hit is counted and explained, but never enforced
  std::string source;                // who reported it: URL, RFC, program and file
  std::string added;                 // ISO date
  std::vector<std::string> catches;  // samples that the first condition's scope must hit with
  std::vector<std::string> passes;   // samples that it must not hit with
  std::string file;                  // where it was read from
  unsigned line = 0;
};

// Stands for the rule where its name is too long to keep: the same after the rules were loaded again, which
// its index is not. Ids are the operator's own, so nobody chooses them to collide (FNV-1a,
// draft-eastlake-fnv).
[[nodiscard]] constexpr std::uint32_t rule_key(std::string_view id) {
  std::uint32_t key = 0x811c9dc5U;
  for (const char c : id) key = (key ^ static_cast<unsigned char>(c)) * 0x01000193U;
  return key;
}

[[nodiscard]] std::string_view to_string(Action action);
[[nodiscard]] std::string_view to_string(Match match);
// As in a rule file: "from-tag", "header:Contact", "user-agent".
[[nodiscard]] std::string scope_text(const Condition& condition);

}  // namespace sipward::match
