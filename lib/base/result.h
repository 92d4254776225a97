// Results that carry what was attempted. Exceptions are for start-up only; nothing that traffic can cause
// throws.
#pragma once

#include <fmt/format.h>

#include <cerrno>
#include <cstring>
#include <string>
#include <tl/expected.hpp>
#include <utility>

namespace sipward {

// What a caller can do about a failure. The CLI's exit codes and the control protocol's error names follow
// from it, so nobody has to read the text.
enum class ErrorKind {
  failed,       // the operation was tried and did not work
  invalid,      // the input is wrong: say what was expected
  not_found,    // what was asked for does not exist
  refused,      // allowed by nobody: a safety rule stands against it
  denied,       // not allowed for this user or process
  unreachable,  // the other side is not there
  busy,         // somebody else holds the resource
};

struct Error {
  ErrorKind kind = ErrorKind::failed;
  std::string text;  // one line, names what was attempted and quotes the offending value
};

template <class T>
using Result = tl::expected<T, Error>;

template <class... Args>
[[nodiscard]] tl::unexpected<Error> fail(ErrorKind kind, fmt::format_string<Args...> format, Args&&... args) {
  return tl::unexpected<Error>(Error{kind, fmt::format(format, std::forward<Args>(args)...)});
}

template <class... Args>
[[nodiscard]] tl::unexpected<Error> fail(fmt::format_string<Args...> format, Args&&... args) {
  return tl::unexpected<Error>(Error{ErrorKind::failed, fmt::format(format, std::forward<Args>(args)...)});
}

// "attempted: No such file or directory". EPERM and EACCES become `denied`, EBUSY `busy`, ENOENT `not_found`.
[[nodiscard]] inline tl::unexpected<Error> fail_errno(int error_number, std::string attempted) {
  ErrorKind kind = ErrorKind::failed;
  if (error_number == EPERM || error_number == EACCES) kind = ErrorKind::denied;
  if (error_number == EBUSY) kind = ErrorKind::busy;
  if (error_number == ENOENT) kind = ErrorKind::not_found;
  return tl::unexpected<Error>(Error{kind, fmt::format("{}: {}", attempted, std::strerror(error_number))});
}

}  // namespace sipward
