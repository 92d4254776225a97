// Rules as operators want them, and their exchange while workers judge packets.
#include "rule_set.h"

#include <thread>

#include "bench.h"

namespace sipward::shield {
namespace {

using namespace sipward::test;  // NOLINT: packets made by hand
using decide::Reason;
using std::chrono::milliseconds;
using std::chrono::seconds;

match::Rule agent_rule(std::string id, std::string agent, bool observe = false) {
  match::Rule rule;
  rule.id = std::move(id);
  rule.conditions = {{match::Scope::header, "User-Agent", match::Match::exact, std::move(agent), false}};
  rule.action = match::Action::ban;
  rule.observe = observe;
  rule.file = "test.toml";
  return rule;
}

store::RuleOverride override_of(std::string rule, std::string state) {
  return {std::move(rule), std::move(state), "", WallTime(), "cli:root"};
}

std::shared_ptr<RuleSet> set_of(std::vector<match::Rule> rules, metrics::Counters& counters) {
  auto set = std::make_shared<RuleSet>();
  set->rules = apply_overrides(std::move(rules), {});
  auto matcher = compile_rules(set->rules);
  if (!matcher) FAIL(matcher.error().text);
  set->matcher = std::move(*matcher);
  give_counters(*set, counters);
  return set;
}

metrics::Counters counters_in(const TemporaryFolder& folder) {
  auto counters = metrics::Counters::open(folder / "counters");
  if (!counters) FAIL(counters.error().text);
  return std::move(*counters);
}

bool take_at_once(RuleSlot& slot) {
  return slot.wait_until_taken(Instant());
}

}  // namespace

TEST_CASE("a rule's state is the operator's word, else the file's") {
  const std::vector overrides{override_of("a", "disabled"), override_of("b", "observe"),
                              override_of("c", "enforce"), override_of("d", "a state of a newer version"),
                              override_of("gone", "observe")};
  const auto rules =
      apply_overrides({agent_rule("a", "x"), agent_rule("b", "x"), agent_rule("c", "x", true),
                       agent_rule("d", "x", true), agent_rule("e", "x"), agent_rule("f", "x", true)},
                      overrides);
  REQUIRE(rules.size() == 6);
  CHECK(rules[0].state == RuleState::disabled);
  CHECK(rules[1].state == RuleState::observe);
  CHECK(rules[2].state == RuleState::enforce);
  CHECK(rules[3].state == RuleState::observe);
  CHECK(rules[3].override);
  CHECK(rules[4].state == RuleState::enforce);
  CHECK_FALSE(rules[4].override);
  CHECK(rules[5].state == RuleState::observe);
}

TEST_CASE("states have names that are read back") {
  for (const RuleState state : {RuleState::enforce, RuleState::observe, RuleState::disabled})
    CHECK(rule_state(to_string(state)) == state);
  CHECK_FALSE(rule_state("Enforce"));
  CHECK_FALSE(rule_state(""));
}

TEST_CASE("a disabled rule is not compiled, an observed one only observes") {
  const std::vector overrides{override_of("a", "disabled"), override_of("b", "observe"),
                              override_of("c", "enforce")};
  const auto rules =
      apply_overrides({agent_rule("a", "x"), agent_rule("b", "y"), agent_rule("c", "z", true)}, overrides);
  const auto matcher = compile_rules(rules);
  REQUIRE(matcher);
  REQUIRE((*matcher)->rules().size() == 2);
  CHECK((*matcher)->rules()[0].id == "b");
  CHECK((*matcher)->rules()[0].observe);
  CHECK((*matcher)->rules()[1].id == "c");
  CHECK_FALSE((*matcher)->rules()[1].observe);
}

TEST_CASE("with every rule disabled nothing is hit, and nothing else changes") {
  const TemporaryFolder folder;
  auto counters = counters_in(folder);
  auto set = std::make_shared<RuleSet>();
  set->rules = apply_overrides({agent_rule("a", "friendly-scanner")}, {{override_of("a", "disabled")}});
  auto matcher = compile_rules(set->rules);
  REQUIRE(matcher);
  set->matcher = std::move(*matcher);
  std::atomic<bool> observe = false;
  limit::Commons commons;
  const Common common{counters, observe, commons};
  Shield shield(common, RulesInHand(set), counters.worker(0), decide::SourceClass::unknown,
                limit::SourceTable::kBytesMin);
  const auto judge = [&](const Packet& packet) {
    return shield.accounts().with([&](limit::Accounts& accounts) {
      return shield.process({.packet = packet}, accounts, at(0)).reason;
    });
  };
  CHECK(judge(udp_packet(kScan)) == Reason::request);
  CHECK(judge(udp_packet(options(1))) == Reason::method);
}

TEST_CASE("a worker takes what was offered last, once") {
  const TemporaryFolder folder;
  auto counters = counters_in(folder);
  const auto first = set_of({agent_rule("first", "x")}, counters);
  std::weak_ptr<const RuleSet> never_taken;
  RuleSlot slot;
  RulesInHand hand(first);
  CHECK_FALSE(slot.take(hand));
  CHECK(hand.set == first);
  {
    const auto second = set_of({agent_rule("second", "x")}, counters);
    never_taken = second;
    slot.offer(RulesInHand(second));
  }
  CHECK_FALSE(take_at_once(slot));
  const auto third = set_of({agent_rule("third", "x")}, counters);
  slot.offer(RulesInHand(third));
  CHECK(never_taken.expired());
  CHECK_FALSE(take_at_once(slot));
  CHECK(slot.take(hand));
  CHECK(hand.set == third);
  CHECK_FALSE(slot.take(hand));
  CHECK(take_at_once(slot));
}

TEST_CASE("old rules are freed by the thread that offered new ones") {
  struct Watched : match::Matcher {
    explicit Watched(std::atomic<std::thread::id>& where) : freed_by(where) {}
    ~Watched() override { freed_by = std::this_thread::get_id(); }
    [[nodiscard]] std::unique_ptr<Scratch> new_scratch() const override {
      return std::make_unique<Scratch>();
    }
    [[nodiscard]] match::Hits scan(const sip::Message&, Scratch&) const override { return {}; }
    [[nodiscard]] std::span<const match::Rule> rules() const override { return {}; }
    [[nodiscard]] std::pair<std::size_t, std::size_t> locate(const match::Condition&,
                                                             std::string_view) const override {
      return {0, 0};
    }
    std::atomic<std::thread::id>& freed_by;
  };
  std::atomic<std::thread::id> freed_by{};
  const auto watched = [&] {
    auto set = std::make_shared<RuleSet>();
    set->matcher = std::make_shared<Watched>(freed_by);
    return set;
  };
  RuleSlot slot;
  std::optional<RulesInHand> hand(watched());
  slot.offer(RulesInHand(watched()));
  bool taken = false;
  std::thread worker([&] { taken = slot.take(*hand); });
  worker.join();
  CHECK(taken);
  CHECK(freed_by.load() == std::thread::id());
  CHECK(slot.wait_until_taken(now().steady + seconds(30)));
  CHECK(freed_by.load() == std::this_thread::get_id());
}

// Set n: its one rule and its ban time both tell which it is, so that half a set would show.
TEST_CASE("no packet is judged by half a rule set, and none by an old one once all workers have the new") {
  constexpr std::size_t kWorkers = 3;
  constexpr std::size_t kSets = 500;
  const TemporaryFolder folder;
  auto counters = counters_in(folder);
  std::atomic<bool> observe = false;
  limit::Commons commons;
  const Common common{counters, observe, commons};
  const std::array matchers{set_of({agent_rule("even", "friendly-scanner")}, counters)->matcher,
                            set_of({agent_rule("odd", "friendly-scanner")}, counters)->matcher};
  const auto numbered = [&](std::size_t n) {
    auto set = std::make_shared<RuleSet>();
    set->matcher = matchers[n % 2];
    give_counters(*set, counters);
    set->policy.ban_unverified = milliseconds(n + 1);
    return set;
  };

  std::vector<std::unique_ptr<Shield>> shields;
  for (std::size_t i = 0; i < kWorkers; ++i)
    shields.push_back(std::make_unique<Shield>(common, RulesInHand(numbered(0)), counters.worker(i),
                                               decide::SourceClass::unknown, limit::SourceTable::kBytesMin));
  std::atomic<std::size_t> in_force = 0;
  std::atomic<bool> over = false;
  std::atomic<std::size_t> halves = 0;
  std::atomic<std::size_t> late = 0;
  std::atomic<std::size_t> judged = 0;
  const auto work = [&](Shield& shield, std::string_view source) {
    const Packet scan = udp_packet(kScan, source);
    for (std::int64_t time = 1; !over; ++time) {
      const std::size_t at_least = in_force;
      shield.take_new_rules();
      // Each packet comes after the last one's ban has ended.
      const auto outcome = shield.accounts().with([&](limit::Accounts& accounts) {
        return shield.process({.packet = scan}, accounts, at(seconds(time)));
      });
      ++judged;
      if (!outcome.consequences.ban) {
        ++halves;
        continue;
      }
      const auto n = static_cast<std::size_t>(outcome.consequences.ban->duration.count() - 1);
      if (outcome.consequences.ban->cause.rule != (n % 2 == 0 ? "even" : "odd")) ++halves;
      if (n < at_least) ++late;
    }
  };
  std::vector<std::thread> workers;
  for (std::size_t i = 0; i < kWorkers; ++i)
    workers.emplace_back(work, std::ref(*shields[i]), i % 2 == 0 ? "198.51.100.7" : "2001:db8::7");
  std::size_t taken = 0;
  for (std::size_t n = 1; n <= kSets; ++n) {
    const auto set = numbered(n);
    for (const auto& shield : shields) shield->new_rules().offer(RulesInHand(set));
    for (const auto& shield : shields)
      taken += shield->new_rules().wait_until_taken(now().steady + seconds(30)) ? 1U : 0U;
    in_force = n;
  }
  over = true;
  for (std::thread& worker : workers) worker.join();
  CHECK(taken == kWorkers * kSets);
  CHECK(judged >= kWorkers * kSets);
  CHECK(halves == 0);
  CHECK(late == 0);
}

}  // namespace sipward::shield
