// What the messages of RFC 5118 (IPv6) are about, beyond what each has.
#include <optional>

#include "sip/name_addr.h"
#include "sip/via.h"
#include "support/catch.h"
#include "torture_specimen.h"

using namespace sipward::sip;
using namespace sipward::test;

TEST_CASE("RFC 5118: hosts and ports of URIs", "[sip][torture]") {
  struct Row {
    const char* name;
    std::string_view host;
    std::string_view port;
    std::optional<std::uint16_t> number;
  };
  const std::vector<Row> rows = {
      {"ipv6-good", "2001:db8::10", "", {}},
      {"ipv6-bad", "2001", "db8::10", {}},
      {"port-ambiguous", "2001:db8::10:5070", "", {}},
      {"port-unambiguous", "2001:db8::10", "5070", 5070},
      {"ipv6-in-sdp", "2001:db8::10", "", {}},
      {"ipv6-bug-abnf-3-colons", "2001:db8:::192.0.2.1", "", {}},
      {"ipv6-correct-abnf-2-colons", "2001:db8::192.0.2.1", "", {}},
  };
  Message message;
  for (const Row& row : rows) {
    INFO(row.name);
    const std::string bytes = specimen(std::string("rfc5118/") + row.name);
    message.read(bytes);
    const Uri uri = read_uri(message.request_uri());
    CHECK(uri.host == row.host);
    CHECK(uri.port == row.port);
    CHECK(read_port(uri.port) == row.number);
  }
}

TEST_CASE("RFC 5118: addresses in Via and Contact", "[sip][torture]") {
  Message message;
  for (const char* name : {"via-received-param-with-delim", "via-received-param-no-delim"}) {
    INFO(name);
    const std::string bytes = specimen(std::string("rfc5118/") + name);
    message.read(bytes);
    CHECK(read_via(message.find(HeaderName::via)->value)->received == "2001:db8::9:255");
  }
  const std::string mapped = specimen("rfc5118/ipv4-mapped-ipv6");
  message.read(mapped);
  const NameAddr contact = read_name_addr(message.find(HeaderName::contact)->value);
  CHECK(contact.display == "T. desk phone");
  CHECK(uri_host(contact.uri) == "::ffff:192.0.2.2");

  const std::string mixed = specimen("rfc5118/mult-ip-in-header");
  message.read(mixed);
  std::vector<std::string> hosts;
  for (const Header& header : message.headers()) {
    if (header.name == HeaderName::via) hosts.emplace_back(read_via(header.value)->host);
  }
  CHECK(hosts == std::vector<std::string>{"2001:db8::9:1", "192.0.2.1", "2001:db8::9:255"});
}
