#include "base/one_line.h"

#include "support/catch.h"

namespace sipward {

TEST_CASE("control characters of quoted text become visible, and nothing else changes") {
  CHECK(one_line("") == "");
  CHECK(one_line("a b ~\xc3\xa9") == "a b ~\xc3\xa9");
  CHECK(one_line("a\nb\r\x1b[2J\x7f") == "a\\nb\\x0d\\x1b[2J\\x7f");
  CHECK(one_line(std::string_view("\0\x1f ", 3)) == "\\x00\\x1f ");
}

}  // namespace sipward
