// The words of rules in heads that arrive in pieces: Hyperscan's streaming mode, which keeps its state
// between two pieces. For the .cc files of lib/match alone.
#pragma once

#include <memory>
#include <span>

#include "match/hyperscan.h"
#include "match/matcher.h"

namespace sipward::match {

// A hit says only that a word is there, in whatever header: scan() decides.
class HeadWords : public std::enable_shared_from_this<HeadWords> {
 public:
  // Of the rules that enforce a ban or a drop: every literal that they look for. `scratch` is made to fit.
  [[nodiscard]] static Result<std::shared_ptr<const HeadWords>> make(std::span<const Rule> rules,
                                                                     EngineScratch& scratch);

  // As in Matcher. None when no rule has a literal.
  [[nodiscard]] std::unique_ptr<Matcher::Trail> new_trail() const;
  [[nodiscard]] std::size_t follow(Matcher::Trail& trail, std::string_view head, hs_scratch_t* scratch) const;

 private:
  HeadWords(Database database, std::size_t stream_size)
      : database_(std::move(database)), stream_size_(stream_size) {}

  Database database_;        // null: no literal
  std::size_t stream_size_;  // what Hyperscan keeps of each head, in bytes
};

}  // namespace sipward::match
