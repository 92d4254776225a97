#include "limit/budget.h"

#include <thread>
#include <vector>

#include "support/catch.h"

namespace {

using namespace sipward;
using namespace sipward::limit;
using namespace std::chrono_literals;

Instant at(std::chrono::milliseconds since) {
  return Instant(std::chrono::hours(1000)) + since;
}

unsigned take_all(Budget& budget, const Rate& rate, bool proven, Instant now) {
  unsigned taken = 0;
  while (taken < 100000 && budget.take(rate, proven, now)) ++taken;
  return taken;
}

}  // namespace

TEST_CASE("the budget's burst passes at once, then one in each interval", "[limit]") {
  Budget budget;
  const Rate rate(10, 1s, 8);
  CHECK(take_all(budget, rate, true, at(0ms)) == 8);
  CHECK(take_all(budget, rate, true, at(99ms)) == 0);
  CHECK(take_all(budget, rate, true, at(100ms)) == 1);
  CHECK(take_all(budget, rate, true, at(10s)) == 8);
}

TEST_CASE("sources that proved nothing get half of the budget, the rest stays for the others", "[limit]") {
  Budget budget;
  const Rate rate(10, 1s, 8);
  CHECK(take_all(budget, rate, false, at(0ms)) == 4);
  CHECK(take_all(budget, rate, true, at(0ms)) == 4);
  CHECK(take_all(budget, rate, false, at(200ms)) == 1);
  CHECK(take_all(budget, rate, true, at(200ms)) == 1);
}

TEST_CASE("a budget that proven sources have used up has nothing for the others", "[limit]") {
  Budget budget;
  const Rate rate(10, 1s, 8);
  CHECK(take_all(budget, rate, true, at(0ms)) == 8);
  CHECK(take_all(budget, rate, false, at(0ms)) == 0);
}

TEST_CASE("a budget without a rate has no end", "[limit]") {
  Budget budget;
  CHECK(take_all(budget, Rate(), false, at(0ms)) == 100000);
}

TEST_CASE("threads that take from one budget get together what it holds", "[limit]") {
  Budget budget;
  const Rate rate(1, 1s, 5000);
  std::vector<unsigned> taken(4);
  std::vector<std::thread> threads;
  for (unsigned& mine : taken) threads.emplace_back([&] { mine = take_all(budget, rate, true, at(0ms)); });
  for (std::thread& thread : threads) thread.join();
  CHECK(taken[0] + taken[1] + taken[2] + taken[3] == 5000);
}
