// Rules against messages. Two engines give the same answers: Hyperscan for packets, a slow plain one to check
// it.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "match/rule.h"
#include "sip/message.h"

namespace sipward::match {

// A rule that hit: its index in rules(), and where its first condition hit.
struct Hit {
  std::uint32_t rule = 0;
  std::string_view value;  // the scope's whole value, a view into the message or the matcher's unfolding
                           // buffer: valid until the next scan with the same scratch
  std::uint32_t end = 0;   // the match ends before value[end]
};

// The outcome of one scan: what the decision needs, in fixed space. The spans are valid until the next scan
// with the same scratch.
struct Hits {
  // Of the enforcing rules that hit, the first one with the highest action, and its place; of those that only
  // observe likewise. Neither kind hides the other.
  const Rule* strongest = nullptr;
  Hit hit;
  const Rule* observed = nullptr;
  Hit observed_hit;
  bool scores = false;                 // a rule with action score is among them
  std::uint32_t count = 0;             // how many rules hit
  std::span<const std::uint32_t> all;  // their indexes, ascending
  std::span<const Hit> places;         // by a rule's index: where it hit, if it is in `all`

  // Takes over a rule that hit. In the order of the rules' indexes.
  void note(const Rule& rule, const Hit& place);
};

class Matcher {
 public:
  virtual ~Matcher() = default;

  // What one thread needs to scan; made by the matcher it is used with, used by one thread at a time.
  class Scratch {
   public:
    virtual ~Scratch() = default;
  };

  [[nodiscard]] virtual std::unique_ptr<Scratch> new_scratch() const = 0;
  // No allocation, no exception. A rule hits when each of its conditions hits inside its own scope.
  [[nodiscard]] virtual Hits scan(const sip::Message& message, Scratch& scratch) const = 0;
  // What is remembered of one head that has not ended yet. Outlives its matcher if need be.
  class Trail {
   public:
    virtual ~Trail() = default;
    // The memory it takes, in bytes.
    [[nodiscard]] virtual std::size_t memory() const = 0;
  };

  // Nothing when unfinished heads are not followed.
  [[nodiscard]] virtual std::unique_ptr<Trail> new_trail() const { return nullptr; }
  // `head` is all that has arrived of a head, what was there at the last call included. Returns how many of
  // its bytes, whole headers alone, are worth a scan() before the head ends, because a word that a rule looks
  // for is among them; 0: none, or no more than last time. Looks at new bytes alone, and finds a word however
  // it is cut. A trail of other rules is followed no further.
  [[nodiscard]] virtual std::size_t follow(Trail&, std::string_view, Scratch&) const { return 0; }
  [[nodiscard]] virtual std::span<const Rule> rules() const = 0;
  // Where in `value` the condition matches: [begin, end). Slow; for evidence. Nothing matches: {0, 0}.
  [[nodiscard]] virtual std::pair<std::size_t, std::size_t> locate(const Condition& condition,
                                                                   std::string_view value) const = 0;
};

// Compiles the rules with Hyperscan, one block database for each scope that they look at. Errors name the
// rule, its file and line and Hyperscan's reason. The matcher is immutable: threads share it, each with a
// scratch of its own.
[[nodiscard]] Result<std::unique_ptr<Matcher>> make_hyperscan_matcher(std::vector<Rule> rules);

// The reference: std::regex and string searches, condition by condition. For tests alone: slow, and it
// allocates.
[[nodiscard]] Result<std::unique_ptr<Matcher>> make_naive_matcher(std::vector<Rule> rules);

}  // namespace sipward::match
