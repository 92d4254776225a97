#include "sip/start_line.h"

#include <array>

#include "sip/text.h"

namespace sipward::sip {
namespace {

constexpr std::string_view kVersion = "SIP/2.0";

// Takes what stands before the first blank of `text`.
std::string_view take_word(std::string_view& text) {
  std::size_t size = 0;
  while (size < text.size() && !is_blank(text[size])) ++size;
  const std::string_view word = text.substr(0, size);
  text.remove_prefix(size);
  return word;
}

// Takes the blanks that `text` begins with. The grammar has exactly one space there; `odd` is set when it is
// not so.
void take_space(std::string_view& text, bool& odd) {
  std::size_t size = 0;
  while (size < text.size() && is_blank(text[size])) ++size;
  odd = odd || size != 1 || text.front() != ' ';
  text.remove_prefix(size);
}

// After the version. Some stacks read the three digits and care for nothing behind them, so a reason may
// follow at once.
StartLine read_status_line(std::string_view rest, bool odd) {
  take_space(rest, odd);
  if (rest.size() < 3 || !is_digit(rest[0]) || !is_digit(rest[1]) || !is_digit(rest[2])) return {};
  if (rest.size() > 3 && is_digit(rest[3])) return {};
  const auto digit = [&rest](std::size_t i) { return static_cast<unsigned>(rest[i] - '0'); };
  const unsigned status = digit(0) * 100 + digit(1) * 10 + digit(2);
  if (status < 100 || status > 699) return {};
  if (rest.size() == 3 || rest[3] != ' ') odd = true;
  return {StartLine::Is::response, {}, {}, status, odd};
}

// After the method.
StartLine read_request_line(std::string_view method, std::string_view rest, bool odd) {
  take_space(rest, odd);
  const std::string_view uri = take_word(rest);
  take_space(rest, odd);
  if (uri.empty() || !equal_nocase(rest, kVersion) || !is_token(method)) return {};
  return {StartLine::Is::request, method, uri, 0, odd || rest != kVersion};
}

constexpr std::array<std::string_view, 14> kMethods{
    "SUBSCRIBE", "REGISTER", "OPTIONS", "PUBLISH", "MESSAGE", "INVITE", "CANCEL",
    "NOTIFY",    "UPDATE",   "PRACK",   "REFER",   "INFO",    "BYE",    "ACK"};  // the longest first

// Takes what `keep` holds for off the end of `text`.
template <class Keep>
std::string_view take_back(std::string_view& text, Keep keep) {
  std::size_t size = 0;
  while (size < text.size() && keep(text[text.size() - 1 - size])) ++size;
  const std::string_view taken = text.substr(text.size() - size);
  text.remove_suffix(size);
  return taken;
}

// `before` is what stands before the version: where its method begins, if it ends like a request line.
std::size_t method_before(std::string_view before) {
  if (take_back(before, is_blank).empty()) return std::string_view::npos;
  if (take_back(before, [](char c) { return !is_lws(c); }).empty()) return std::string_view::npos;
  if (take_back(before, is_blank).empty()) return std::string_view::npos;
  const std::size_t end = before.size();
  const std::string_view word = take_back(before, is_token_char);
  if (word.empty()) return std::string_view::npos;
  for (const std::string_view method : kMethods)
    if (word.ends_with(method)) return end - method.size();
  return end - word.size();
}

// Whether a line may end here; for some stacks a CR alone ends it. A Via of a list ("a, SIP/2.0/UDP b") goes
// on.
bool is_line_end(std::string_view behind) {
  const std::size_t first = behind.find_first_not_of(" \t");
  return first == std::string_view::npos || behind[first] == '\r' || behind[first] == '\n';
}

}  // namespace

std::size_t find_request_line(std::string_view bytes, std::size_t from) {
  for (std::size_t slash = bytes.find('/', from); slash != std::string_view::npos;
       slash = bytes.find('/', slash + 1)) {
    if (slash < from + 3 || !equal_nocase(bytes.substr(slash - 3, kVersion.size()), kVersion)) continue;
    if (!is_line_end(bytes.substr(slash - 3 + kVersion.size()))) continue;
    const std::size_t method = method_before(bytes.substr(from, slash - 3 - from));
    if (method != std::string_view::npos) return from + method;
  }
  return std::string_view::npos;
}

StartLine read_start_line(std::string_view line) {
  std::string_view rest = trim_left_lws(line);
  bool odd = rest.size() != line.size();
  const std::string_view first = take_word(rest);
  if (equal_nocase(first, kVersion)) return read_status_line(rest, odd || first != kVersion);
  const std::string_view trimmed = trim_right_lws(rest);
  odd = odd || trimmed.size() != rest.size();
  return read_request_line(first, trimmed, odd);
}

}  // namespace sipward::sip
