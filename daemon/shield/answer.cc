#include "answer.h"

#include <algorithm>

#include "sip/credentials.h"
#include "sip/header_values.h"
#include "sip/list.h"
#include "sip/name_addr.h"
#include "sip/start_line.h"
#include "sip/via.h"

namespace sipward::shield {
namespace {

using sip::HeaderName;

std::string_view first_line(std::string_view bytes) {
  std::string_view line = bytes.substr(0, bytes.find('\n'));
  if (line.ends_with('\r')) line.remove_suffix(1);
  return line;
}

bool begins_message(std::string_view bytes) {
  return sip::read_start_line(first_line(bytes)).is != sip::StartLine::Is::neither;
}

// Without the last header where the bytes end within it: half a value is none. `bytes` is what was read.
std::span<const sip::Header> whole_headers(const sip::Message& message, std::string_view bytes) {
  const auto headers = message.headers();
  const bool cut = message.defects().has(sip::Defect::unended) && !bytes.ends_with('\n');
  return headers.first(headers.size() - (cut && !headers.empty() ? 1 : 0));
}

void take_challenges(std::string_view value, Answer& answer) {
  sip::ChallengeReader challenges(value);
  while (const auto challenge = challenges.next()) {
    if (challenge->stale) answer.stale = true;
    if (challenge->nonce.empty()) continue;
    if (answer.nonce.empty())
      answer.nonce = challenge->nonce;
    else if (answer.other_nonce.empty())
      answer.other_nonce = challenge->nonce;
  }
}

// What the bindings of a registration live; `otherwise` is for those that do not say it.
class Bindings {
 public:
  void take_contacts(std::string_view value) {
    sip::ListReader list(value, sip::ListOf::addresses);
    while (const auto contact = list.next()) {
      const auto expires =
          sip::read_seconds(sip::parameter(sip::read_name_addr(*contact).parameters, "expires"));
      if (expires)
        longest_ = std::max(longest_.value_or(0), *expires);
      else
        unsaid_ = true;
    }
  }
  void take_expires(std::string_view value) {
    if (!otherwise_) otherwise_ = sip::read_seconds(value);
  }
  [[nodiscard]] std::optional<std::uint32_t> longest() const {
    if (!longest_) return otherwise_;
    return unsaid_ ? std::max(*longest_, otherwise_.value_or(0)) : *longest_;
  }

 private:
  std::optional<std::uint32_t> longest_;
  std::optional<std::uint32_t> otherwise_;
  bool unsaid_ = false;
};

// The first of repeated headers counts.
void set_once(std::string_view& field, std::string_view value) {
  if (field.data() == nullptr) field = value;
}

void take_cseq(std::string_view value, Answer& answer) {
  if (answer.method.data() != nullptr) return;
  const sip::CSeq cseq = sip::read_cseq(value);
  answer.cseq = cseq.number.value_or(0);
  answer.method = cseq.method;
}

void take_via(std::string_view value, Answer& answer) {
  if (const auto via = sip::read_via(sip::first_of(value, sip::ListOf::vias))) answer.branch = via->branch;
}

void take_header(const sip::Header& header, Answer& answer, Bindings& bindings) {
  switch (header.name) {
    case HeaderName::call_id:
      return set_once(answer.call_id, header.value);
    case HeaderName::cseq:
      return take_cseq(header.value, answer);
    case HeaderName::to:
      return set_once(answer.to_tag, sip::parameter(sip::read_name_addr(header.value).parameters, "tag"));
    case HeaderName::www_authenticate:
    case HeaderName::proxy_authenticate:
      return take_challenges(header.value, answer);
    case HeaderName::contact:
      return bindings.take_contacts(header.value);
    case HeaderName::expires:
      return bindings.take_expires(header.value);
    default:
      return;
  }
}

Answer make_answer(const sip::Message& message, std::string_view bytes) {
  Answer answer;
  answer.status = message.status();
  answer.bye = message.kind() == sip::Kind::request;
  const auto headers = whole_headers(message, bytes);
  const auto via = std::ranges::find(headers, HeaderName::via, &sip::Header::name);
  if (via != headers.end()) take_via(via->value, answer);
  Bindings bindings;
  for (const sip::Header& header : headers) take_header(header, answer, bindings);
  const bool registered = answer.status >= 200 && answer.status < 300 && answer.method == "REGISTER";
  if (registered) answer.expires_s = bindings.longest();
  return answer;
}

bool is_answer(const sip::Message& message) {
  return message.kind() == sip::Kind::response ||
         (message.kind() == sip::Kind::request && message.method() == "BYE");
}

}  // namespace

AnswerReader::AnswerReader(const packet::Datagram& datagram, sip::Message& message)
    : rest_(datagram.payload), stream_(datagram.protocol == packet::Protocol::tcp), message_(message) {}

std::optional<Answer> AnswerReader::next() {
  while (!rest_.empty()) {
    if (stream_ && !begins_message(rest_)) {
      skip_line();
      continue;
    }
    const std::string_view bytes = rest_;
    message_.read(bytes);
    take_message();
    if (is_answer(message_)) return make_answer(message_, bytes);
  }
  return std::nullopt;
}

// The message that was read, with its body: of the next one no byte.
void AnswerReader::take_message() {
  const std::string_view body = message_.body();
  const bool ended = body.data() != nullptr && stream_ && !message_.defects().has(sip::Defect::unended);
  if (!ended) return rest_.remove_prefix(rest_.size());
  const auto head = static_cast<std::size_t>(body.data() - rest_.data());
  const bool measured = message_.find(HeaderName::content_length) != nullptr;
  rest_.remove_prefix(head + (measured ? body.size() : 0));
}

void AnswerReader::skip_line() {
  const std::size_t end = rest_.find('\n');
  rest_.remove_prefix(end == std::string_view::npos ? rest_.size() : end + 1);
}

bool goes_astray(const sip::Message& request, const Address& source) {
  if (request.kind() != sip::Kind::request) return false;
  const sip::Header* top = request.find(HeaderName::via);
  const auto via = top ? sip::read_via(sip::first_of(top->value, sip::ListOf::vias)) : std::nullopt;
  const auto maddr = via ? sip::find_parameter(via->parameters, "maddr") : std::nullopt;
  if (!maddr) return false;
  // A host is never quoted, and is all that a maddr can be.
  if (maddr->empty() || maddr->data()[-1] == '"') return true;
  // Of two, some stacks take the last.
  const auto behind = via->parameters.substr(
      static_cast<std::size_t>(maddr->data() + maddr->size() - via->parameters.data()));
  const bool reference = maddr->starts_with('[') && maddr->ends_with(']');
  const auto address = Address::parse(reference ? maddr->substr(1, maddr->size() - 2) : *maddr);
  return !address || *address != source || sip::find_parameter(behind, "maddr");
}

}  // namespace sipward::shield
