#include "limit/relayed.h"

#include <memory>
#include <string>

#include "support/catch.h"

using sipward::limit::Relayed;

TEST_CASE("what was noted is held, by Call-ID and CSeq number", "[limit]") {
  const auto relayed = std::make_unique<Relayed>();
  CHECK_FALSE(relayed->holds("a@b", 1));
  relayed->note("a@b", 1);
  CHECK(relayed->holds("a@b", 1));
  CHECK_FALSE(relayed->holds("a@b", 2));
  CHECK_FALSE(relayed->holds("a@c", 1));
}

TEST_CASE("the last ones are held, the first ones give way", "[limit]") {
  const auto relayed = std::make_unique<Relayed>();
  for (std::uint32_t i = 0; i < 100 * Relayed::kPlaces; ++i) relayed->note("flood", i);
  std::size_t held = 0;
  for (std::uint32_t i = 0; i < 100 * Relayed::kPlaces; ++i) held += relayed->holds("flood", i) ? 1U : 0U;
  CHECK(held <= Relayed::kPlaces);
  CHECK(held > Relayed::kPlaces * 9 / 10);
  CHECK(relayed->holds("flood", 100 * Relayed::kPlaces - 1));
}
