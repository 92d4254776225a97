// Quoted strings in header values (RFC 3261 section 25.1, quoted-string). For the .cc files of lib/sip alone.
#pragma once

#include <cstddef>
#include <string_view>

namespace sipward::sip {

inline constexpr std::size_t kNone = std::string_view::npos;

// Where the quoted string that begins at `text[open]` has its closing quote; kNone when it has none.
[[nodiscard]] constexpr std::size_t closing_quote(std::string_view text, std::size_t open) {
  for (std::size_t i = open + 1; i < text.size(); ++i) {
    if (text[i] == '"') return i;
    if (text[i] == '\\') ++i;
  }
  return kNone;
}

// The inside of the quoted string that `text` begins with; `text` itself when it begins with none. Without a
// closing quote, what stands behind the opening one.
[[nodiscard]] constexpr std::string_view unquote(std::string_view text) {
  if (text.empty() || text.front() != '"') return text;
  const std::size_t end = closing_quote(text, 0);
  return text.substr(1, end == kNone ? kNone : end - 1);
}

// Finds bytes that stand in no quoted string. A quote that never ends quotes nothing: Asterisk finds a tag
// behind it, and so do we. From there on no quote counts, also not in later calls, so that all calls together
// stay linear.
class Unquoted {
 public:
  explicit constexpr Unquoted(std::string_view text) : text_(text) {}

  // The first byte at or behind `begin` for which `wanted` holds; kNone if there is none. `begin` must stand
  // in no quoted string.
  template <class Wanted>
  [[nodiscard]] constexpr std::size_t find(std::size_t begin, Wanted wanted) {
    for (std::size_t i = begin; i < text_.size(); ++i) {
      if (wanted(text_[i])) return i;
      if (text_[i] != '"' || !quotes_) continue;
      const std::size_t end = closing_quote(text_, i);
      quotes_ = end != kNone;
      if (quotes_) i = end;
    }
    return kNone;
  }
  [[nodiscard]] constexpr std::size_t find(std::size_t begin, char wanted) {
    return find(begin, [wanted](char c) { return c == wanted; });
  }

 private:
  std::string_view text_;
  bool quotes_ = true;
};

}  // namespace sipward::sip
