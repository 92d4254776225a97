// What the messages of RFC 4475 are about, beyond what each has: lists, escapes, sizes, credentials.
#include "sip/credentials.h"
#include "sip/framer.h"
#include "sip/header_values.h"
#include "sip/list.h"
#include "sip/name_addr.h"
#include "sip/via.h"
#include "support/catch.h"
#include "torture_specimen.h"

using namespace sipward::sip;
using namespace sipward::test;
using namespace std::string_literals;

namespace {

// All elements of all headers of that name.
std::vector<std::string_view> elements(const Message& message, HeaderName name, ListOf what) {
  std::vector<std::string_view> result;
  for (const Header& header : message.headers()) {
    if (header.name != name) continue;
    ListReader list(header.value, what);
    while (const auto element = list.next()) result.push_back(*element);
  }
  return result;
}

std::vector<std::string_view> contact_uris(const Message& message) {
  std::vector<std::string_view> result;
  for (const std::string_view contact : elements(message, HeaderName::contact, ListOf::addresses)) {
    result.push_back(read_name_addr(contact).uri);
  }
  return result;
}

std::string unescaped(std::string_view text) {
  std::vector<char> buffer(text.size());
  return std::string(unescape(text, buffer));
}

// A message and the bytes its views point to.
struct Read {
  explicit Read(const std::string& name) : bytes(specimen("rfc4475/" + name)) { message.read(bytes); }
  std::string bytes;
  Message message;
};

}  // namespace

TEST_CASE("RFC 4475 3.1.1.1: the Via list of a short tortuous INVITE", "[sip][torture]") {
  const Read read("wsinv");
  struct Row {
    std::string transport;
    std::string host;
    std::string branch;
  };
  const std::vector<Row> rows = {{"UDP", "192.0.2.2", "390skdjuw"},
                                 {"TCP", "spindle.example.com", "z9hG4bK9ikj8"},
                                 {"UDP", "192.168.255.111", "z9hG4bK30239"}};
  const std::vector<std::string_view> vias = elements(read.message, HeaderName::via, ListOf::vias);
  REQUIRE(vias.size() == rows.size());
  for (std::size_t i = 0; i < rows.size(); ++i) {
    const auto via = read_via(vias[i]);
    REQUIRE(via.has_value());
    CHECK(via->transport == rows[i].transport);
    CHECK(via->host == rows[i].host);
    CHECK(via->branch == rows[i].branch);
  }
  CHECK(read_max_forwards(value_of(read.message, HeaderName::max_forwards)) == 68);
}

TEST_CASE("RFC 4475 3.1.1.2: a wide range of valid characters", "[sip][torture]") {
  const Read read("intmeth");
  const Uri uri = read_uri(read.message.request_uri());
  CHECK(uri.user == "1_unusual.URI~(to-be!sure)&isn't+it$/crazy?,/;;*");
  CHECK(uri.password == "&it+has=1,weird!*pas$wo~d_too.(doesn't-it)");
  CHECK(uri.host == "example.com");
  const NameAddr to = read_name_addr(read.message.find(HeaderName::to)->value);
  CHECK(to.display == "BEL:\\\x07 NUL:\\\0 DEL:\\\x7f"s);
  const NameAddr from = read_name_addr(read.message.find(HeaderName::from)->value);
  CHECK(from.display == "token1~` token2'+_ token3*%!.-");
  CHECK(parameter(from.parameters, "fromParam''~+*_!.-%") ==
        "\xD1\x80\xD0\xB0\xD0\xB1\xD0\xBE\xD1\x82\xD0\xB0\xD1\x8E\xD1\x89\xD0\xB8\xD0\xB9");
}

TEST_CASE("RFC 4475 3.1.1.3 to 3.1.1.5: escapes", "[sip][torture]") {
  const Read esc01("esc01");
  CHECK(unescaped(uri_user(esc01.message.request_uri())) == "sips:user@example.com");
  CHECK(uri_host(esc01.message.request_uri()) == "example.net");
  CHECK(unescaped(uri_user(value_of(esc01.message, HeaderName::to))) == "user");
  CHECK(unescaped(contact_uris(esc01.message).at(0)) == "sip:caller@host5.example.net;lr;name=value%41");

  const Read escnull("escnull");
  const std::vector<std::string_view> contacts = contact_uris(escnull.message);
  REQUIRE(contacts.size() == 2);
  CHECK(unescaped(uri_user(contacts[0])) == "\0"s);
  CHECK(unescaped(uri_user(contacts[1])) == "\0\0"s);

  const Read esc02("esc02");
  CHECK(read_name_addr(value_of(esc02.message, HeaderName::to)).display == "%Z%45");
  CHECK(contact_uris(esc02.message).size() == 2);
}

TEST_CASE("RFC 4475 3.1.1.7: long values", "[sip][torture]") {
  const Read read("longreq");
  CHECK(elements(read.message, HeaderName::via, ListOf::vias).size() == 34);
  const std::string_view last = elements(read.message, HeaderName::via, ListOf::vias).back();
  CHECK(read_via(last)->branch == "very" + repeated(50, "long") + "branchvalue");
  CHECK(read_via(last)->received == "192.0.2.5");
  CHECK(uri_user(contact_uris(read.message).at(0)) == repeated(5, "amazinglylongcallername"));
  const std::string_view from = value_of(read.message, HeaderName::from);
  CHECK(parameter(read_name_addr(from).parameters, "unknownheaderparam" + repeated(20, "name")) ==
        "unknowheaderparam" + repeated(15, "value"));
}

