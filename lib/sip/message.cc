#include "sip/message.h"

#include "sip/header_lines.h"
#include "sip/number.h"
#include "sip/start_line.h"
#include "sip/text.h"

namespace sipward::sip {
namespace {

constexpr std::size_t kKeepaliveNulsMax = 16;
constexpr std::size_t kStunHeaderSize = 20;
constexpr std::string_view kStunCookie = "\x21\x12\xA4\x42";

constexpr std::uint32_t bit(HeaderName name) {
  return std::uint32_t{1} << static_cast<unsigned>(name);
}
static_assert(static_cast<unsigned>(HeaderName::count_) <= 32, "a set of names is 32 bits");

// RFC 3261 section 8.1.1, but Max-Forwards, which RFC 2543 did not ask for.
constexpr std::uint32_t kRequired = bit(HeaderName::via) | bit(HeaderName::from) | bit(HeaderName::to) |
                                    bit(HeaderName::call_id) | bit(HeaderName::cseq);
constexpr std::uint32_t kSingle = bit(HeaderName::from) | bit(HeaderName::to) | bit(HeaderName::call_id) |
                                  bit(HeaderName::cseq) | bit(HeaderName::content_length);

// RFC 5389 section 6, behind the two zero bits: type, length of what follows the 20 bytes, magic cookie.
bool is_stun(std::string_view bytes) {
  if (bytes.size() < kStunHeaderSize || bytes.substr(4, kStunCookie.size()) != kStunCookie) return false;
  const auto byte = [bytes](std::size_t i) {
    return static_cast<std::size_t>(static_cast<unsigned char>(bytes[i]));
  };
  const std::size_t length = byte(2) * 256 + byte(3);
  return length % 4 == 0 && length == bytes.size() - kStunHeaderSize;
}

bool is_keepalive(std::string_view bytes) {
  if (bytes.empty()) return true;
  // Blanks, NUL and STUN have two zero bits in front; letters, and so nearly all SIP, have not.
  if ((static_cast<unsigned char>(bytes.front()) & 0xC0U) != 0) return false;
  if (is_lws(bytes.front()) && trim_left_lws(bytes).empty()) return true;
  if (bytes.size() <= kKeepaliveNulsMax && bytes.find_first_not_of('\0') == std::string_view::npos)
    return true;
  return is_stun(bytes);
}

// CSeq = 1*DIGIT LWS Method. A value is trimmed, so what stands before its LWS are digits.
bool cseq_has_method(std::string_view value, std::string_view method) {
  std::string_view behind = value;
  while (!behind.empty() && is_digit(behind.front())) behind.remove_prefix(1);
  const std::string_view named = trim_left_lws(behind);
  return named.size() != behind.size() && named == method;
}

bool has_bare_cr(std::string_view bytes) {
  for (std::size_t i = bytes.find('\r'); i != std::string_view::npos; i = bytes.find('\r', i + 1)) {
    if (i + 1 < bytes.size() && bytes[i + 1] != '\n') return true;
  }
  return false;
}

}  // namespace

void Message::read(std::string_view bytes) {
  reset();
  if (is_keepalive(bytes)) {
    kind_ = Kind::keepalive;
    return;
  }
  const std::string_view message = skip_empty_lines(bytes);
  std::string_view rest = message;
  start_line_ = take_line(rest, defects_);
  if (!read_start_line()) return;
  read_headers(rest);
  const std::string_view head = message.substr(0, message.size() - rest.size());
  if (head.find('\0') != std::string_view::npos) defects_.add(Defect::nul_byte);
  if (has_bare_cr(head)) defects_.add(Defect::bare_cr);
  cut_body(rest);
  if (kind_ == Kind::request) check_request();
}

// The slots behind header_count_ keep what an earlier packet left there: nobody sees them, and clearing all
// costs more than reading a message.
void Message::reset() {
  kind_ = Kind::not_sip;
  defects_ = {};
  method_ = {};
  request_uri_ = {};
  status_ = 0;
  start_line_ = {};
  header_count_ = 0;
  names_ = 0;
  body_ = {};
}

bool Message::read_start_line() {
  const StartLine start = sip::read_start_line(start_line_);
  if (start.is == StartLine::Is::neither) return false;
  kind_ = start.is == StartLine::Is::request ? Kind::request : Kind::response;
  method_ = start.method;
  request_uri_ = start.request_uri;
  status_ = start.status;
  if (start.odd) defects_.add(Defect::odd_start_line);
  return true;
}

void Message::read_headers(std::string_view& rest) {
  while (!rest.empty()) {
    const std::string_view first = take_line(rest, defects_);
    if (first.empty()) return;
    const std::string_view line = take_continuations(first, rest, defects_);
    if (!add_header(line, line.size() != first.size())) return;
  }
  defects_.add(Defect::unended);
}

bool Message::add_header(std::string_view line, bool folded) {
  const std::size_t colon = line.find(':');
  if (colon == std::string_view::npos) {
    defects_.add(Defect::no_colon);
    return true;
  }
  if (header_count_ == kHeadersMax) {
    defects_.add(Defect::too_many_headers);
    return false;
  }
  Header& header = headers_[header_count_];
  if (!read_name(line.substr(0, colon), header)) defects_.add(Defect::odd_name);
  header.value = trim_lws(line.substr(colon + 1));
  header.folded = folded;
  note_name(header.name);
  ++header_count_;
  return true;
}

// To be called before header_count_ counts the header.
void Message::note_name(HeaderName name) {
  const std::uint32_t its_bit = bit(name);
  if ((names_ & its_bit) == 0) {
    first_[static_cast<std::size_t>(name)] = static_cast<std::uint8_t>(header_count_);
  } else if ((kSingle & its_bit) != 0) {
    defects_.add(Defect::repeated_header);
  }
  names_ |= its_bit;
}

void Message::cut_body(std::string_view rest) {
  if (defects_.has(Defect::too_many_headers)) return;
  const Header* const length = find(HeaderName::content_length);
  body_ = rest.substr(0, length == nullptr ? rest.size() : read_number(length->value).value_or(rest.size()));
}

void Message::check_request() {
  if ((names_ & kRequired) != kRequired && !defects_.has(Defect::too_many_headers)) {
    defects_.add(Defect::missing_header);
  }
  const Header* const cseq = find(HeaderName::cseq);
  if (cseq != nullptr && !cseq_has_method(cseq->value, method_)) defects_.add(Defect::method_mismatch);
}

const Header* Message::find(HeaderName name) const {
  if (name >= HeaderName::count_ || (names_ & bit(name)) == 0) return nullptr;
  return &headers_[first_[static_cast<std::size_t>(name)]];
}

}  // namespace sipward::sip
