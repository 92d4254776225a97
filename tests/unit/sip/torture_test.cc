// Messages of RFC 4475 that are well-formed but hard, and messages damaged in every place.
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "sip/message.h"
#include "sip/name_addr.h"
#include "support/catch.h"
#include "torture_specimen.h"

using namespace sipward::sip;
using namespace sipward::test;

namespace {

std::string tortuous_invite() {
  return specimen("rfc4475/wsinv");
}

using Check = std::function<bool(std::string_view)>;

// Whether each view of the message holds `inside`; the name of the first that does not, "" if all do.
std::string first_outside(const Message& message, const Check& inside) {
  if (!inside(message.start_line())) return "start line";
  if (!inside(message.method())) return "method";
  if (!inside(message.request_uri())) return "request URI";
  if (!inside(message.body())) return "body";
  for (const Header& header : message.headers()) {
    if (!inside(header.spelled)) return "header name";
    if (!inside(header.value)) return "header value";
    const NameAddr address = read_name_addr(header.value);
    if (!inside(address.display)) return "display name";
    if (!inside(address.uri)) return "URI";
    if (!inside(address.parameters)) return "parameters";
    if (!inside(parameter(address.parameters, "tag"))) return "tag";
    if (!inside(uri_user(address.uri))) return "user";
    if (!inside(uri_host(address.uri))) return "host";
  }
  return "";
}

// Reads a copy of exactly this size, so that AddressSanitizer sees a read behind its end.
std::string read_exactly(const std::string& bytes, Message& message) {
  const auto copy = std::make_unique<char[]>(bytes.size());
  bytes.copy(copy.get(), bytes.size());
  const std::string_view packet(copy.get(), bytes.size());
  message.read(packet);
  const std::less_equal<> le;
  return first_outside(message, [&](std::string_view view) {
    return view.empty() ||
           (le(packet.data(), view.data()) && le(view.data() + view.size(), packet.data() + packet.size()));
  });
}

}  // namespace

TEST_CASE("RFC 4475 3.1.1.1: a short tortuous INVITE", "[sip][torture]") {
  Message message;
  const std::string bytes = tortuous_invite();
  message.read(bytes);
  CHECK(message.kind() == Kind::request);
  CHECK(message.method() == "INVITE");
  CHECK(message.request_uri() == "sip:vivekg@chair-dnrc.example.com;unknownparam");
  CHECK(message.defects().bits() == 0);
  CHECK(message.body().size() == 150);
  CHECK(message.body().substr(0, 5) == "v=0\r\n");

  struct Row {
    HeaderName name;
    std::string spelled;
    std::string value;
    bool folded;
  };
  const std::vector<Row> rows = {
      {HeaderName::to, "TO", "sip:vivekg@chair-dnrc.example.com ;   tag    = 1918181833n", true},
      {HeaderName::from, "from",
       "\"J Rosenberg \\\\\\\"\"       <sip:jdrosen@example.com>\r\n  ;\r\n  tag = 98asjd8", true},
      {HeaderName::max_forwards, "MaX-fOrWaRdS", "0068", false},
      {HeaderName::call_id, "Call-ID", "wsinv.ndaksdj@192.0.2.1", false},
      {HeaderName::content_length, "Content-Length", "150", false},
      {HeaderName::cseq, "cseq", "0009\r\n  INVITE", true},
      {HeaderName::via, "Via", "SIP  /   2.0\r\n /UDP\r\n    192.0.2.2;branch=390skdjuw", true},
      {HeaderName::subject, "s", "", false},
      {HeaderName::other, "NewFangledHeader", "newfangled value\r\n continued newfangled value", true},
      {HeaderName::other, "UnknownHeaderWithUnusualValue", ";;,,;;,;", false},
      {HeaderName::content_type, "Content-Type", "application/sdp", false},
      {HeaderName::route, "Route", "<sip:services.example.com;lr;unknownwith=value;unknown-no-value>", true},
      {HeaderName::via, "v",
       "SIP  / 2.0  / TCP     spindle.example.com   ;\r\n  branch  =   z9hG4bK9ikj8  ,\r\n"
       " SIP  /    2.0   / UDP  192.168.255.111   ; branch=\r\n z9hG4bK30239",
       true},
      {HeaderName::contact, "m",
       "\"Quoted string \\\"\\\"\" <sip:jdrosen@example.com> ; newparam =\r\n      newvalue ;\r\n"
       "  secondparam ; q = 0.33",
       true},
  };
  REQUIRE(message.headers().size() == rows.size());
  for (std::size_t i = 0; i < rows.size(); ++i) {
    INFO(rows[i].spelled);
    CHECK(message.headers()[i].name == rows[i].name);
    CHECK(message.headers()[i].spelled == rows[i].spelled);
    CHECK(message.headers()[i].value == rows[i].value);
    CHECK(message.headers()[i].folded == rows[i].folded);
  }
}

TEST_CASE("RFC 4475 3.1.1.1: its addresses", "[sip][torture]") {
  Message message;
  const std::string bytes = tortuous_invite();
  message.read(bytes);
  REQUIRE(message.kind() == Kind::request);

  const NameAddr to = read_name_addr(message.find(HeaderName::to)->value);
  CHECK(to.display.empty());
  CHECK(to.uri == "sip:vivekg@chair-dnrc.example.com");
  CHECK(parameter(to.parameters, "tag") == "1918181833n");

  const NameAddr from = read_name_addr(message.find(HeaderName::from)->value);
  CHECK(from.display == R"(J Rosenberg \\\")");
  CHECK(uri_user(from.uri) == "jdrosen");
  CHECK(uri_host(from.uri) == "example.com");
  CHECK(parameter(from.parameters, "tag") == "98asjd8");

  const NameAddr contact = read_name_addr(message.find(HeaderName::contact)->value);
  CHECK(contact.display == R"(Quoted string \"\")");
  CHECK(contact.uri == "sip:jdrosen@example.com");
  CHECK(parameter(contact.parameters, "newparam") == "newvalue");
  CHECK(parameter(contact.parameters, "secondparam").empty());
  CHECK(parameter(contact.parameters, "q") == "0.33");
}

TEST_CASE("every prefix of a message is read within its bytes", "[sip][torture]") {
  Message message;
  const std::string whole = tortuous_invite();
  const std::size_t first_line = whole.find("\r\n");
  const std::size_t head = whole.find("\r\n\r\n") + 4;
  for (std::size_t size = 0; size <= whole.size(); ++size) {
    INFO("prefix of " << size);
    REQUIRE(read_exactly(whole.substr(0, size), message) == "");
    if (size > 0) REQUIRE(message.kind() == (size < first_line ? Kind::not_sip : Kind::request));
    if (size >= first_line) REQUIRE(message.defects().has(Defect::unended) == (size < head));
  }
}

TEST_CASE("a message with any byte replaced is read within its bytes", "[sip][torture]") {
  Message message;
  const std::string whole = tortuous_invite();
  for (std::size_t at = 0; at < whole.size(); ++at) {
    for (const char byte : {'\0', '\r', '\n', ' ', ':', ';', '"', '<', '>', '\\', '@', '[', '=', '\xff'}) {
      std::string damaged = whole;
      damaged[at] = byte;
      const std::string outside = read_exactly(damaged, message);
      if (!outside.empty()) FAIL_CHECK(outside << " with byte " << static_cast<int>(byte) << " at " << at);
    }
  }
}
