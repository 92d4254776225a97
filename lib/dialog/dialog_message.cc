#include "dialog/dialog_message.h"

#include <algorithm>
#include <array>
#include <utility>

#include "sip/header_values.h"
#include "sip/list.h"
#include "sip/name_addr.h"
#include "sip/via.h"

namespace sipward::dialog {
namespace {

using sip::HeaderName;

constexpr std::uint32_t kCSeqEnd = std::uint32_t{1} << 31U;
constexpr std::size_t kAgentMax = 255;

std::string_view value_of(const sip::Message& message, HeaderName name) {
  const sip::Header* const header = message.find(name);
  return header ? header->value : std::string_view{};
}

std::string_view tag_of(const sip::Message& message, HeaderName name) {
  return sip::parameter(sip::read_name_addr(value_of(message, name)).parameters, "tag");
}

bool is_one_line(std::string_view text) {
  using namespace std::string_view_literals;
  return text.find_first_of("\r\n\0"sv) == std::string_view::npos;
}

// Unfolded (section 7.3.1: a line break and the blanks around it are one blank), trimmed, without NULs. Made
// in one piece, so that no room is left behind it.
std::string one_line(std::string_view text) {
  constexpr std::string_view kBlanks = " \t\r\n";
  const std::size_t begin = text.find_first_not_of(kBlanks);
  if (begin == std::string_view::npos) return {};
  text = text.substr(begin, text.find_last_not_of(kBlanks) + 1 - begin);
  if (is_one_line(text)) return std::string(text);
  std::string line;
  while (!text.empty()) {
    const std::size_t end = std::min(text.find_first_of(kBlanks), text.size());
    line.append(text.substr(0, end));
    text.remove_prefix(end);
    const std::size_t blanks = std::min(text.find_first_not_of(kBlanks), text.size());
    const std::string_view gap = text.substr(0, blanks);
    line.append(is_one_line(gap) ? gap : " ");
    text.remove_prefix(blanks);
  }
  std::erase(line, '\0');
  line.shrink_to_fit();
  return line;
}

// A URI, which holds no blanks (section 25.1): a line that is folded within one hides none.
std::string without_blanks(std::string_view uri) {
  std::string made = one_line(uri);
  if (std::erase_if(made, [](char c) { return c == ' ' || c == '\t'; }) != 0) made.shrink_to_fit();
  return made;
}

bool is_sip(const sip::Message& message) {
  return message.kind() == sip::Kind::request || message.kind() == sip::Kind::response;
}

}  // namespace

Method read_method(std::string_view method) {
  static constexpr std::array kMethods{
      std::pair<std::string_view, Method>{"INVITE", Method::invite},
      std::pair<std::string_view, Method>{"ACK", Method::ack},
      std::pair<std::string_view, Method>{"CANCEL", Method::cancel},
      std::pair<std::string_view, Method>{"BYE", Method::bye},
      std::pair<std::string_view, Method>{"PRACK", Method::prack},
      std::pair<std::string_view, Method>{"UPDATE", Method::update},
      std::pair<std::string_view, Method>{"INFO", Method::info},
      std::pair<std::string_view, Method>{"OPTIONS", Method::options},
  };
  const auto* const found = std::find_if(kMethods.begin(), kMethods.end(),
                                         [&](const auto& known) { return known.first == method; });
  return found == kMethods.end() ? Method::other : found->second;
}

std::optional<Reading> read(const Sighting& sighting) {
  const sip::Message& message = sighting.message;
  if (!is_sip(message)) return std::nullopt;
  const sip::CSeq cseq = sip::read_cseq(value_of(message, HeaderName::cseq));
  if (!cseq.number || *cseq.number >= kCSeqEnd) return std::nullopt;
  Reading reading;
  reading.message = &message;
  reading.cseq = *cseq.number;
  reading.call_id = value_of(message, HeaderName::call_id);
  reading.from_tag = tag_of(message, HeaderName::from);
  reading.to_tag = tag_of(message, HeaderName::to);
  if (reading.call_id.empty() || !is_one_line(reading.call_id)) return std::nullopt;
  if (!is_one_line(reading.from_tag) || !is_one_line(reading.to_tag)) return std::nullopt;
  const bool request = message.kind() == sip::Kind::request;
  reading.status = message.status();
  reading.method = read_method(request ? message.method() : cseq.method);
  reading.sender = request ? sighting.source : sighting.destination;
  reading.receiver = request ? sighting.destination : sighting.source;
  reading.transport = sighting.transport;
  reading.at = sighting.at;
  return reading;
}

std::string address_of(const sip::Message& message, HeaderName from_or_to) {
  const std::string_view value = value_of(message, from_or_to);
  const std::string_view parameters = sip::read_name_addr(value).parameters;
  if (parameters.empty()) return one_line(value);
  return one_line(value.substr(0, static_cast<std::size_t>(parameters.data() - value.data())));
}

std::string contact_of(const sip::Message& message) {
  const std::string_view value = value_of(message, HeaderName::contact);
  return without_blanks(sip::read_name_addr(sip::first_of(value, sip::ListOf::addresses)).uri);
}

std::vector<std::string> routes_of(const sip::Message& message, HeaderName route) {
  std::vector<std::string> values;
  for (const sip::Header& header : message.headers()) {
    if (header.name != route) continue;
    sip::ListReader list(header.value, sip::ListOf::addresses);
    while (const auto value = list.next()) values.push_back(one_line(*value));
  }
  values.shrink_to_fit();
  return values;
}

std::string agent_of(const sip::Message& message) {
  const std::string_view user_agent = value_of(message, HeaderName::user_agent);
  const std::string_view agent = user_agent.empty() ? value_of(message, HeaderName::server) : user_agent;
  return one_line(agent.substr(0, kAgentMax));
}

std::string request_uri_of(const sip::Message& message) {
  return without_blanks(message.request_uri());
}

std::string_view branch_of(const sip::Message& message) {
  const auto via = sip::read_via(sip::first_of(value_of(message, HeaderName::via), sip::ListOf::vias));
  return via ? via->branch : std::string_view{};
}

}  // namespace sipward::dialog
