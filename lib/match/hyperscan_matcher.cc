#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <bit>
#include <limits>
#include <map>
#include <new>
#include <utility>

#include "base/guarded.h"
#include "match/ascii.h"
#include "match/check.h"
#include "match/head_words.h"
#include "match/hyperscan.h"
#include "match/matcher.h"
#include "match/subject.h"

namespace sipward::match {
namespace {

std::size_t clamp_size(std::string_view value) {
  return std::min<std::size_t>(value.size(), std::numeric_limits<unsigned>::max());
}

// A regular expression as locate() wants it: with the start of its matches.
using LocateKey = std::pair<std::string, bool>;  // pattern, case-sensitive
LocateKey locate_key(const Condition& condition) {
  return {condition.pattern, condition.case_sensitive};
}

struct Found {
  std::size_t begin = std::string_view::npos;
  std::size_t end = 0;
};

// The leftmost match, and of those the longest.
int keep_leftmost(unsigned, unsigned long long from, unsigned long long to, unsigned, void* context) {
  Found& found = *static_cast<Found*>(context);
  if (from > found.begin) return 0;
  found.end = from < found.begin ? to : std::max<std::size_t>(found.end, to);
  found.begin = from;
  return 0;
}

// A condition, flattened: which bit of which rule it is.
struct Part {
  std::uint32_t rule = 0;
  std::uint8_t bit = 0;
};

struct ScanScratch final : Matcher::Scratch {
  ScanScratch(std::uint64_t made_by, const Targets& targets, const std::vector<Part>& all_parts,
              std::size_t rule_count)
      : owner(made_by), reader(targets), parts(all_parts), hit_bits(rule_count), places(rule_count) {
    touched.reserve(rule_count);
    complete.reserve(rule_count);
  }

  std::uint64_t owner;  // HyperscanMatcher::serial_
  EngineScratch engine;
  SubjectReader reader;
  const std::vector<Part>& parts;
  std::string_view value;               // what is being scanned
  std::vector<std::uint8_t> hit_bits;   // per rule: its conditions that hit, all zero between scans
  std::vector<Hit> places;              // per rule: where its first condition hit first
  std::vector<std::uint32_t> touched;   // rules with a bit in hit_bits
  std::vector<std::uint32_t> complete;  // rules all of whose conditions hit
};

int note_hit(unsigned id, unsigned long long, unsigned long long to, unsigned, void* context) {
  ScanScratch& scratch = *static_cast<ScanScratch*>(context);
  const Part& part = scratch.parts[id];
  std::uint8_t& bits = scratch.hit_bits[part.rule];
  if ((bits & part.bit) != 0) return 0;
  if (bits == 0) scratch.touched.push_back(part.rule);
  bits = static_cast<std::uint8_t>(bits | part.bit);
  if (part.bit == 1) {
    scratch.places[part.rule] = {part.rule, scratch.value, static_cast<std::uint32_t>(to)};
  }
  return 0;
}

class HyperscanMatcher final : public Matcher {
 public:
  static Result<std::unique_ptr<Matcher>> make(std::vector<Rule> rules) {
    auto matcher = std::unique_ptr<HyperscanMatcher>(new HyperscanMatcher(std::move(rules)));
    return matcher->prepare().map([&]() -> std::unique_ptr<Matcher> { return std::move(matcher); });
  }

  std::unique_ptr<Scratch> new_scratch() const override {
    auto scratch = std::make_unique<ScanScratch>(serial_, targets_, parts_, rules_.size());
    hs_scratch_t* engine = nullptr;
    if (hs_clone_scratch(prototype_.get(), &engine) != HS_SUCCESS) throw std::bad_alloc();
    scratch->engine.reset(engine);
    return scratch;
  }

  Hits scan(const sip::Message& message, Scratch& any_scratch) const override {
    auto& scratch = static_cast<ScanScratch&>(any_scratch);
    require(scratch.owner == serial_);
    scratch.touched.clear();
    scratch.complete.clear();
    for (const Subject& subject : scratch.reader.read(message)) {
      scratch.value = subject.value;
      const hs_error_t status = hs_scan(databases_[subject.target].get(), subject.value.data(),
                                        static_cast<unsigned>(clamp_size(subject.value)), 0,
                                        scratch.engine.get(), note_hit, &scratch);
      require(status == HS_SUCCESS);
    }
    return finish(scratch);
  }

  std::unique_ptr<Trail> new_trail() const override { return words_->new_trail(); }

  std::size_t follow(Trail& trail, std::string_view head, Scratch& scratch) const override {
    return words_->follow(trail, head, static_cast<ScanScratch&>(scratch).engine.get());
  }

  std::span<const Rule> rules() const override { return rules_; }

  std::pair<std::size_t, std::size_t> locate(const Condition& condition,
                                             std::string_view value) const override {
    if (condition.match == Match::regex) return locate_regex(condition, value);
    const std::string_view word = condition.pattern;
    if (condition.match == Match::exact && value.size() != word.size()) return {0, 0};
    const std::string_view where = condition.match == Match::contains ? value : value.substr(0, word.size());
    const std::size_t begin = condition.case_sensitive ? where.find(word) : find_ignoring_case(where, word);
    if (begin == std::string_view::npos) return {0, 0};
    return {begin, begin + word.size()};
  }

 private:
  explicit HyperscanMatcher(std::vector<Rule> rules) : rules_(std::move(rules)) {}

  Result<void> prepare() {
    if (!platform_fits()) {
      return fail(
          "this processor cannot run Hyperscan: it needs SSSE3 on x86-64 (Vectorscan runs elsewhere)");
    }
    if (auto checked = check_rules(rules_); !checked) return checked;
    if (auto compiled = compile_scan(); !compiled) return compiled;
    if (auto compiled = compile_words(); !compiled) return compiled;
    return compile_locate();
  }

