#include "excerpt.h"

#include <algorithm>

#include "text.h"

namespace sipward::cli {
namespace {

// Bytes of the excerpt.
struct Span {
  std::size_t begin = 0;
  std::size_t end = 0;
};

std::string mark(const Output& out, std::string_view matched) {
  const std::string shown = safe(matched);
  const std::string painted = out.paint(Paint::match, shown);
  return painted == shown ? fmt::format("[[{}]]", shown) : painted;
}

// `line` with the bytes in `span` (counted within the line) marked.
std::string marked(const Output& out, std::string_view line, Span span) {
  span.end = std::min(span.end, line.size());
  span.begin = std::min(span.begin, span.end);
  if (span.begin == span.end) return safe(line);
  return safe(line.substr(0, span.begin)) + mark(out, line.substr(span.begin, span.end - span.begin)) +
         safe(line.substr(span.end));
}

}  // namespace

std::string render_excerpt(const Output& out, std::string_view excerpt, Match match,
                           std::string_view indent) {
  match.end = std::min(match.end, match.value.size());
  const bool has_match = match.begin < match.end;
  const std::size_t at = has_match ? excerpt.find(match.value) : std::string_view::npos;
  bool is_shown = false;
  std::string text;
  std::size_t begin = 0;
  for (std::size_t n = 0; n < kExcerptLinesMax && begin < excerpt.size(); ++n) {
    const std::size_t end = std::min(excerpt.find('\n', begin), excerpt.size());
    std::string_view line = excerpt.substr(begin, end - begin);
    if (line.ends_with('\r')) line.remove_suffix(1);
    Span span;
    if (at != std::string_view::npos && at + match.begin < begin + line.size() && at + match.end > begin) {
      span = {std::max(at + match.begin, begin) - begin, at + match.end - begin};
      is_shown = true;
    }
    text += fmt::format("{}| {}\n", indent, marked(out, line, span));
    begin = end + 1;
  }
  if (has_match && !is_shown)
    text += fmt::format("{}matched: {}\n", indent, marked(out, match.value, {match.begin, match.end}));
  return text;
}

}  // namespace sipward::cli