TEST_CASE("RFC 4475 3.1.1.8: in a stream the octets behind a message are the next", "[sip][torture]") {
  std::string bytes = specimen("rfc4475/dblreq");
  const Frame first = frame_message(bytes);
  REQUIRE(first.is == Frame::Is::message);
  bytes.erase(0, first.size + first.content_length);
  const Frame between = frame_message(bytes);
  REQUIRE(between.is == Frame::Is::keepalive);
  bytes.erase(0, between.size);
  const Frame second = frame_message(bytes);
  CHECK(second.is == Frame::Is::message);
  CHECK(second.content_length == 150);
  CHECK(bytes.substr(0, 7) == "INVITE ");
}

TEST_CASE("RFC 4475 3.1.1.9 and 3.1.1.10: semicolons in a user, transports", "[sip][torture]") {
  const Read semiuri("semiuri");
  const Uri uri = read_uri(semiuri.message.request_uri());
  CHECK(uri.user == "user;par=u%40example.net");
  CHECK(uri.host == "example.com");
  CHECK(uri.parameters.empty());

  const Read read("transports");
  std::vector<std::string> transports;
  for (const std::string_view via : elements(read.message, HeaderName::via, ListOf::vias)) {
    transports.emplace_back(read_via(via)->transport);
  }
  CHECK(transports == std::vector<std::string>{"UDP", "SCTP", "TLS", "UNKNOWN", "TCP"});
}

TEST_CASE("RFC 4475 3.1.1.11: a binary body", "[sip][torture]") {
  const Read read("mpart01");
  CHECK(read.message.body().find('\0') != std::string_view::npos);
  CHECK(read.message.body().ends_with("--7a9cbec02ceef655--\r\n"));
  CHECK(read_via(value_of(read.message, HeaderName::via))->rport == "");
  CHECK(value_of(read.message, HeaderName::user_agent) == "SIPimp.org/0.2.5 (curses)");
}

TEST_CASE("RFC 4475 3.1.2: what invalid values are read as", "[sip][torture]") {
  const Read badinv01("badinv01");
  CHECK(elements(badinv01.message, HeaderName::via, ListOf::vias) ==
        std::vector<std::string_view>{"SIP/2.0/UDP 192.0.2.15;;", ";"});
  const Read scalar02("scalar02");
  CHECK_FALSE(read_max_forwards(value_of(scalar02.message, HeaderName::max_forwards)).has_value());
  CHECK(read_seconds(value_of(scalar02.message, HeaderName::expires)) == 4294967295U);
  const Read quotbal("quotbal");
  CHECK(read_name_addr(value_of(quotbal.message, HeaderName::to)).display == "Mr. J. User");
  const Read ltgtruri("ltgtruri");
  CHECK(uri_user(ltgtruri.message.request_uri()) == "user");
  const Read escruri("escruri");
  CHECK(read_uri(escruri.message.request_uri()).headers == "Route=%3Csip:example.com%3E");
  const Read regbadct("regbadct");
  CHECK(read_uri(contact_uris(regbadct.message).at(0)).headers == "Route=%3Csip:sip.example.com%3E");
  const Read badaspec("badaspec");
  CHECK(read_name_addr(value_of(badaspec.message, HeaderName::to)).display == "Watson, Thomas");
}

TEST_CASE("RFC 4475 3.3: application-layer semantics", "[sip][torture]") {
  const Read unksm2("unksm2");
  CHECK(read_uri(value_of(unksm2.message, HeaderName::to)).scheme_text == "isbn");
  CHECK(read_uri(contact_uris(unksm2.message).at(0)).rest == "John_Smith");
  const Read bext01("bext01");
  CHECK(lists_option(value_of(bext01.message, HeaderName::require), "nothingSupportsThisEither"));
  const Read regaut01("regaut01");
  CHECK_FALSE(read_digest(value_of(regaut01.message, HeaderName::authorization)).has_value());
  const Read zeromf("zeromf");
  CHECK(read_max_forwards(value_of(zeromf.message, HeaderName::max_forwards)) == 0);
  const Read bcast("bcast");
  CHECK(elements(bcast.message, HeaderName::via, ListOf::vias).size() == 2);
}

TEST_CASE("RFC 4475 3.3.12 to 3.3.14: parameters of a Contact and of its URI", "[sip][torture]") {
  const Read header_parameter("cparam01");
  const NameAddr first = read_name_addr(header_parameter.message.find(HeaderName::contact)->value);
  CHECK(first.uri == "sip:+19725552222@gw1.example.net");
  CHECK(find_parameter(first.parameters, "unknownparam") == "");
  const Read uri_parameter("cparam02");
  const NameAddr second = read_name_addr(uri_parameter.message.find(HeaderName::contact)->value);
  CHECK(read_uri(second.uri).parameters == ";unknownparam");
  CHECK(second.parameters.empty());
  const Read escaped_header("regescrt");
  CHECK(read_uri(contact_uris(escaped_header.message).at(0)).headers == "Route=%3Csip:sip.example.com%3E");
}