  // Gives every condition an id, and returns the patterns of each target.
  std::vector<std::vector<Pattern>> flatten() {
    std::vector<std::vector<Pattern>> patterns;
    for (std::size_t rule = 0; rule < rules_.size(); ++rule) {
      unsigned bit = 1;
      for (const Condition& condition : rules_[rule].conditions) {
        const std::uint32_t target = targets_.add(condition);
        if (target == patterns.size()) patterns.emplace_back();
        patterns[target].push_back(scan_pattern(condition, static_cast<unsigned>(parts_.size())));
        parts_.push_back({static_cast<std::uint32_t>(rule), static_cast<std::uint8_t>(bit)});
        bit <<= 1U;
      }
      all_bits_.push_back(static_cast<std::uint8_t>(bit - 1));
    }
    return patterns;
  }

  Result<void> compile_scan() {
    for (const std::vector<Pattern>& patterns : flatten()) {
      auto compiled = compile(patterns);
      if (!compiled) return refused(compiled.error());
      databases_.push_back(std::move(*compiled));
      if (auto fitted = fit_scratch(databases_.back(), prototype_); !fitted) return fitted;
    }
    return {};
  }

  Result<void> compile_words() {
    auto words = HeadWords::make(rules_, prototype_);
    if (!words) return tl::unexpected(words.error());
    words_ = std::move(*words);
    return {};
  }

  tl::unexpected<Error> refused(const Refusal& refusal) const {
    if (!refusal.id) {
      return fail(ErrorKind::invalid, "cannot compile {} rules: {}", rules_.size(), refusal.reason);
    }
    const Part& part = parts_[*refusal.id];
    const auto position = static_cast<std::size_t>(std::countr_zero(part.bit));
    return refused(rules_[part.rule], rules_[part.rule].conditions[position], refusal.reason);
  }

  static tl::unexpected<Error> refused(const Rule& rule, const Condition& condition,
                                       std::string_view reason) {
    return fail(ErrorKind::invalid, "{}: pattern \"{}\": {}", rule_place(rule), condition.pattern, reason);
  }

  Result<void> compile_locate() {
    EngineScratch scratch;
    for (const Rule& rule : rules_) {
      for (const Condition& condition : rule.conditions) {
        if (condition.match != Match::regex) continue;
        auto compiled = compile(std::array{locate_pattern(condition)});
        if (!compiled) return refused(rule, condition, compiled.error().reason);
        if (auto fitted = fit_scratch(*compiled, scratch); !fitted) return fitted;
        locate_databases_.insert_or_assign(locate_key(condition), std::move(*compiled));
      }
    }
    locate_scratch_.with([&](EngineScratch& own) { own = std::move(scratch); });
    return {};
  }

  std::pair<std::size_t, std::size_t> locate_regex(const Condition& condition, std::string_view value) const {
    const auto database = locate_databases_.find(locate_key(condition));
    if (database == locate_databases_.end() || value.empty()) return {0, 0};
    Found found;
    locate_scratch_.with([&](EngineScratch& scratch) {
      require(hs_scan(database->second.get(), value.data(), static_cast<unsigned>(clamp_size(value)), 0,
                      scratch.get(), keep_leftmost, &found) == HS_SUCCESS);
    });
    if (found.begin == std::string_view::npos) return {0, 0};
    return {found.begin, found.end};
  }

  Hits finish(ScanScratch& scratch) const {
    for (const std::uint32_t rule : scratch.touched) {
      if (scratch.hit_bits[rule] == all_bits_[rule]) scratch.complete.push_back(rule);
      scratch.hit_bits[rule] = 0;
    }
    std::sort(scratch.complete.begin(), scratch.complete.end());
    Hits hits;
    hits.count = static_cast<std::uint32_t>(scratch.complete.size());
    hits.all = scratch.complete;
    hits.places = scratch.places;
    for (const std::uint32_t rule : scratch.complete) hits.note(rules_[rule], scratch.places[rule]);
    return hits;
  }

  // Tells matchers apart even when a new one takes the address of an old one.
  static std::uint64_t next_serial() {
    static std::atomic<std::uint64_t> count{0};
    return ++count;
  }

  const std::uint64_t serial_ = next_serial();
  const std::vector<Rule> rules_;
  Targets targets_;
  std::vector<Part> parts_;             // by Hyperscan's id: all conditions of all rules in order
  std::vector<std::uint8_t> all_bits_;  // per rule: one bit for each condition
  std::vector<Database> databases_;     // by target
  std::shared_ptr<const HeadWords> words_;
  EngineScratch prototype_;  // never scanned with: cloned for each thread
  std::map<LocateKey, Database> locate_databases_;
  mutable Guarded<EngineScratch> locate_scratch_;
};

}  // namespace

std::optional<std::string> pattern_problem(const Condition& condition) {
  if (!platform_fits()) return std::nullopt;
  if (condition.match == Match::regex && largest_repeat(condition.pattern) > kRepeatMax)
    return fmt::format("it repeats something more than {} times, which takes minutes to compile", kRepeatMax);
  const auto scanning = compile(std::array{scan_pattern(condition, 0)});
  if (!scanning) return scanning.error().reason;
  if (condition.match != Match::regex) return std::nullopt;
  const auto locating = compile(std::array{locate_pattern(condition)});
  if (!locating) return locating.error().reason;
  return std::nullopt;
}

Result<std::unique_ptr<Matcher>> make_hyperscan_matcher(std::vector<Rule> rules) {
  return HyperscanMatcher::make(std::move(rules));
}

}  // namespace sipward::match
