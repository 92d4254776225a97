#include "decide/reason.h"

#include <set>
#include <string_view>

#include "support/catch.h"

namespace sipward::decide {
namespace {

TEST_CASE("every reason has a name of its own and a sentence") {
  std::set<std::string_view> names;
  for (std::size_t i = 0; i < kReasons; ++i) {
    const auto r = static_cast<Reason>(i);
    CHECK_FALSE(describe(r).empty());
    names.insert(to_string(r));
  }
  CHECK(names.size() == kReasons);
  CHECK(to_string(Reason::request) == "request");
  CHECK(to_string(Reason::observed) == "observed");
  CHECK(to_string(Reason::signature) == "signature");
  CHECK(to_string(Reason::unknown) == "unknown");
}

TEST_CASE("reasons to drop and reasons to pass") {
  for (const Reason r : {Reason::request, Reason::response, Reason::keepalive, Reason::peer,
                         Reason::not_sip_let, Reason::tcp_data, Reason::undecodable, Reason::observed})
    CHECK_FALSE(is_drop(r));
  for (const Reason r : {Reason::signature, Reason::method, Reason::not_sip, Reason::malformed,
                         Reason::banned, Reason::unknown})
    CHECK(is_drop(r));
}

}  // namespace
}  // namespace sipward::decide
