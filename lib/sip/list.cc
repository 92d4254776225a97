#include "sip/list.h"

#include "sip/scan.h"
#include "sip/text.h"

namespace sipward::sip {
namespace {

// Where the comment that begins at `text[open]` ends (RFC 3261 section 25.1): comments nest, and a backslash
// takes the byte behind it.
std::size_t closing_parenthesis(std::string_view text, std::size_t open) {
  std::size_t depth = 0;
  for (std::size_t i = open; i < text.size(); ++i) {
    if (text[i] == '\\') {
      ++i;
    } else if (text[i] == '(') {
      ++depth;
    } else if (text[i] == ')' && --depth == 0) {
      return i;
    }
  }
  return kNone;
}

}  // namespace

ListReader::ListReader(std::string_view value, ListOf what) : value_(value), what_(what) {}

std::optional<std::string_view> ListReader::next() {
  while (at_ < value_.size()) {
    const std::size_t begin = at_;
    const std::size_t end = find_end();
    at_ = end + 1;
    const std::string_view element = trim_lws(value_.substr(begin, end - begin));
    if (!element.empty()) return element;
  }
  return std::nullopt;
}

std::size_t ListReader::find_end() {
  for (std::size_t i = at_; i < value_.size(); i = skip(i) + 1) {
    if (value_[i] == ',') return i;
  }
  return value_.size();
}

std::size_t ListReader::skip(std::size_t open) {
  const char c = value_[open];
  if (c == '<' && what_ == ListOf::addresses) {
    const std::size_t end = value_.find('>', open);
    return end == kNone ? value_.size() - 1 : end;
  }
  std::size_t end = open;
  if (c == '"' && quotes_) {
    end = closing_quote(value_, open);
    quotes_ = end != kNone;
  } else if (c == '(' && what_ == ListOf::vias && comments_) {
    end = closing_parenthesis(value_, open);
    comments_ = end != kNone;
  }
  return end == kNone ? open : end;
}

std::string_view first_of(std::string_view value, ListOf what) {
  return ListReader(value, what).next().value_or(std::string_view{});
}

}  // namespace sipward::sip
