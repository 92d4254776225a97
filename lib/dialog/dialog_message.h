// What of a SIP message concerns dialogs (RFC 3261 section 12).
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "base/endpoint.h"
#include "dialog/dialog.h"
#include "dialog/dialog_table.h"
#include "sip/header_name.h"
#include "sip/message.h"

namespace sipward::dialog {

enum class Method : std::uint8_t { invite, ack, cancel, bye, prack, update, info, options, other };
[[nodiscard]] Method read_method(std::string_view method);

// Views into the message of a Sighting, which must outlive it.
struct Reading {
  const sip::Message* message = nullptr;
  Method method = Method::other;  // of a response: of the request that it answers
  unsigned status = 0;            // 0: a request
  std::uint32_t cseq = 0;
  std::string_view call_id;
  std::string_view from_tag;  // "" if none
  std::string_view to_tag;    // "" if none
  Endpoint sender;            // of the request, also where this is the response to it
  Endpoint receiver;
  Transport transport = Transport::udp;
  Now at;

  [[nodiscard]] bool is_success() const { return status / 100 == 2; }
};

// Nothing for what belongs to no dialog and begins none: no SIP, no Call-ID, no CSeq below 2^31 (section
// 8.1.1.5), or a Call-ID or a tag with a line break or NUL in it.
[[nodiscard]] std::optional<Reading> read(const Sighting& sighting);

// All of these: text of one line without NULs, "" or empty when there is none.

// From or To without its parameters: display name and URI as they were on the wire.
[[nodiscard]] std::string address_of(const sip::Message& message, sip::HeaderName from_or_to);
// The URI of the first Contact.
[[nodiscard]] std::string contact_of(const sip::Message& message);
// The elements of all Route or Record-Route headers, first to last.
[[nodiscard]] std::vector<std::string> routes_of(const sip::Message& message, sip::HeaderName route);
[[nodiscard]] std::string agent_of(const sip::Message& message);
[[nodiscard]] std::string request_uri_of(const sip::Message& message);

// The branch of the topmost Via; "" if there is none.
[[nodiscard]] std::string_view branch_of(const sip::Message& message);

}  // namespace sipward::dialog
