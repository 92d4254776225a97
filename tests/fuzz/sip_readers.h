// Every reader of lib/sip that takes one value, on the same bytes.
#pragma once

#include <cstdint>
#include <vector>

#include "fuzz/properties.h"
#include "fuzz/steps.h"
#include "sip/content_length.h"
#include "sip/credentials.h"
#include "sip/header_values.h"
#include "sip/list.h"
#include "sip/name_addr.h"
#include "sip/start_line.h"
#include "sip/uri.h"
#include "sip/via.h"

namespace sipward::fuzz {

inline void check_start_line(std::string_view bytes) {
  const sip::StartLine start = sip::read_start_line(bytes);
  must(inside(start.method, bytes) && inside(start.request_uri, bytes), "a start line lies inside its bytes");
  must(start.method.find_first_of(" \t\r\n") == std::string_view::npos, "a method is one word");
}

inline bool begins_with_request_line(std::string_view bytes) {
  const std::string_view line = bytes.substr(0, bytes.find('\n'));
  for (std::size_t at = line.find("/2.0"); at != std::string_view::npos; at = line.find("/2.0", at + 1))
    if (sip::read_start_line(line.substr(0, at + 4)).is == sip::StartLine::Is::request) return true;
  return false;
}

inline void check_request_lines(std::string_view bytes) {
  std::size_t before = 0;
  for (std::size_t n = 0; n < 8; ++n) {
    const std::size_t from = before;
    const Steps steps;
    const std::size_t at = sip::find_request_line(bytes, from);
    steps.must_be_linear(std::min(at, bytes.size()) - from + 4096, 40);
    if (at == std::string_view::npos) return;
    must(at >= from && at < bytes.size(), "a request line is found behind where the search began");
    must(begins_with_request_line(bytes.substr(at)), "what is found is a request line as far as its version");
    before = at + 1;
  }
}

inline void check_uri(std::string_view value) {
  const sip::Uri uri = sip::read_uri(value);
  for (const std::string_view part :
       {uri.scheme_text, uri.rest, uri.user, uri.password, uri.host, uri.port, uri.parameters, uri.headers})
    must(inside(part, value), "the parts of a URI lie inside it");
  must(sip::uri_user(value) == uri.user && sip::uri_host(value) == uri.host, "user and host are read_uri's");
  if (const auto port = sip::read_port(uri.port)) must(*port > 0, "a port is 1 to 65535");

  std::vector<char> buffer(uri.user.size());
  const std::string_view plain = sip::unescape(uri.user, buffer);
  must(plain.size() <= uri.user.size(), "what is unescaped is no longer than before");
  const bool in_buffer = inside(plain, {buffer.data(), buffer.size()});
  must(in_buffer || plain.data() == uri.user.data(), "what is unescaped lies in the buffer, or is the text");
}

inline void check_address(std::string_view value) {
  const sip::NameAddr address = sip::read_name_addr(value);
  for (const std::string_view part : {address.display, address.uri, address.parameters})
    must(inside(part, value), "the parts of a name-addr lie inside it");
  for (const char* name : {"tag", "x", ""}) {
    const auto found = sip::find_parameter(address.parameters, name);
    must(inside(found.value_or(""), address.parameters), "a parameter lies inside the parameters");
    must(sip::parameter(address.parameters, name) == found.value_or(""),
         "both readers find the same parameter");
  }
  check_uri(address.uri);
}

inline void check_via(std::string_view value) {
  const auto via = sip::read_via(value);
  if (!via) return;
  for (const std::string_view part : {via->protocol, via->version, via->transport, via->host, via->port,
                                      via->branch, via->received, via->rport.value_or(""), via->parameters})
    must(inside(part, value), "the parts of a Via lie inside it");
  must(!via->protocol.empty() && !via->version.empty() && !via->transport.empty() && !via->host.empty(),
       "a Via has protocol, version, transport and host");
}

inline void check_digest(std::string_view value) {
  const auto digest = sip::read_digest(value);
  if (!digest) return;
  for (const std::string_view part :
       {digest->username, digest->realm, digest->nonce, digest->uri, digest->response, digest->algorithm})
    must(inside(part, value), "the parts of credentials lie inside them");
}

inline void check_challenges(std::string_view value) {
  sip::ChallengeReader challenges(value);
  const char* behind = value.data();
  while (const auto challenge = challenges.next()) {
    must(inside(challenge->nonce, value), "a nonce lies inside its challenge");
    must(challenge->nonce.empty() || behind <= challenge->nonce.data(), "challenges come in their order");
    if (!challenge->nonce.empty()) behind = challenge->nonce.data() + challenge->nonce.size();
  }
}

inline void check_list(std::string_view value, sip::ListOf what) {
  sip::ListReader list(value, what);
  const char* behind = value.data();
  std::string_view first;
  while (const auto element = list.next()) {
    must(!element->empty() && inside(*element, value), "an element lies inside the value and is not empty");
    must(behind <= element->data(), "elements come in their order and share no byte");
    if (first.empty()) first = *element;
    behind = element->data() + element->size();
  }
  must(sip::first_of(value, what) == first, "first_of() gives the first element");
}

inline void check_short_values(std::string_view value) {
  must(inside(sip::read_cseq(value).method, value), "a CSeq's method lies inside it");
  const auto seconds = sip::read_seconds(value);
  const auto session = sip::read_session_expires(value);
  must(seconds.has_value() == session.has_value(), "both readers see whether there is a number");
  must(!seconds || *seconds == session->seconds, "both readers see the same number");
  static_cast<void>(sip::read_max_forwards(value));
  static_cast<void>(sip::lists_option(value, "timer"));
  const auto length = sip::read_content_length(value);
  must(length.field == sip::LengthField::given || length.bytes == 0, "no length unless it is given");
  must(length.bytes <= sip::kContentLengthMax, "no length is above kContentLengthMax");
}

inline void check_value(std::string_view value) {
  const Steps steps;
  check_address(value);
  check_uri(value);
  check_via(value);
  check_digest(value);
  check_challenges(value);
  for (const auto what : {sip::ListOf::addresses, sip::ListOf::vias, sip::ListOf::parameters})
    check_list(value, what);
  check_short_values(value);
  steps.must_be_linear(value.size(), 200);
}

}  // namespace sipward::fuzz
