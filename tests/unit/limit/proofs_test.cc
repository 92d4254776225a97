#include "limit/proofs.h"

#include <memory>
#include <string>

#include "givens.h"
#include "support/catch.h"

namespace sipward::limit {
namespace {

const Address kPhone = parse("192.0.2.7");
const Address kOther = parse("2001:db8::7");

TEST_CASE("what was told to a source proves it, and nobody else", "[limit]") {
  const auto proofs = std::make_unique<Proofs>();
  CHECK_FALSE(proofs->holds(kPhone, "nonce"));
  proofs->remember(kPhone, "nonce");
  CHECK(proofs->holds(kPhone, "nonce"));
  CHECK_FALSE(proofs->holds(kPhone, "nonce2"));
  CHECK_FALSE(proofs->holds(kOther, "nonce"));
  proofs->remember(kPhone, "nonce");  // told again
  CHECK(proofs->holds(kPhone, "nonce"));
}

TEST_CASE("what was told to two sources proves neither, however often it is told", "[limit]") {
  const auto proofs = std::make_unique<Proofs>();
  proofs->remember(kPhone, "nonce");
  for (int i = 0; i < 3; ++i) {
    proofs->remember(kOther, "nonce");
    CHECK_FALSE(proofs->holds(kPhone, "nonce"));
    CHECK_FALSE(proofs->holds(kOther, "nonce"));
    proofs->remember(kPhone, "nonce");
    CHECK_FALSE(proofs->holds(kPhone, "nonce"));
  }
}

TEST_CASE("a proof that may be spent is spent once, and still holds", "[limit]") {
  const auto proofs = std::make_unique<Proofs>();
  CHECK_FALSE(proofs->is_unspent(kPhone, "nonce"));
  proofs->remember(kPhone, "nonce", true);
  CHECK(proofs->is_unspent(kPhone, "nonce"));
  CHECK_FALSE(proofs->is_unspent(kOther, "nonce"));
  proofs->spend(kOther, "nonce");
  CHECK(proofs->is_unspent(kPhone, "nonce"));
  proofs->spend(kPhone, "nonce");
  CHECK_FALSE(proofs->is_unspent(kPhone, "nonce"));
  proofs->remember(kPhone, "nonce", true);  // told again, as a copy of the answer does
  CHECK_FALSE(proofs->is_unspent(kPhone, "nonce"));
  CHECK(proofs->holds(kPhone, "nonce"));
  proofs->remember(kOther, "nonce", true);
  CHECK_FALSE(proofs->holds(kPhone, "nonce"));
  CHECK_FALSE(proofs->is_unspent(kOther, "nonce"));
}

TEST_CASE("what may not be spent proves all the same", "[limit]") {
  const auto proofs = std::make_unique<Proofs>();
  proofs->remember(kPhone, "nonce");
  CHECK(proofs->holds(kPhone, "nonce"));
  CHECK_FALSE(proofs->is_unspent(kPhone, "nonce"));
  proofs->remember(kPhone, "nonce", true);
  CHECK_FALSE(proofs->is_unspent(kPhone, "nonce"));
}

TEST_CASE("nothing proves nothing", "[limit]") {
  const auto proofs = std::make_unique<Proofs>();
  proofs->remember(kPhone, "");
  CHECK_FALSE(proofs->holds(kPhone, ""));
  CHECK_FALSE(proofs->is_unspent(kPhone, ""));
}

TEST_CASE("a site of thousands of phones has its nonces remembered, the oldest give way", "[limit]") {
  const auto proofs = std::make_unique<Proofs>();
  unsigned held = 0;
  for (unsigned i = 0; i < 5000; ++i) proofs->remember(kPhone, std::to_string(i));
  for (unsigned i = 0; i < 5000; ++i) held += proofs->holds(kPhone, std::to_string(i)) ? 1U : 0U;
  CHECK(held > 4900);
}

}  // namespace
}  // namespace sipward::limit
