// Rules' places among the counters: found again, kept while they are held, given on when room is needed.
#include <set>
#include <vector>

#include "metrics/counters.h"
#include "support/catch.h"

namespace sipward::metrics {
namespace {

struct Fixture {
  [[nodiscard]] RuleLease lease(const std::vector<std::string>& ids) { return counters.lease(ids); }

  Counters counters = std::move(*Counters::in_memory());
};

std::vector<std::string> numbered(std::size_t begin, std::size_t end) {
  std::vector<std::string> ids;
  for (std::size_t i = begin; i < end; ++i) ids.push_back("rule-" + std::to_string(i));
  return ids;
}

TEST_CASE_METHOD(Fixture, "a rule is found again by its name") {
  const RuleLease held = lease({"one", "two"});
  RuleCounter* one = held.counters()[0];
  RuleCounter* two = held.counters()[1];
  REQUIRE(one);
  REQUIRE(two);
  CHECK(one != two);
  CHECK(counters.rule("one") == one);
  CHECK(lease({"two", "one"}).counters()[1] == one);
  CHECK(std::string_view(one->id.data()) == "one");
  CHECK(counters.rule("on") == nullptr);
  CHECK(counters.rule("one2") == nullptr);
  CHECK(counters.rule("") == nullptr);
}

TEST_CASE_METHOD(Fixture, "names up to the field's length are kept whole, longer ones are cut") {
  const std::string fits(55, 'a');
  const std::string too_long(56, 'b');
  const RuleLease held = lease({fits, too_long, "next"});
  CHECK(std::string_view(held.counters()[0]->id.data()) == fits);
  CHECK(std::string_view(held.counters()[1]->id.data()) == std::string(55, 'b'));
  CHECK(counters.rule(too_long) == held.counters()[1]);
  CHECK(std::string_view(held.counters()[2]->id.data()) == "next");
}

TEST_CASE_METHOD(Fixture, "there is room for kRulesMax rules and not one more") {
  const RuleLease held = lease(numbered(0, kRulesMax));
  const std::set<RuleCounter*> places(held.counters().begin(), held.counters().end());
  CHECK(places.size() == kRulesMax);
  CHECK_FALSE(places.contains(nullptr));
  const RuleLease more = lease({"one-too-many", "rule-0"});
  CHECK(more.counters()[0] == nullptr);
  CHECK(more.counters()[1] == counters.rule("rule-0"));
  CHECK(counters.rule("one-too-many") == nullptr);
}

TEST_CASE_METHOD(Fixture, "a rule that is gone keeps its counts until its place is needed") {
  lease({"gone"}).counters()[0]->hits.add(3);
  const RuleLease others = lease(numbered(1, kRulesMax));
  CHECK(counters.rule("gone")->hits.get() == 3);
  CHECK(lease({"gone"}).counters()[0]->hits.get() == 3);
  const RuleLease fresh = lease({"fresh"});
  REQUIRE(fresh.counters()[0]);
  CHECK(fresh.counters()[0]->hits.get() == 0);
  CHECK(fresh.counters()[0]->last_hit_ms.get() == 0);
  CHECK(counters.rule("gone") == nullptr);
}

TEST_CASE_METHOD(Fixture, "of the rules that are gone, the one that hit longest ago makes room first") {
  {
    const RuleLease held = lease(numbered(0, kRulesMax));
    for (std::size_t i = 0; i < kRulesMax; ++i) held.counters()[i]->last_hit_ms.set(1000 - i % 1000);
  }
  const RuleLease fresh = lease({"fresh"});
  CHECK(counters.rule("rule-999") == nullptr);
  CHECK(counters.rule("rule-998") != nullptr);
}

TEST_CASE_METHOD(Fixture, "an old rule set's place goes to nobody while a worker may still count by it") {
  const RuleLease old = lease(numbered(0, kRulesMax));
  {
    const RuleLease next = lease({"rule-0", "renamed"});  // a reload while the old set is in use
    CHECK(next.counters()[0] == old.counters()[0]);
    CHECK(next.counters()[1] == nullptr);
  }
  RuleLease given_back = lease({"rule-1"});
  given_back = lease(numbered(0, 2));  // what it held is still held by `old`
  CHECK(lease({"renamed"}).counters()[0] == nullptr);
}

TEST_CASE_METHOD(Fixture, "rules that are renamed with every reload never run out of counters") {
  RuleLease current = lease(numbered(0, 100));
  for (std::size_t reload = 1; reload < 50; ++reload) {
    RuleLease next = lease(numbered(100 * reload, 100 * (reload + 1)));
    for (RuleCounter* counter : next.counters()) {
      REQUIRE(counter);
      CHECK(counter->hits.get() == 0);
      counter->hits.add();
    }
    current = std::move(next);
  }
}

TEST_CASE("a lease may outlive its counters") {
  RuleLease held;
  {
    auto counters = Counters::in_memory();
    held = counters->lease(numbered(0, 2));
  }
  CHECK(held.counters().size() == 2);
}

}  // namespace
}  // namespace sipward::metrics
