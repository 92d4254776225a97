#include "enforce/known_sources.h"

#include "unit/base/nets.h"

namespace sipward::enforce {
namespace {

using namespace sipward::test;  // NOLINT: short ways to write nets
using std::chrono::hours;
using std::chrono::milliseconds;
using std::chrono::seconds;
using Outcome = KnownSources::Outcome;
using Texts = std::vector<std::string>;

struct Fixture {
  KnownSources known{3};
  std::optional<KnownSource> displaced;

  Outcome learn(std::string_view text, WallTime until, WallTime since = kNow,
                const std::string& how = "register") {
    displaced.reset();
    return known.put({address(text), since, until, how}, displaced);
  }
};

Texts texts(const std::vector<KnownSource>& sources) {
  Texts all;
  for (const KnownSource& source : sources) all.push_back(source.address.to_string());
  return all;
}

TEST_CASE_METHOD(Fixture, "who is known stays known for longer, never for less") {
  CHECK(learn("192.0.2.1", in(hours(2))) == Outcome::added);
  CHECK(learn("192.0.2.1", in(hours(2)), in(seconds(9)), "invite") == Outcome::kept);
  CHECK(learn("192.0.2.1", in(hours(2) - milliseconds(1))) == Outcome::kept);
  CHECK(*known.find(address("192.0.2.1")) ==
        KnownSource{address("192.0.2.1"), kNow, in(hours(2)), "register"});
  CHECK(learn("192.0.2.1", in(hours(2) + milliseconds(1)), in(seconds(9)), "invite") == Outcome::extended);
  CHECK(*known.find(address("192.0.2.1")) ==
        KnownSource{address("192.0.2.1"), kNow, in(hours(2) + milliseconds(1)), "invite"});
  CHECK(known.find(address("192.0.2.2")) == nullptr);
}

TEST_CASE_METHOD(Fixture, "when there is no room the one that ends first goes") {
  learn("192.0.2.1", in(hours(2)));
  learn("192.0.2.2", in(hours(1)));
  CHECK(learn("2001:db8::3", in(hours(3))) == Outcome::added);
  CHECK_FALSE(displaced.has_value());
  SECTION("if the new one lasts longer") {
    CHECK(learn("192.0.2.4", in(hours(1) + milliseconds(1))) == Outcome::added);
    CHECK(displaced->address == address("192.0.2.2"));
    CHECK(known.size() == 3);
    CHECK(known.find(address("192.0.2.2")) == nullptr);
  }
  SECTION("else the new one is not taken") {
    CHECK(learn("192.0.2.4", in(hours(1))) == Outcome::refused);
    CHECK_FALSE(displaced.has_value());
    CHECK(known.find(address("192.0.2.4")) == nullptr);
    CHECK(known.find(address("192.0.2.2")) != nullptr);
  }
  SECTION("one that is known already needs no room") {
    CHECK(learn("192.0.2.2", in(hours(9))) == Outcome::extended);
    CHECK_FALSE(displaced.has_value());
  }
}

TEST_CASE("room for nobody") {
  KnownSources known(0);
  std::optional<KnownSource> displaced;
  CHECK(known.put({address("192.0.2.1"), kNow, in(hours(1)), "register"}, displaced) == Outcome::refused);
  CHECK(known.size() == 0);
}

TEST_CASE_METHOD(Fixture, "a source is known until its end and not a millisecond longer") {
  learn("192.0.2.1", in(milliseconds(1000)));
  learn("192.0.2.2", in(milliseconds(1001)));
  CHECK(known.expire(in(milliseconds(999))).empty());
  CHECK(texts(known.expire(in(milliseconds(1000)))) == Texts{"192.0.2.1"});
  CHECK(texts(known.list(0)) == Texts{"192.0.2.2"});
  learn("192.0.2.2", in(hours(1)));
  CHECK(known.expire(in(milliseconds(1001))).empty());
}

TEST_CASE_METHOD(Fixture, "somebody in a net, or nobody") {
  learn("192.0.2.0", in(hours(1)));
  learn("192.0.3.255", in(hours(1)));
  learn("2001:db8:0:1::5", in(hours(1)));
  const auto inside = [&](std::string_view text) {
    const KnownSource* found = known.inside(net(text));
    return found ? found->address.to_string() : "none";
  };
  CHECK(inside("192.0.2.0/24") == "192.0.2.0");
  CHECK(inside("192.0.3.0/24") == "192.0.3.255");
  CHECK(inside("192.0.1.0/24") == "none");
  CHECK(inside("192.0.4.0/24") == "none");
  CHECK(inside("2001:db8::/48") == "2001:db8:0:1::5");
  CHECK(inside("2001:db8:0:1::/64") == "2001:db8:0:1::5");
  CHECK(inside("2001:db8::/64") == "none");
  CHECK(inside("2001:db8:0:2::/64") == "none");
}

TEST_CASE_METHOD(Fixture, "forgotten is forgotten, and the list begins with who stays longest") {
  learn("192.0.2.1", in(hours(2)));
  learn("192.0.2.2", in(hours(3)));
  learn("192.0.2.3", in(hours(1)));
  CHECK(texts(known.list(0)) == Texts{"192.0.2.2", "192.0.2.1", "192.0.2.3"});
  CHECK(texts(known.list(2)) == Texts{"192.0.2.2", "192.0.2.1"});
  CHECK(known.remove(address("192.0.2.2"))->until == in(hours(3)));
  CHECK_FALSE(known.remove(address("192.0.2.2")).has_value());
  CHECK(texts(known.list(0)) == Texts{"192.0.2.1", "192.0.2.3"});
  CHECK(known.expire(in(hours(9))).size() == 2);
}

}  // namespace
}  // namespace sipward::enforce
