#include "base/file.h"

#include <fcntl.h>

#include "base/handle.h"
#include "support/catch.h"
#include "support/temporary_folder.h"

namespace sipward {
namespace {

std::string pattern(std::size_t n) {
  std::string text;
  for (std::size_t i = 0; i < n; ++i) text += static_cast<char>(i * 7 + i / 251);
  return text;
}

TEST_CASE("a file is read whole") {
  const test::TemporaryFolder folder;
  const std::size_t size = GENERATE(std::size_t{0}, std::size_t{1}, std::size_t{65535}, std::size_t{65536},
                                    std::size_t{65537}, std::size_t{300'000});
  test::write(folder / "f", pattern(size));
  const auto read = read_file(folder / "f");
  REQUIRE(read.has_value());
  CHECK(*read == pattern(size));
}

TEST_CASE("a file of the limit is read, one byte more is refused") {
  const test::TemporaryFolder folder;
  test::write(folder / "f", "12345");
  CHECK(read_file(folder / "f", 5).value() == "12345");
  const auto refused = read_file(folder / "f", 4);
  REQUIRE_FALSE(refused.has_value());
  CHECK(refused.error().kind == ErrorKind::invalid);
  CHECK_THAT(refused.error().text,
             ContainsSubstring((folder / "f").string()) && ContainsSubstring("4 bytes"));
}

TEST_CASE("an endless file does not eat the memory") {
  CHECK_FALSE(read_file("/dev/zero", 1U << 20U).has_value());
}

TEST_CASE("files that cannot be read say which and why") {
  const test::TemporaryFolder folder;
  const auto missing = read_file(folder / "missing");
  REQUIRE_FALSE(missing.has_value());
  CHECK(missing.error().kind == ErrorKind::not_found);
  CHECK_THAT(missing.error().text,
             ContainsSubstring((folder / "missing").string()) && ContainsSubstring("No such file"));
  CHECK_FALSE(read_file(folder.path()).has_value());
}

TEST_CASE("a descriptor closes when its owner goes, and once") {
  const auto is_open = [](int fd) { return ::fcntl(fd, F_GETFD) != -1; };
  Fd first(::open("/dev/null", O_RDONLY));
  const int number = first.get();
  REQUIRE(first.valid());
  Fd second(std::move(first));
  CHECK_FALSE(first.valid());  // NOLINT: what is left of it is the question
  CHECK(second.get() == number);
  Fd& same = second;
  second = std::move(same);
  CHECK(is_open(number));
  Fd third(::open("/dev/null", O_RDONLY));
  const int other = third.get();
  third = std::move(second);
  CHECK_FALSE(is_open(other));
  CHECK(third.get() == number);
  third.reset();
  CHECK_FALSE(is_open(number));
  CHECK_FALSE(third.valid());
}

TEST_CASE("errno becomes a kind that a caller can act on") {
  struct Case {
    int number;
    ErrorKind kind;
  };
  const auto c =
      GENERATE(Case{EPERM, ErrorKind::denied}, Case{EACCES, ErrorKind::denied}, Case{EBUSY, ErrorKind::busy},
               Case{ENOENT, ErrorKind::not_found}, Case{EIO, ErrorKind::failed});
  const Error error = fail_errno(c.number, "trying 'x'").value();
  CHECK(error.kind == c.kind);
  CHECK(error.text == std::string("trying 'x': ") + std::strerror(c.number));
}

TEST_CASE("a failure without a kind has failed, one with a kind has it") {
  CHECK(fail("no {}", 7).value().kind == ErrorKind::failed);
  CHECK(fail("no {}", 7).value().text == "no 7");
  CHECK(fail(ErrorKind::refused, "no {}", 7).value().kind == ErrorKind::refused);
}

}  // namespace
}  // namespace sipward
