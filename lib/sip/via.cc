#include "sip/via.h"

#include <algorithm>

#include "sip/name_addr.h"
#include "sip/scan.h"
#include "sip/text.h"

namespace sipward::sip {
namespace {

// Takes what stands before the first byte for which `ends` holds, without outer blanks.
template <class Ends>
std::string_view take_until(std::string_view& text, Ends ends) {
  const auto* const end = std::find_if(text.begin(), text.end(), ends);
  const auto size = static_cast<std::size_t>(end - text.begin());
  const std::string_view taken = trim_lws(text.substr(0, size));
  text.remove_prefix(size);
  return taken;
}

// Takes a part and the slash behind it; "" without a slash.
std::string_view take_part(std::string_view& text) {
  const std::string_view part = take_until(text, [](char c) { return c == '/'; });
  if (text.empty()) return {};
  text.remove_prefix(1);
  return part;
}

std::string_view without_brackets(std::string_view host) {
  if (!host.starts_with('[')) return host;
  return host.substr(1, host.find(']') - 1);
}

// A parameter's value ends at a blank: behind it may stand a comment.
std::string_view first_word(std::string_view text) {
  return take_until(text, is_lws);
}

void read_sent_by(std::string_view text, Via& via) {
  text = trim_left_lws(text);
  if (text.starts_with('[')) {
    via.host = without_brackets(text);
    text.remove_prefix(std::min(via.host.size() + 2, text.size()));
  } else {
    via.host = take_until(text, [](char c) { return c == ':' || is_lws(c); });
  }
  text = trim_left_lws(text);
  if (!text.starts_with(':')) return;
  text = trim_left_lws(text.substr(1));
  via.port = take_until(text, is_lws);
}

}  // namespace

std::optional<Via> read_via(std::string_view value) {
  Via via;
  via.protocol = take_part(value);
  via.version = take_part(value);
  value = trim_left_lws(value);
  via.transport = take_until(value, [](char c) { return c == ';' || is_lws(c); });
  const std::size_t semicolon = std::min(value.find(';'), value.size());
  read_sent_by(value.substr(0, semicolon), via);
  if (via.protocol.empty() || via.version.empty() || via.transport.empty() || via.host.empty()) {
    return std::nullopt;
  }
  via.parameters = value.substr(semicolon);
  via.branch = first_word(parameter(via.parameters, "branch"));
  via.received = without_brackets(first_word(parameter(via.parameters, "received")));
  via.rport = find_parameter(via.parameters, "rport");
  return via;
}

}  // namespace sipward::sip
