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
