#include "sip/credentials.h"

#include <string>

#include "support/catch.h"

using namespace sipward::sip;

TEST_CASE("Digest credentials", "[sip][credentials]") {
  const auto digest =
      read_digest(R"(Digest username="bob", realm="biloxi.example", nonce="dcd98b7102dd2f0e",)"
                  "\r\n "
                  R"(uri="sip:bob@biloxi.example", response="6629fae49393a05397450978507c4ef1",)"
                  R"( algorithm=MD5, qop=auth, nc=00000001, cnonce="0a4f113b")");
  REQUIRE(digest.has_value());
  CHECK(digest->username == "bob");
  CHECK(digest->realm == "biloxi.example");
  CHECK(digest->nonce == "dcd98b7102dd2f0e");
  CHECK(digest->uri == "sip:bob@biloxi.example");
  CHECK(digest->response == "6629fae49393a05397450978507c4ef1");
  CHECK(digest->algorithm == "MD5");
}

TEST_CASE("Digest credentials as they are spelled in the field", "[sip][credentials]") {
  CHECK(read_digest("dIgEsT USERNAME = \"a\"")->username == "a");
  CHECK(read_digest("Digest\r\n username=a")->username == "a");
  CHECK(read_digest("Digest username=a,username=b")->username == "a");
  CHECK(read_digest("Digest username=\"\",username=b")->username.empty());
  CHECK(read_digest(R"(Digest username="a,realm=b", realm="c")")->realm == "c");
  CHECK(read_digest(R"(Digest username="a\"b", realm="c")")->username == R"(a\"b)");
  CHECK(read_digest(R"(Digest username="a, realm="c")")->username == "a, realm=");
  CHECK(read_digest(R"(Digest username="a, realm=c, nonce=d)")->realm == "c");
  CHECK(read_digest("Digest xusername=a, usernamex=b")->username.empty());
  CHECK(read_digest("Digest uri=\"sip:a=b\"")->uri == "sip:a=b");
  CHECK(read_digest("Digest username")->username.empty());
  CHECK(read_digest("Digest").has_value());
}

TEST_CASE("other schemes than Digest", "[sip][credentials]") {
  for (const char* none : {"", "NoOneKnowsThisScheme opaque-data=here", "Basic YTpi", "Digests username=a",
                           "username=a", "\"Digest\" username=a"}) {
    INFO(none);
    CHECK_FALSE(read_digest(none).has_value());
  }
}

TEST_CASE("challenges, one to a header or several", "[sip][credentials]") {
  ChallengeReader one(
      R"(Digest realm="a, nonce=x", qop="auth auth-int", nonce = "n1", stale=TRUE, nonce=n2)");
  const auto challenge = one.next();
  REQUIRE(challenge.has_value());
  CHECK(challenge->nonce == "n1");
  CHECK(challenge->stale);
  CHECK_FALSE(one.next().has_value());

  ChallengeReader several(
      "Negotiate, dIgEsT nonce=n1,\r\n stale=\"false\", Basic realm=r, nonce=no, Digest nonce=n2");
  CHECK(several.next()->nonce.empty());
  const auto second = several.next();
  REQUIRE(second.has_value());
  CHECK(second->nonce == "n1");
  CHECK_FALSE(second->stale);
  CHECK(several.next()->nonce.empty());
  CHECK(several.next()->nonce == "n2");
  CHECK_FALSE(several.next().has_value());

  for (const char* none : {"", " ,, ", "nonce=n", "Digest", "Digest nonce"}) {
    INFO(none);
    ChallengeReader challenges(none);
    if (const auto empty = challenges.next()) CHECK(empty->nonce.empty());
    CHECK_FALSE(challenges.next().has_value());
  }
}
