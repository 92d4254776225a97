// A call between two sides, and how what is written for it reads.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "dialog/dialog.h"
#include "inject/bye.h"
#include "sip/list.h"
#include "sip/message.h"
#include "support/catch.h"
#include "unit/base/nets.h"

namespace sipward::test {

inline Endpoint end(std::string_view text, std::uint16_t port) {
  return {address(text), port};
}

// The caller has sent the ACK with this addressing; the callee has sent nothing but responses.
inline dialog::Dialog call() {
  dialog::Dialog made;
  made.call_id = "a84b4c76e66710@pc33.atlanta.example";
  made.request_uri = "sip:+4930123@192.0.2.1";
  dialog::Party& caller = made.party(dialog::Side::caller);
  caller.seen = end("198.51.100.7", 40001);
  caller.address = "\"Alice\" <sip:alice@atlanta.example>";
  caller.tag = "1928301774";
  caller.cseq = 314159;
  caller.target = "sip:alice@192.168.1.7:5062";
  caller.request_uri = "sip:bob@192.0.2.1:5060;transport=udp";
  dialog::Party& callee = made.party(dialog::Side::callee);
  callee.seen = end("192.0.2.1", 5060);
  callee.address = "Bob <sip:bob@biloxi.example>";
  callee.tag = "a6c85cf";
  callee.target = "sip:bob@192.0.2.1:5060";
  return made;
}

// The same, with no request but the INVITE seen: addresses must be worked out.
inline dialog::Dialog call_without_ack() {
  dialog::Dialog made = call();
  made.party(dialog::Side::caller).request_uri.clear();
  return made;
}

// The value of the first header of that name; "-" when there is none.
inline std::string value(const std::string& text, sip::HeaderName name) {
  sip::Message message;
  message.read(text);
  const auto* const header = message.find(name);
  return header == nullptr ? "-" : std::string(header->value);
}

inline std::string request_uri(const std::string& text) {
  sip::Message message;
  message.read(text);
  return std::string(message.request_uri());
}

inline std::vector<std::string> route(const std::string& text) {
  const std::string joined = value(text, sip::HeaderName::route);
  std::vector<std::string> values;
  if (joined == "-") return values;
  sip::ListReader list(joined, sip::ListOf::addresses);
  while (const auto one = list.next()) values.emplace_back(*one);
  return values;
}

inline inject::ByeRequest bye_of(dialog::Side from) {
  inject::ByeRequest bye;
  bye.from = from;
  bye.branch = "z9hG4bKtest";
  bye.reason = "call limit reached";
  return bye;
}

// Fails the test when it cannot be written.
inline std::string written(const dialog::Dialog& dialog, const inject::ByeRequest& bye) {
  const auto text = inject::write_bye(dialog, bye);
  if (!text) FAIL(text.error().text);
  return *text;
}
inline std::string written(const dialog::Dialog& dialog, dialog::Side from) {
  return written(dialog, bye_of(from));
}

// What stood against it; "" when nothing did.
inline std::string refusal(const dialog::Dialog& dialog, const inject::ByeRequest& bye) {
  const auto text = inject::write_bye(dialog, bye);
  return text ? "" : text.error().text;
}
inline std::string refusal(const dialog::Dialog& dialog, dialog::Side from) {
  return refusal(dialog, bye_of(from));
}

}  // namespace sipward::test
