// What the softswitch says to a client, read from a copy of it. Pure.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>

#include "packet/decode.h"
#include "sip/message.h"

namespace sipward::shield {

// A response, or a BYE. Views into the packet; "" for what is absent.
struct Answer {
  unsigned status = 0;  // 0 for a BYE
  bool bye = false;
  std::string_view call_id;
  std::string_view method;  // of CSeq
  std::uint32_t cseq = 0;
  std::string_view branch;  // of the topmost Via
  std::string_view to_tag;
  // Of the first two challenges, whether for the softswitch or for a proxy: the client picks one (RFC 8760
  // section 2.4).
  std::string_view nonce;
  std::string_view other_nonce;
  bool stale = false;  // a challenge says that the nonce was too old and nothing else wrong
  // Of a 2xx to REGISTER: the life of the binding that lives longest, which its Contact gives or else Expires
  // (RFC 3261 section 10.2.4). Nothing when neither says it.
  std::optional<std::uint32_t> expires_s;
};

// Takes the answers that begin in one packet, first to last. A datagram holds one message. Of TCP there is no
// more than the segment: a message begins at the segment's first byte, where the one before ends by its
// Content-Length, or at a line that is a start line. A head that the segment cuts is read as far as its last
// whole line. That is good enough for the softswitch's own words, which are no attacker's.
// Linear in the payload; no allocation.
class AnswerReader {
 public:
  // Both must live as long as the reader and its answers; `message` is used anew for each.
  AnswerReader(const packet::Datagram& datagram, sip::Message& message);

  // Nothing behind the last one.
  [[nodiscard]] std::optional<Answer> next();

 private:
  void take_message();
  void skip_line();

  std::string_view rest_;
  bool stream_;
  sip::Message& message_;
};

// Whether a request's answer goes to somebody else than `source`, which sent it (RFC 3261 section 18.2.2, of
// use for multicast alone).
[[nodiscard]] bool goes_astray(const sip::Message& request, const Address& source);

// `take` is given each answer.
template <class F>
void read_answers(const packet::Datagram& datagram, sip::Message& message, F take) {
  AnswerReader reader(datagram, message);
  while (const auto answer = reader.next()) take(*answer);
}

}  // namespace sipward::shield
