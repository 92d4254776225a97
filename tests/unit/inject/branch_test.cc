// Branches that only the holder of the key can make, and how our own BYE is told from another's.
#include "inject/branch.h"

#include "dialogs.h"
#include "inject/bye.h"
#include "sip/via.h"

namespace sipward::inject {
namespace {

const Branches kOurs(KeyedHash(1, 2));
constexpr std::string_view kCall = "a84b4c76e66710@pc33.atlanta.example";

std::string bye(std::uint64_t number, dialog::Side from = dialog::Side::caller) {
  ByeRequest request;
  request.from = from;
  request.branch = kOurs.make(number, kCall);
  const auto text = write_bye(test::call(), request);
  if (!text) FAIL(text.error().text);
  return *text;
}

std::optional<std::uint64_t> own(const std::string& text) {
  sip::Message message;
  message.read(text);
  return kOurs.own_bye(message);
}

std::string with(std::string text, std::string_view what, std::string_view instead) {
  const std::size_t at = text.find(what);
  REQUIRE(at != std::string::npos);
  return text.replace(at, what.size(), instead);
}

// As the receiver of `request` would answer it.
std::string answer(const std::string& request, std::string_view status) {
  const std::size_t line = request.find("\r\n");
  return "SIP/2.0 " + std::string(status) + request.substr(line);
}

TEST_CASE("a branch begins as RFC 3261 wants it, is a token, and never twice the same") {
  const std::string branch = kOurs.make(7, kCall);
  CHECK(branch.starts_with("z9hG4bK"));
  CHECK(branch.size() == 43);
  CHECK(branch.find_first_not_of("0123456789abcdefghijklmnopqrstuvwxyzGK") == std::string::npos);
  CHECK(branch != kOurs.make(8, kCall));
  CHECK(branch != kOurs.make(7, "another"));
  CHECK(branch != Branches(KeyedHash(1, 3)).make(7, kCall));
  CHECK(branch == Branches(KeyedHash(1, 2)).make(7, kCall));
}

TEST_CASE("every number comes back") {
  for (const std::uint64_t number :
       {std::uint64_t{0}, std::uint64_t{1}, ~std::uint64_t{0}, std::uint64_t{1} << 63U})
    CHECK(kOurs.read(kOurs.make(number, kCall), kCall) == number);
}

TEST_CASE("a branch of another key or another call is not ours") {
  CHECK_FALSE(Branches(KeyedHash()).read(kOurs.make(7, kCall), kCall).has_value());
  CHECK_FALSE(kOurs.read(kOurs.make(7, kCall), "a84b4c76e66710@pc33.atlanta.exampl").has_value());
  CHECK_FALSE(kOurs.read(kOurs.make(7, kCall), "").has_value());
}

TEST_CASE("a branch with any one character changed, too few or too many is not ours") {
  const std::string branch = kOurs.make(0x0123456789abcdef, kCall);
  for (std::size_t i = 0; i < branch.size(); ++i) {
    for (const char c : {'0', 'f', 'F', '-', ' ', '\0'}) {
      std::string forged = branch;
      forged[i] = c;
      CAPTURE(i, c);
      CHECK(kOurs.read(forged, kCall).has_value() == (forged == branch));
    }
    CHECK_FALSE(kOurs.read(std::string_view(branch).substr(0, i), kCall).has_value());
  }
  CHECK_FALSE(kOurs.read(branch + "0", kCall).has_value());
  CHECK_FALSE(kOurs.read("z9hG4bKnashds8", kCall).has_value());
}

TEST_CASE("45: our own BYE is recognised, and each response to it") {
  CHECK(own(bye(7)) == 7);
  CHECK(own(bye(8, dialog::Side::callee)) == 8);
  for (const char* status : {"100 Trying", "200 OK", "481 Call/Transaction Does Not Exist", "500 Low CSeq"})
    CHECK(own(answer(bye(9), status)) == 9);
  const std::string received = with(answer(bye(9), "200 OK"), ";rport", ";received=198.51.100.7;rport=40001");
  CHECK(own(received) == 9);
}

TEST_CASE("46: who repeats the branch in another request, another call or below a Via hides nothing") {
  const std::string ours = bye(7);
  CHECK_FALSE(own(with(ours, "260 BYE", "260 INVITE")).has_value());
  CHECK_FALSE(own(with(ours, "BYE sip", "INVITE sip")).has_value());
  CHECK_FALSE(own(with(answer(ours, "200 OK"), "260 BYE", "260 INVITE")).has_value());
  CHECK_FALSE(own(with(ours, kCall, "a84b4c76e66711@pc33.atlanta.example")).has_value());
  CHECK_FALSE(
      own(with(ours, "Via: ", "Via: SIP/2.0/UDP proxy.example;branch=z9hG4bK1\r\nVia: ")).has_value());
  CHECK_FALSE(own(with(ours, "Via: ", "Via: SIP/2.0/UDP proxy.example;branch=z9hG4bK1, ")).has_value());
}

TEST_CASE("a message without Via, Call-ID or CSeq is nobody's") {
  const std::string ours = bye(7);
  for (const char* name : {"Via:", "Call-ID:", "CSeq:"}) {
    CAPTURE(name);
    CHECK_FALSE(own(with(ours, name, "X:")).has_value());
  }
  CHECK_FALSE(own(with(ours, "SIP/2.0/UDP", "odd")).has_value());
  CHECK_FALSE(own("").has_value());
}

}  // namespace
}  // namespace sipward::inject
