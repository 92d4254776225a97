// One payload: a message, its headers, and what their readers make of every value.
#include <string>

#include "fuzz/properties.h"
#include "fuzz/sip_readers.h"
#include "fuzz/steps.h"
#include "sip/message.h"

using namespace sipward;
using namespace sipward::fuzz;

namespace {

void check_views(const sip::Message& message, std::string_view bytes) {
  must(inside(message.start_line(), bytes), "the start line lies inside the payload");
  must(inside(message.method(), message.start_line()), "the method lies inside the start line");
  must(inside(message.request_uri(), message.start_line()), "the Request-URI lies inside the start line");
  must(inside(message.body(), bytes), "the body lies inside the payload");
  const char* behind = message.start_line().data() + message.start_line().size();
  for (const sip::Header& header : message.headers()) {
    must(inside(header.spelled, bytes) && inside(header.value, bytes), "a header lies inside the payload");
    must(header.value.empty() || behind <= header.value.data(), "headers come in the order of the payload");
    if (!header.value.empty()) behind = header.value.data() + header.value.size();
  }
  must(message.body().empty() || behind <= message.body().data(), "the body comes behind the headers");
}

void check_kind(const sip::Message& message) {
  const bool request = message.kind() == sip::Kind::request;
  const bool response = message.kind() == sip::Kind::response;
  must(request == !message.method().empty(), "a request, and nothing else, has a method");
  must(request == !message.request_uri().empty(), "a request, and nothing else, has a Request-URI");
  must(response == (message.status() != 0), "a response, and nothing else, has a status");
  must(!response || (message.status() >= 100 && message.status() <= 699), "a status is 100 to 699");
  must(request || response || (message.headers().empty() && message.body().empty()), "no SIP has no headers");
  must(message.headers().size() <= sip::kHeadersMax, "no more than kHeadersMax headers");
}

void check_find(const sip::Message& message) {
  for (unsigned i = 0; i < static_cast<unsigned>(sip::HeaderName::count_); ++i) {
    const auto name = static_cast<sip::HeaderName>(i);
    const sip::Header* first = nullptr;
    for (const sip::Header& header : message.headers())
      if (header.name == name && first == nullptr) first = &header;
    must(message.find(name) == first, "find() gives the first header of a name");
  }
}

void check_same(const sip::Message& one, const sip::Message& other) {
  must(one.kind() == other.kind() && one.start_line() == other.start_line(), "the start line stays");
  must(one.method() == other.method() && one.request_uri() == other.request_uri(), "the request stays");
  must(one.status() == other.status(), "the status stays");
  must(one.body() == other.body(), "the body stays");
  must(one.headers().size() == other.headers().size(), "the number of headers stays");
  for (std::size_t i = 0; i < one.headers().size(); ++i) {
    const sip::Header& a = one.headers()[i];
    const sip::Header& b = other.headers()[i];
    must(a.name == b.name && a.spelled == b.spelled && a.value == b.value, "each header stays");
  }
}

// What was read, written again with the canonical line ends, reads as the same.
void check_written_again(const sip::Message& message, sip::Message& again) {
  std::string text(message.start_line());
  for (const sip::Header& header : message.headers()) {
    text += "\r\n";
    text += header.spelled;
    text += ": ";
    text += header.value;
  }
  text += "\r\n\r\n";
  text += message.body();
  again.read(text);
  check_same(message, again);
  must(!again.defects().has(sip::Defect::unended), "an empty line ends the headers");
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static sip::Message used;  // what an earlier input left in it must not show
  const std::string_view bytes = text_of(data, size);
  const Steps reading;
  used.read(bytes);
  reading.must_be_linear(size, 40);
  check_views(used, bytes);
  check_kind(used);
  check_find(used);

  static sip::Message other;
  other.read(bytes);
  must(used.defects().bits() == other.defects().bits(), "reading twice finds the same defects");
  check_same(used, other);
  if (used.kind() == sip::Kind::request || used.kind() == sip::Kind::response)
    check_written_again(used, other);

  check_start_line(bytes);
  check_request_lines(bytes);
  check_value(bytes);
  for (const sip::Header& header : used.headers()) check_value(header.value);
  return 0;
}
