#include "torture_specimen.h"

#include <algorithm>
#include <array>

#include "sip/framer.h"
#include "sip/header_values.h"
#include "sip/list.h"
#include "sip/name_addr.h"
#include "sip/via.h"
#include "support/catch.h"
#include "support/temporary_folder.h"

using namespace sipward::sip;

namespace sipward::test {
namespace {

constexpr std::array<const char*, 4> kKinds = {"request", "response", "keepalive", "not SIP"};
constexpr std::array<const char*, 6> kLengths = {"given",    "missing",   "invalid",
                                                 "negative", "too large", "contradictory"};
constexpr std::array<const char*, 11> kDefects = {
    "bare_lf",  "nul_byte",       "no_colon",        "odd_name",        "odd_start_line", "unended",
    "too_many", "missing_header", "repeated_header", "method_mismatch", "bare_cr"};

std::string line(const std::string& name, std::string_view value) {
  return name + " " + (value.empty() ? "-" : std::string(value)) + "\n";
}

std::string defects_of(const Message& message) {
  std::string result;
  for (std::size_t i = 0; i < kDefects.size(); ++i) {
    if (message.defects().has(static_cast<Defect>(1U << i)))
      result += (result.empty() ? "" : " ") + std::string(kDefects[i]);
  }
  return result;
}

std::string address_of(const Message& message, HeaderName name) {
  const NameAddr address = read_name_addr(value_of(message, name));
  const std::string label(to_string(name));
  return line(label, address.uri) + line(label + " tag", parameter(address.parameters, "tag"));
}

std::string via_of(const Message& message) {
  const std::string_view value = value_of(message, HeaderName::via);
  const Via via = read_via(first_of(value, ListOf::vias)).value_or(Via{});
  return line("Via transport", via.transport) + line("Via host", via.host) + line("Via port", via.port) +
         line("Via branch", via.branch);
}

std::string cseq_of(const Message& message) {
  const CSeq cseq = read_cseq(value_of(message, HeaderName::cseq));
  return line("CSeq", cseq.number ? std::to_string(*cseq.number) : "") + line("CSeq method", cseq.method);
}

std::string length_of(const std::string& bytes) {
  const Frame frame = frame_message(bytes);
  const std::string number = frame.length == LengthField::given ? std::to_string(frame.content_length) : "";
  return line("Content-Length", number.empty() ? kLengths[static_cast<std::size_t>(frame.length)] : number);
}

}  // namespace

std::filesystem::path torture_folder() {
  return SIPWARD_SOURCE_DIR "/tests/unit/sip/torture";
}

std::string specimen(const std::string& name) {
  INFO(name);
  std::string bytes = content(torture_folder() / (name + ".dat"));
  REQUIRE_FALSE(bytes.empty());
  return bytes;
}

std::vector<std::string> specimen_names() {
  std::vector<std::string> names;
  for (const auto& entry : std::filesystem::recursive_directory_iterator(torture_folder())) {
    if (entry.path().extension() != ".dat") continue;
    names.push_back(entry.path().lexically_relative(torture_folder()).replace_extension().string());
  }
  std::sort(names.begin(), names.end());
  return names;
}

std::string repeated(int count, const std::string& text) {
  std::string result;
  for (int i = 0; i < count; ++i) result += text;
  return result;
}

std::string_view value_of(const Message& message, HeaderName name) {
  const Header* const header = message.find(name);
  return header == nullptr ? std::string_view{} : header->value;
}

std::string reading_of(const std::string& bytes) {
  Message message;
  message.read(bytes);
  const bool response = message.kind() == Kind::response;
  return line("kind", kKinds[static_cast<std::size_t>(message.kind())]) +
         line("defects", defects_of(message)) +
         line(response ? "status" : "method",
              response ? std::to_string(message.status()) : message.method()) +
         line("Request-URI", message.request_uri()) + address_of(message, HeaderName::from) +
         address_of(message, HeaderName::to) + line("Call-ID", value_of(message, HeaderName::call_id)) +
         cseq_of(message) + via_of(message) + length_of(bytes) +
         line("body bytes", std::to_string(message.body().size()));
}

}  // namespace sipward::test

using namespace sipward::test;

// NAME.txt says in its first line which section the message is from.
TEST_CASE("every message of RFC 4475 and RFC 5118 is read as it should be", "[sip][torture]") {
  const std::vector<std::string> names = specimen_names();
  CHECK(std::count_if(names.begin(), names.end(),
                      [](const auto& name) { return name.starts_with("rfc4475/"); }) == 49);
  CHECK(std::count_if(names.begin(), names.end(),
                      [](const auto& name) { return name.starts_with("rfc5118/"); }) == 12);
  for (const std::string& name : names) {
    INFO(name);
    const std::string expected = content(torture_folder() / (name + ".txt"));
    CHECK(reading_of(specimen(name)) == expected.substr(expected.find('\n') + 1));
  }
}
