// A SIP message as views into the packet: nothing is copied, nothing is allocated, no input is refused by
// throwing.
//
// The shield reads leniently on purpose (RFC 3261 section 7.3.1 and 25, RFC 4475): whatever one softswitch or
// another would accept as a header is read as that header, so that an odd spelling hides nothing. What no
// grammar allows is noted as a Defect and reading goes on with the next line.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string_view>

#include "sip/header_name.h"

namespace sipward::sip {

enum class Kind : std::uint8_t {
  request,
  response,
  keepalive,  // CRLFs or blanks only, NULs only, an empty payload, or STUN (RFC 5626 sections 3.5 and 4.4,
              // RFC 5389)
  not_sip,    // no start line that any SIP stack would take
};

// One bit each. A message with defects is still read to its end.
enum class Defect : std::uint16_t {
  bare_lf = 1U << 0U,           // a line ends with LF alone
  nul_byte = 1U << 1U,          // NUL within the header section
  no_colon = 1U << 2U,          // a header line without a colon
  odd_name = 1U << 3U,          // a byte in a header name that is no token character (`To\x01:`)
  odd_start_line = 1U << 4U,    // more than single blanks in the start line, or the version in another case
  unended = 1U << 5U,           // no empty line after the headers
  too_many_headers = 1U << 6U,  // more than kHeadersMax headers; those after are not read, nor is the body
  missing_header = 1U << 7U,    // a request without one of Via, From, To, Call-ID, CSeq (section 8.1.1)
  repeated_header = 1U << 8U,   // From, To, Call-ID, CSeq or Content-Length more than once
  method_mismatch = 1U << 9U,   // CSeq is not a number and the request's method (section 8.1.1.5)
  bare_cr = 1U << 10U,  // CR without LF in the header section: no line end here, but for Sofia-SIP and PJSIP
};

class Defects {
 public:
  void add(Defect defect) { bits_ = static_cast<std::uint16_t>(bits_ | static_cast<std::uint16_t>(defect)); }
  [[nodiscard]] bool has(Defect defect) const { return (bits_ & static_cast<std::uint16_t>(defect)) != 0; }
  [[nodiscard]] bool any() const { return bits_ != 0; }
  [[nodiscard]] std::uint16_t bits() const { return bits_; }

 private:
  std::uint16_t bits_ = 0;
};

struct Header {
  HeaderName name = HeaderName::other;
  std::string_view spelled;  // as on the wire, without the blanks before the colon
  std::string_view value;    // outer blanks trimmed; still holds the line breaks of a folded value
  bool folded = false;
};

inline constexpr std::size_t kHeadersMax = 256;

// Reusable: one per worker. All views point into the bytes given to `read` and live as long as they do.
class Message {
 public:
  // Reads one message from a datagram, or from the beginning of a TCP segment. Leading CRLFs are skipped
  // (section 7.5). The body ends where Content-Length says, if the bytes go on behind it (section 18.3).
  // Never fails: what it is says kind(). Linear in the size of `bytes`, no recursion.
  void read(std::string_view bytes);

  [[nodiscard]] Kind kind() const { return kind_; }
  [[nodiscard]] Defects defects() const { return defects_; }

  // Request: as spelled; methods are case-sensitive (section 7.1), so `options` is not OPTIONS.
  [[nodiscard]] std::string_view method() const { return method_; }
  [[nodiscard]] std::string_view request_uri() const { return request_uri_; }
  // Response: 100 to 699; 0 for a request.
  [[nodiscard]] unsigned status() const { return status_; }

  // The start line without its line end.
  [[nodiscard]] std::string_view start_line() const { return start_line_; }
  [[nodiscard]] std::span<const Header> headers() const { return std::span(headers_).first(header_count_); }
  // The first header of that name; nothing if there is none.
  [[nodiscard]] const Header* find(HeaderName name) const;
  [[nodiscard]] std::string_view body() const { return body_; }

 private:
  void reset();
  bool read_start_line();
  // Takes the headers and the empty line off `rest`.
  void read_headers(std::string_view& rest);
  bool add_header(std::string_view line, bool folded);
  void note_name(HeaderName name);
  void cut_body(std::string_view rest);
  void check_request();

  Kind kind_ = Kind::not_sip;
  Defects defects_;
  std::string_view method_;
  std::string_view request_uri_;
  unsigned status_ = 0;
  std::string_view start_line_;
  std::array<Header, kHeadersMax> headers_;
  std::size_t header_count_ = 0;
  std::uint32_t names_ = 0;  // one bit per HeaderName that occurs
  std::array<std::uint8_t, static_cast<std::size_t>(HeaderName::count_)>
      first_{};  // its first index, if it occurs
  std::string_view body_;
};

}  // namespace sipward::sip
