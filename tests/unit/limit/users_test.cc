#include "limit/users.h"

#include "support/catch.h"

namespace {

using namespace sipward;
using namespace sipward::limit;
using namespace std::chrono_literals;

constexpr UserLimits kLimits{.refusals_max = 3, .users_max = 2, .window = 10min, .accepted_for = 24h};
constexpr UserId kAlice = 1;
constexpr UserId kBob = 2;
constexpr UserId kCarol = 3;

Address site() {
  return Address::parse("198.51.100.7").value();
}

Instant at(std::chrono::milliseconds since) {
  return Instant(std::chrono::hours(1000)) + since;
}

void refuse(Users& users, UserId user, unsigned times, Instant now) {
  for (unsigned i = 0; i < times; ++i) users.refuse(site(), user, kLimits, now);
}

}  // namespace

TEST_CASE("a user is blocked at the limit of its refusals, its neighbours are not", "[limit]") {
  Users users(64);
  refuse(users, kAlice, 2, at(0ms));
  CHECK_FALSE(users.is_blocked(site(), kAlice, kLimits, at(0ms)));
  refuse(users, kAlice, 1, at(0ms));
  CHECK(users.is_blocked(site(), kAlice, kLimits, at(0ms)));
  CHECK_FALSE(users.is_blocked(site(), kBob, kLimits, at(0ms)));
  CHECK_FALSE(users.is_blocked(Address::parse("198.51.100.8").value(), kAlice, kLimits, at(0ms)));
}

TEST_CASE("a blocked user is served again when the window is over, not before", "[limit]") {
  Users users(64);
  refuse(users, kAlice, 3, at(0ms));
  CHECK(users.is_blocked(site(), kAlice, kLimits, at(10min - 1ms)));
  CHECK_FALSE(users.is_blocked(site(), kAlice, kLimits, at(10min)));
  refuse(users, kAlice, 2, at(10min));
  CHECK_FALSE(users.is_blocked(site(), kAlice, kLimits, at(10min)));
}

TEST_CASE("accepted credentials clear a user's refusals", "[limit]") {
  Users users(64);
  refuse(users, kAlice, 2, at(0ms));
  users.accept(site(), kAlice, kLimits, at(1s));
  refuse(users, kAlice, 2, at(2s));
  CHECK_FALSE(users.is_blocked(site(), kAlice, kLimits, at(2s)));
  refuse(users, kAlice, 1, at(2s));
  CHECK(users.is_blocked(site(), kAlice, kLimits, at(2s)));
}

TEST_CASE("behind an address where many users were refused only accepted ones are served", "[limit]") {
  Users users(64);
  users.accept(site(), kCarol, kLimits, at(0ms));
  refuse(users, kAlice, 2, at(0ms));
  CHECK(users.refused_users(site(), kLimits, at(0ms)) == 1);
  constexpr UserId kNew = 9;
  CHECK_FALSE(users.is_blocked(site(), kNew, kLimits, at(0ms)));
  refuse(users, kBob, 1, at(1s));
  CHECK(users.refused_users(site(), kLimits, at(1s)) == 2);
  CHECK(users.is_blocked(site(), kNew, kLimits, at(1s)));
  CHECK_FALSE(users.is_blocked(site(), kCarol, kLimits, at(1s)));
  CHECK_FALSE(users.is_blocked(site(), kNew, kLimits, at(10min)));
}

TEST_CASE("an accepted user counts as such for its time", "[limit]") {
  Users users(64);
  users.accept(site(), kCarol, kLimits, at(0ms));
  refuse(users, kAlice, 1, at(24h - 1min));
  refuse(users, kBob, 1, at(24h - 1min));
  CHECK_FALSE(users.is_blocked(site(), kCarol, kLimits, at(24h - 1ms)));
  CHECK(users.is_blocked(site(), kCarol, kLimits, at(24h)));
}

TEST_CASE("refused users keep their places when accepted ones crowd the table", "[limit]") {
  Users users(Users::kWays);
  refuse(users, kAlice, 3, at(0ms));
  for (UserId user = 100; user < 1000; ++user) users.accept(site(), user, kLimits, at(1s));
  CHECK(users.is_blocked(site(), kAlice, kLimits, at(2s)));
}

TEST_CASE("refusals of a window that is over give way", "[limit]") {
  Users users(Users::kWays);
  for (UserId user = 100; user < 107; ++user) users.refuse(site(), user, kLimits, at(0ms));
  for (UserId user = 200; user < 208; ++user) users.accept(site(), user, kLimits, at(11min));
  refuse(users, kAlice, 1, at(12min));
  refuse(users, kBob, 1, at(12min));
  unsigned served = 0;
  for (UserId user = 200; user < 208; ++user)
    served += users.is_blocked(site(), user, kLimits, at(12min)) ? 0U : 1U;
  CHECK(served >= 5);  // three places went to the refused ones and their address
}
