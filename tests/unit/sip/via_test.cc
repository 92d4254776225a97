#include "sip/via.h"

#include <vector>

#include "support/catch.h"

using namespace sipward::sip;

namespace {

struct Row {
  const char* name;
  std::string_view value;
  std::string_view transport;
  std::string_view host;
  std::string_view port;
  std::string_view branch;
  std::string_view received;
};

}  // namespace

TEST_CASE("parts of a Via", "[sip][via]") {
  const std::vector<Row> rows = {
      {"plain", "SIP/2.0/UDP 192.0.2.1;branch=z9hG4bK1", "UDP", "192.0.2.1", "", "z9hG4bK1", ""},
      {"port", "SIP/2.0/TCP h.example:5060;branch=x", "TCP", "h.example", "5060", "x", ""},
      {"received", "SIP/2.0/TCP h;received=192.0.2.5;branch=x", "TCP", "h", "", "x", "192.0.2.5"},
      {"no parameter", "SIP/2.0/UDP h", "UDP", "h", "", "", ""},
      {"blanks and folds", "SIP  /   2.0\r\n /UDP\r\n    192.0.2.2 ; branch =\r\n 390skdjuw", "UDP",
       "192.0.2.2", "", "390skdjuw", ""},
      {"blanks around the port", "SIP/2.0/UDP h : 5060 ;branch=x", "UDP", "h", "5060", "x", ""},
      {"unknown transport", "SIP/2.0/UNKNOWN t4.example.com;branch=x", "UNKNOWN", "t4.example.com", "", "x",
       ""},
      {"transport in lower case", "SIP/2.0/udp h", "udp", "h", "", "", ""},
      {"IPv6", "SIP/2.0/UDP [2001:db8::9:1];branch=x", "UDP", "2001:db8::9:1", "", "x", ""},
      {"IPv6 and port", "SIP/2.0/UDP [2001:db8::9:1]:6050;branch=x", "UDP", "2001:db8::9:1", "6050", "x", ""},
      {"IPv6 received", "SIP/2.0/UDP h;received=2001:db8::9:255", "UDP", "h", "", "", "2001:db8::9:255"},
      {"IPv6 received in brackets", "SIP/2.0/UDP h;received=[2001:db8::9:255];branch=x", "UDP", "h", "", "x",
       "2001:db8::9:255"},
      {"unended IPv6", "SIP/2.0/UDP [::1;branch=x", "UDP", "::1", "", "x", ""},
      {"comment", "SIP/2.0/UDP h;branch=x (y)", "UDP", "h", "", "x", ""},
      {"comment before the parameters", "SIP/2.0/UDP h (y) ;branch=x", "UDP", "h", "", "x", ""},
      {"empty parameters", "SIP/2.0/UDP 192.0.2.15;;", "UDP", "192.0.2.15", "", "", ""},
      {"branch of the token characters", "SIP/2.0/TCP h;branch=z9hG4bK-.!%66*_+`'~", "TCP", "h", "",
       "z9hG4bK-.!%66*_+`'~", ""},
  };
  for (const Row& row : rows) {
    INFO(row.name);
    const auto via = read_via(row.value);
    REQUIRE(via.has_value());
    CHECK(via->protocol == "SIP");
    CHECK(via->version == "2.0");
    CHECK(via->transport == row.transport);
    CHECK(via->host == row.host);
    CHECK(via->port == row.port);
    CHECK(via->branch == row.branch);
    CHECK(via->received == row.received);
  }
}

TEST_CASE("another protocol and version are told", "[sip][via]") {
  const auto via = read_via("HTTP/7.0/UDP h");
  REQUIRE(via.has_value());
  CHECK(via->protocol == "HTTP");
  CHECK(via->version == "7.0");
}

TEST_CASE("rport is asked for, given or absent", "[sip][via]") {
  CHECK(read_via("SIP/2.0/UDP h;rport;branch=x")->rport == "");
  CHECK(read_via("SIP/2.0/UDP h;branch=x;rport=5062")->rport == "5062");
  CHECK_FALSE(read_via("SIP/2.0/UDP h;branch=x")->rport.has_value());
}

TEST_CASE("what is no Via", "[sip][via]") {
  for (const char* none :
       {"", "SIP", "SIP/2.0", "SIP/2.0/", "SIP/2.0/UDP", "SIP/2.0/UDP ;branch=x", "/2.0/UDP h", "SIP//UDP h",
        "SIP/2.0/ ;x", "SIP/2.0/UDP []", "SIP/2.0/UDP :5060", ";"}) {
    INFO(none);
    CHECK_FALSE(read_via(none).has_value());
  }
}
