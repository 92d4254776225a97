// Header values that hold several, separated by commas (RFC 3261 section 7.3.1).
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>

namespace sipward::sip {

// What a comma does not separate in, beside quoted strings.
enum class ListOf : std::uint8_t {
  addresses,   // <brackets>: Contact, Route, Record-Route. Parentheses are no comment there: a user may hold
               // them
  vias,        // (comments), nested ones too: Via
  parameters,  // nothing: the parameters of credentials, option tags
};

// Takes the elements of one header value, first to last. Empty ones, which no grammar has, are left out. A
// quote or comment that never ends separates like any other byte; a bracket that never ends takes the rest.
// All calls together cost time linear in the value.
class ListReader {
 public:
  // `value` must live as long as the elements are used: they are views into it.
  ListReader(std::string_view value, ListOf what);

  // Without outer blanks; nothing behind the last one.
  [[nodiscard]] std::optional<std::string_view> next();

 private:
  // Where the element that begins at `at_` ends.
  [[nodiscard]] std::size_t find_end();
  // Where to go on behind the quote, bracket or comment at `open`, or `open` itself if it never ends.
  [[nodiscard]] std::size_t skip(std::size_t open);

  std::string_view value_;
  std::size_t at_ = 0;
  ListOf what_;
  bool quotes_ = true;    // until one does not end
  bool comments_ = true;  // alike
};

// The first element: the topmost Via, Route or Contact. "" if there is none.
[[nodiscard]] std::string_view first_of(std::string_view value, ListOf what);

}  // namespace sipward::sip
