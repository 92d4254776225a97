// The values of short headers: numbers, methods and option tags. Call-ID, User-Agent and Server need no
// reader: Header::value is the value, trimmed; a Call-ID is compared byte by byte (RFC 3261 section 20.8).
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

namespace sipward::sip {

// CSeq (section 20.16).
struct CSeq {
  std::optional<std::uint32_t> number;  // nothing when there is none, or above 32 bits
  std::string_view method;              // "" if none
};
[[nodiscard]] CSeq read_cseq(std::string_view value);

// Max-Forwards (section 20.22): 0 to 255; nothing for anything else.
[[nodiscard]] std::optional<std::uint8_t> read_max_forwards(std::string_view value);

// delta-seconds: Expires (section 20.19), Min-SE (RFC 4028 section 5), which may have parameters. A number
// above 32 bits is the largest one. Nothing when it does not begin with a digit.
[[nodiscard]] std::optional<std::uint32_t> read_seconds(std::string_view value);

// Session-Expires (RFC 4028 section 4).
struct SessionExpires {
  enum class Refresher : std::uint8_t { unsaid, uac, uas } refresher = Refresher::unsaid;
  std::uint32_t seconds = 0;
};
// Nothing when it does not begin with a number.
[[nodiscard]] std::optional<SessionExpires> read_session_expires(std::string_view value);

// Whether a Supported or Require header (sections 20.37 and 20.32) lists `tag`, in any letter case. There may
// be several of these headers: ask each.
[[nodiscard]] bool lists_option(std::string_view value, std::string_view tag);

}  // namespace sipward::sip
