#include "second_reader.h"

#include <osipparser2/osip_parser.h>

#include <array>
#include <cstdarg>
#include <memory>
#include <utility>

#include "sip/header_values.h"
#include "sip/list.h"
#include "sip/message.h"
#include "sip/name_addr.h"
#include "sip/via.h"
#include "support/catch.h"
#include "torture_specimen.h"

using namespace sipward::sip;

namespace sipward::test {
namespace {

std::string text(const char* value) {
  return value == nullptr ? "" : value;
}

// Its errors go to stderr otherwise, thousands of them.
void be_silent(const char* /*file*/, int /*line*/, osip_trace_level_t /*level*/, const char* /*format*/,
               va_list /*values*/) {}

struct FreeMessage {
  void operator()(osip_message_t* message) const { osip_message_free(message); }
};
using OsipMessage = std::unique_ptr<osip_message_t, FreeMessage>;

OsipMessage parse(const std::string& bytes) {
  static const bool kReady = [] {
    osip_trace_initialize_func(END_TRACE_LEVEL, be_silent);
    return parser_init() == OSIP_SUCCESS;
  }();
  REQUIRE(kReady);
  osip_message_t* message = nullptr;
  REQUIRE(osip_message_init(&message) == OSIP_SUCCESS);
  OsipMessage owner(message);
  if (osip_message_parse(message, bytes.data(), bytes.size()) != OSIP_SUCCESS) return nullptr;
  return owner;
}

std::string text_of(const osip_uri_t* uri) {
  char* printed = nullptr;
  if (uri == nullptr || osip_uri_to_str(uri, &printed) != OSIP_SUCCESS) return "";
  std::string result = printed;
  osip_free(printed);
  return result;
}

std::string parameter_of(osip_list_t& parameters, std::string name) {
  osip_generic_param_t* found = nullptr;
  osip_generic_param_get_byname(&parameters, name.data(), &found);
  return found == nullptr ? "" : text(found->gvalue);
}

std::string text_of(const osip_call_id_t* call_id) {
  if (call_id == nullptr) return "";
  return text(call_id->number) + (call_id->host == nullptr ? "" : "@" + text(call_id->host));
}

std::string number(std::optional<std::uint32_t> value) {
  return value ? std::to_string(*value) : "";
}

}  // namespace

std::optional<Values> read_with_osip(const std::string& bytes) {
  const OsipMessage message = parse(bytes);
  if (message == nullptr) return std::nullopt;
  Values values;
  values.start = MSG_IS_REQUEST(message) ? text(message->sip_method) : std::to_string(message->status_code);
  values.request_uri = text_of(message->req_uri);
  if (message->from != nullptr) values.from_tag = parameter_of(message->from->gen_params, "tag");
  if (message->to != nullptr) values.to_tag = parameter_of(message->to->gen_params, "tag");
  values.call_id = text_of(message->call_id);
  if (message->cseq != nullptr) values.cseq = text(message->cseq->number);
  osip_via_t* via = nullptr;
  if (osip_message_get_via(message.get(), 0, &via) >= 0 && via != nullptr) {
    values.via_host = text(via->host);
    values.via_branch = parameter_of(via->via_params, "branch");
  }
  if (message->content_length != nullptr) values.content_length = text(message->content_length->value);
  osip_header_t* agent = nullptr;
  if (osip_message_header_get_byname(message.get(), "user-agent", 0, &agent) >= 0 && agent != nullptr) {
    values.user_agent = text(agent->hvalue);
  }
  return values;
}

std::optional<Values> read_with_sipward(const std::string& bytes) {
  Message message;
  message.read(bytes);
  if (message.kind() != Kind::request && message.kind() != Kind::response) return std::nullopt;
  const Via via = read_via(first_of(value_of(message, HeaderName::via), ListOf::vias)).value_or(Via{});
  const NameAddr from = read_name_addr(value_of(message, HeaderName::from));
  const NameAddr to = read_name_addr(value_of(message, HeaderName::to));
  Values values;
  values.start =
      message.kind() == Kind::request ? std::string(message.method()) : std::to_string(message.status());
  values.request_uri = message.request_uri();
  values.from_tag = parameter(from.parameters, "tag");
  values.to_tag = parameter(to.parameters, "tag");
  values.call_id = value_of(message, HeaderName::call_id);
  values.cseq = number(read_cseq(value_of(message, HeaderName::cseq)).number);
  values.via_host = via.host;
  values.via_branch = via.branch;
  values.content_length = value_of(message, HeaderName::content_length);
  values.user_agent = value_of(message, HeaderName::user_agent);
  return values;
}

std::vector<NamedValues> differences(const Values& ours, const Values& theirs) {
  static const std::array<std::pair<const char*, std::string Values::*>, 10> kValues = {
      {{"start", &Values::start},
       {"Request-URI", &Values::request_uri},
       {"From tag", &Values::from_tag},
       {"To tag", &Values::to_tag},
       {"Call-ID", &Values::call_id},
       {"CSeq", &Values::cseq},
       {"Via host", &Values::via_host},
       {"Via branch", &Values::via_branch},
       {"Content-Length", &Values::content_length},
       {"User-Agent", &Values::user_agent}}};
  std::vector<NamedValues> result;
  for (const auto& [name, value] : kValues) {
    if (ours.*value != theirs.*value) result.push_back({name, ours.*value, theirs.*value});
  }
  return result;
}

}  // namespace sipward::test

using namespace sipward::test;

TEST_CASE("both readers take an ordinary message alike", "[sip][oracle]") {
  const std::string bytes = specimen("rfc5118/ipv6-good");
  const auto ours = read_with_sipward(bytes);
  const auto theirs = read_with_osip(bytes);
  REQUIRE(ours.has_value());
  REQUIRE(theirs.has_value());
  CHECK(differences(*ours, *theirs).empty());
  CHECK(theirs->from_tag == "81x2");
  CHECK_FALSE(read_with_osip("garbage\r\n\r\n").has_value());
}
