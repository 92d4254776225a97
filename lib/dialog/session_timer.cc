#include "dialog/session_timer.h"

#include <algorithm>

#include "sip/header_values.h"

namespace sipward::dialog {
namespace {

using sip::HeaderName;
using Named = sip::SessionExpires::Refresher;

std::optional<sip::SessionExpires> session_expires_of(const sip::Message& message) {
  const sip::Header* const header = message.find(HeaderName::session_expires);
  if (!header) return std::nullopt;
  return sip::read_session_expires(header->value);
}

bool lists_timer(const sip::Message& message) {
  return std::ranges::any_of(message.headers(), [](const sip::Header& header) {
    return header.name == HeaderName::supported && sip::lists_option(header.value, "timer");
  });
}

}  // namespace

void note_request(SessionTimer& timer, const sip::Message& request, Refresher requester) {
  bool& supports = requester == Refresher::caller ? timer.caller_supports : timer.callee_supports;
  supports = supports || lists_timer(request) || request.find(HeaderName::session_expires) != nullptr;
}

bool agree(SessionTimer& timer, const sip::Message& success, Refresher requester, Instant at) {
  const Refresher answerer = requester == Refresher::caller ? Refresher::callee : Refresher::caller;
  const std::optional<sip::SessionExpires> agreed = session_expires_of(success);
  const bool answerer_refreshes = agreed && agreed->refresher == Named::uas;
  bool& supports = answerer == Refresher::caller ? timer.caller_supports : timer.callee_supports;
  supports = supports || lists_timer(success) || answerer_refreshes;
  const bool ran = timer.runs();
  timer.interval_s = agreed ? agreed->seconds : 0;
  if (!timer.runs()) return ran;
  timer.refresher = answerer_refreshes ? answerer : requester;
  timer.expires = at + std::chrono::seconds(timer.interval_s);
  return true;
}

}  // namespace sipward::dialog
