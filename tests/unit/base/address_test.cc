#include "base/address.h"

#include <array>
#include <unordered_set>
#include <vector>

#include "support/catch.h"

namespace sipward {
namespace {

Address addr(std::string_view text) {
  const auto address = Address::parse(text);
  if (!address) FAIL(address.error().text);
  return *address;
}

Prefix net(std::string_view text) {
  const auto prefix = Prefix::parse(text);
  if (!prefix) FAIL(prefix.error().text);
  return *prefix;
}

std::string error_of(const auto& result) {
  REQUIRE_FALSE(result.has_value());
  CHECK(result.error().kind == ErrorKind::invalid);
  return result.error().text;
}

const char* const kLastV6 = "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff";

TEST_CASE("addresses are read and written in canonical form") {
  struct Case {
    const char* text;
    Family family;
    const char* canonical;
  };
  const auto c = GENERATE(
      Case{"0.0.0.0", Family::ipv4, "0.0.0.0"}, Case{"255.255.255.255", Family::ipv4, "255.255.255.255"},
      Case{"192.0.2.1", Family::ipv4, "192.0.2.1"}, Case{"::", Family::ipv6, "::"},
      Case{"2001:DB8:0:0:0:0:0:1", Family::ipv6, "2001:db8::1"}, Case{kLastV6, Family::ipv6, kLastV6},
      Case{"::ffff:192.0.2.1", Family::ipv6, "::ffff:192.0.2.1"});
  const Address address = addr(c.text);
  CHECK(address.family() == c.family);
  CHECK(address.to_string() == c.canonical);
  CHECK(address.bits() == (c.family == Family::ipv4 ? 32U : 128U));
  CHECK(address.bytes().size() == address.bits() / 8);
  CHECK(addr(address.to_string()) == address);
}

TEST_CASE("what is no address is an error that quotes it") {
  const std::string text =
      GENERATE(as<std::string>(), "", "192.0.2", "192.0.2.256", "192.0.2.1.1", "192.0.2.01", " 192.0.2.1",
               "192.0.2.1 ", "192.0.2.1/32", "[::1]", "fe80::1%eth0", ":::", "1:2:3:4:5:6:7",
               "1:2:3:4:5:6:7:8:9", "2001:db8::g", "localhost", "0x7f.0.0.1");
  CAPTURE(text);
  CHECK_THAT(error_of(Address::parse(text)), ContainsSubstring("'" + text + "'"));
}

TEST_CASE("a NUL does not end the text of an address") {
  using namespace std::string_view_literals;
  CHECK_FALSE(Address::parse("192.0.2.1\0"sv).has_value());
  CHECK_FALSE(Address::parse("192.0.2.1\0.example"sv).has_value());
  CHECK_FALSE(Address::parse("::1\0"sv).has_value());
  CHECK_FALSE(Prefix::parse("192.0.2.0\0/24"sv).has_value());
  CHECK_FALSE(Prefix::parse("192.0.2.0/24\0"sv).has_value());
}

TEST_CASE("a view that goes on behind the address is read to its own end") {
  CHECK(addr(std::string_view("192.0.2.123").substr(0, 10)) == addr("192.0.2.12"));
}

TEST_CASE("addresses are made of bytes in network order") {
  const std::array<std::byte, 4> v4{std::byte{192}, std::byte{0}, std::byte{2}, std::byte{1}};
  CHECK(Address::v4(v4) == addr("192.0.2.1"));
  std::array<std::byte, 16> v6{std::byte{0x20}, std::byte{0x01}, std::byte{0x0d}, std::byte{0xb8}};
  v6[15] = std::byte{1};
  CHECK(Address::v6(v6) == addr("2001:db8::1"));
}

TEST_CASE("an IPv4 address never equals an IPv6 address") {
  CHECK(addr("0.0.0.0") != addr("::"));
  CHECK(addr("0.0.0.0").key() != addr("::").key());
  CHECK(addr("192.0.2.1") != addr("::ffff:192.0.2.1"));
  CHECK(addr("192.0.2.1") != addr("c000:201::"));
  CHECK(addr("192.0.2.1").key() != addr("c000:201::").key());
  CHECK(Address() == addr("0.0.0.0"));
}

TEST_CASE("addresses order by family, then by number") {
  const std::vector<Address> sorted{
      addr("0.0.0.0"), addr("9.255.255.255"), addr("10.0.0.0"), addr("255.255.255.255"),
      addr("::"),      addr("::1"),           addr(kLastV6)};
  for (std::size_t i = 1; i < sorted.size(); ++i) CHECK(sorted[i - 1] < sorted[i]);
}

TEST_CASE("masked clears the bits behind the length") {
  struct Case {
    const char* address;
    unsigned length;
    const char* masked;
  };
  const auto c =
      GENERATE(Case{"255.255.255.255", 32, "255.255.255.255"}, Case{"255.255.255.255", 31, "255.255.255.254"},
               Case{"255.255.255.255", 25, "255.255.255.128"}, Case{"255.255.255.255", 24, "255.255.255.0"},
               Case{"255.255.255.255", 23, "255.255.254.0"}, Case{"255.255.255.255", 1, "128.0.0.0"},
               Case{"255.255.255.255", 0, "0.0.0.0"}, Case{kLastV6, 128, kLastV6},
               Case{kLastV6, 127, "ffff:ffff:ffff:ffff:ffff:ffff:ffff:fffe"},
               Case{kLastV6, 65, "ffff:ffff:ffff:ffff:8000::"}, Case{kLastV6, 64, "ffff:ffff:ffff:ffff::"},
               Case{kLastV6, 1, "8000::"}, Case{kLastV6, 0, "::"});
  CHECK(addr(c.address).masked(c.length) == addr(c.masked));
}

TEST_CASE("increment goes to the next address and wraps at the family's end alone") {
  struct Case {
    const char* address;
    bool goes_on;
    const char* next;
  };
  const auto c =
      GENERATE(Case{"0.0.0.0", true, "0.0.0.1"}, Case{"10.0.0.255", true, "10.0.1.0"},
               Case{"127.255.255.255", true, "128.0.0.0"}, Case{"255.255.255.254", true, "255.255.255.255"},
               Case{"255.255.255.255", false, "0.0.0.0"}, Case{"::", true, "::1"},
               Case{"::ffff:ffff:ffff:ffff", true, "0:0:0:1::"},
               Case{"ffff:ffff:ffff:ffff:ffff:ffff:ffff:fffe", true, kLastV6}, Case{kLastV6, false, "::"});
  Address address = addr(c.address);
  CHECK(address.increment() == c.goes_on);
  CHECK(address == addr(c.next));
  if (c.goes_on) CHECK(address.decremented() == addr(c.address));
}

TEST_CASE("prefixes are read and written") {
  struct Case {
    const char* text;
    const char* base;
    unsigned length;
    const char* last;
  };
  const auto c = GENERATE(
      Case{"192.0.2.1", "192.0.2.1", 32, "192.0.2.1"}, Case{"0.0.0.0/0", "0.0.0.0", 0, "255.255.255.255"},
      Case{"192.0.2.0/24", "192.0.2.0", 24, "192.0.2.255"},
      Case{"192.0.2.254/31", "192.0.2.254", 31, "192.0.2.255"},
      Case{"128.0.0.0/1", "128.0.0.0", 1, "255.255.255.255"}, Case{"::/0", "::", 0, kLastV6},
      Case{"2001:db8::/32", "2001:db8::", 32, "2001:db8:ffff:ffff:ffff:ffff:ffff:ffff"},
      Case{"8000::/1", "8000::", 1, kLastV6}, Case{"::1", "::1", 128, "::1"});
  const Prefix prefix = net(c.text);
  CHECK(prefix.base() == addr(c.base));
  CHECK(prefix.length() == c.length);
  CHECK(prefix.last() == addr(c.last));
  CHECK(prefix.to_string() == c.text);
  CHECK(prefix.is_host() == (c.length == prefix.base().bits()));
}

TEST_CASE("a host with its full length is the address") {
  CHECK(net("192.0.2.1/32") == net("192.0.2.1"));
  CHECK(net("192.0.2.1/32").to_string() == "192.0.2.1");
  CHECK(net("::1/128").to_string() == "::1");
}

TEST_CASE("host bits are refused with the net that was meant") {
  CHECK_THAT(error_of(Prefix::parse("192.0.2.7/24")),
             ContainsSubstring("192.0.2.7/24") && ContainsSubstring("did you mean 192.0.2.0/24?"));
  CHECK_THAT(error_of(Prefix::parse("2001:db8::1/127")), ContainsSubstring("did you mean 2001:db8::/127?"));
  CHECK_THAT(error_of(Prefix::parse("128.0.0.0/0")), ContainsSubstring("did you mean 0.0.0.0/0?"));
}

TEST_CASE("wrong nets are errors that quote the text and tell the limits") {
  struct Case {
    const char* text;
    const char* expected;
  };
  const auto c =
      GENERATE(Case{"192.0.2.0/33", "from 0 to 32"}, Case{"2001:db8::/129", "from 0 to 128"},
               Case{"192.0.2.0/", "from 0 to 32"}, Case{"192.0.2.0/-1", "from 0 to 32"},
               Case{"192.0.2.0/+24", "from 0 to 32"}, Case{"192.0.2.0/24 ", "from 0 to 32"},
               Case{"192.0.2.0/ 24", "from 0 to 32"}, Case{"192.0.2.0/24/24", "from 0 to 32"},
               Case{"192.0.2.0/4294967320", "from 0 to 32"},  // 2^32 + 24
               Case{"192.0.2.0/255.255.255.0", "from 0 to 32"}, Case{"/24", "not an address or a net"},
               Case{"", "not an address or a net"}, Case{"192.0.2/24", "not an address or a net"});
  const std::string error = error_of(Prefix::parse(c.text));
  CHECK_THAT(error, ContainsSubstring(std::string("'") + c.text + "'"));
  CHECK_THAT(error, ContainsSubstring(c.expected));
}

TEST_CASE("a prefix holds its first and its last address and nothing beside") {
  const std::string text = GENERATE(as<std::string>(), "192.0.2.0/24", "192.0.2.128/25", "10.0.0.0/8",
                                    "192.0.2.4/30", "2001:db8::/64", "2001:db8::4/126");
  const Prefix prefix = net(text);
  CAPTURE(text);
  Address after = prefix.last();
  REQUIRE(after.increment());
  CHECK(prefix.contains(prefix.base()));
  CHECK(prefix.contains(prefix.last()));
  CHECK_FALSE(prefix.contains(prefix.base().decremented()));
  CHECK_FALSE(prefix.contains(after));
}

TEST_CASE("a prefix covers narrower ones of its family alone") {
  CHECK(net("192.0.2.0/24").contains(net("192.0.2.0/24")));
  CHECK(net("192.0.2.0/24").contains(net("192.0.2.128/25")));
  CHECK_FALSE(net("192.0.2.128/25").contains(net("192.0.2.0/24")));
  CHECK_FALSE(net("192.0.2.0/24").contains(net("192.0.3.0/25")));
  CHECK(net("0.0.0.0/0").contains(addr("255.255.255.255")));
  CHECK_FALSE(net("0.0.0.0/0").contains(addr("::")));
  CHECK_FALSE(net("::/0").contains(addr("0.0.0.0")));
  CHECK_FALSE(net("::/0").contains(net("0.0.0.0/0")));
  CHECK(net("::/0") != net("0.0.0.0/0"));
}

TEST_CASE("prefixes overlap when one covers the other") {
  CHECK(net("192.0.2.0/24").overlaps(net("192.0.2.77")));
  CHECK(net("192.0.2.77").overlaps(net("192.0.2.0/24")));
  CHECK_FALSE(net("192.0.2.0/25").overlaps(net("192.0.2.128/25")));
  CHECK_FALSE(net("0.0.0.0/0").overlaps(net("::/0")));
}

TEST_CASE("making a prefix clears the host bits") {
  CHECK(Prefix(addr("192.0.2.7"), 24) == net("192.0.2.0/24"));
  CHECK(Prefix(addr("192.0.2.7"), 0) == net("0.0.0.0/0"));
  CHECK(Prefix(addr("2001:db8::7")) == net("2001:db8::7"));
  CHECK(Prefix() == net("0.0.0.0"));
}

}  // namespace
}  // namespace sipward
