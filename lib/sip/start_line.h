// The first line of a message (RFC 3261 section 7.1 and 7.2).
#pragma once

#include <string_view>

namespace sipward::sip {

struct StartLine {
  enum class Is { request, response, neither } is = Is::neither;
  std::string_view method;
  std::string_view request_uri;
  unsigned status = 0;
  bool odd = false;  // readable, but not as the grammar writes it
};

// `line` without its line end. A request line is METHOD, blanks, anything without blanks, blanks, SIP/2.0;
// several blanks or tabs, trailing blanks and another letter case of the version are taken and marked odd,
// for some softswitches take them too. A line that ends in another protocol ("NOTIFY * HTTP/1.1", SSDP) is
// neither.
[[nodiscard]] StartLine read_start_line(std::string_view line);

// Where in `bytes`, at or behind `from`, something stands that is a request line if a message begins there;
// npos if nowhere. For datagrams that were merged, whose borders nobody tells: what stands before a method on
// its line may be the end of the message before, so the longest method of RFC 3261 and its extensions that
// the word ends with is taken, else the whole word. Linear in what it skips.
[[nodiscard]] std::size_t find_request_line(std::string_view bytes, std::size_t from);

}  // namespace sipward::sip
