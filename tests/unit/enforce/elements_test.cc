#include "enforce/elements.h"

#include "unit/base/nets.h"

namespace sipward::enforce {
namespace {

using namespace sipward::test;  // NOLINT: short ways to write nets
using std::chrono::milliseconds;
using std::chrono::seconds;
using Entries = std::vector<TimedPrefix>;

std::vector<std::byte> key(std::string_view text) {
  const Address a = address(text);
  return {a.bytes().begin(), a.bytes().end()};
}

TEST_CASE("hosts of the asked family alone, with the time that is left") {
  const Entries entries{entry("192.0.2.1"), entry("192.0.2.2", in(seconds(5))), entry("192.0.2.0/24"),
                        entry("2001:db8::1", in(milliseconds(1)))};
  const auto v4 = host_elements(entries, Family::ipv4, kNow);
  REQUIRE(v4.size() == 2);
  CHECK(v4[0].key == key("192.0.2.1"));
  CHECK_FALSE(v4[0].timeout.has_value());
  CHECK_FALSE(v4[0].range);
  CHECK(v4[1].key == key("192.0.2.2"));
  CHECK(v4[1].timeout == milliseconds(5000));
  const auto v6 = host_elements(entries, Family::ipv6, kNow);
  REQUIRE(v6.size() == 1);
  CHECK(v6[0].key == key("2001:db8::1"));
  CHECK(v6[0].timeout == milliseconds(1));
}

TEST_CASE("an entry at its end is left out, a millisecond before it is not") {
  const Entries entries{entry("192.0.2.1", in(milliseconds(0))), entry("192.0.2.2", in(milliseconds(1))),
                        entry("192.0.2.3", in(milliseconds(-1))), entry("10.0.0.0/8", in(milliseconds(0))),
                        entry("11.0.0.0/8", in(milliseconds(1)))};
  const auto hosts = host_elements(entries, Family::ipv4, kNow);
  REQUIRE(hosts.size() == 1);
  CHECK(hosts[0].key == key("192.0.2.2"));
  const auto nets = net_elements(entries, Family::ipv4, kNow);
  REQUIRE(nets.size() == 1);
  CHECK(nets[0].key == key("11.0.0.0"));
}

TEST_CASE("an expired net does not split the net around it") {
  const auto nets =
      net_elements(Entries{entry("10.0.0.0/8", in(seconds(9))), entry("10.1.0.0/16", in(milliseconds(0)))},
                   Family::ipv4, kNow);
  REQUIRE(nets.size() == 1);
  CHECK(nets[0].timeout == milliseconds(9000));
}

TEST_CASE("nets are half-open ranges without overlaps; hosts are not among them") {
  const auto nets = net_elements(Entries{entry("10.0.0.0/8", in(seconds(1))), entry("10.1.0.0/16"),
                                         entry("10.2.0.1"), entry("2001:db8::/32")},
                                 Family::ipv4, kNow);
  REQUIRE(nets.size() == 3);
  CHECK(nets[0].key == key("10.0.0.0"));
  CHECK(nets[0].key_end == key("10.1.0.0"));
  CHECK(nets[0].timeout == milliseconds(1000));
  CHECK(nets[1].key == key("10.1.0.0"));
  CHECK(nets[1].key_end == key("10.2.0.0"));
  CHECK_FALSE(nets[1].timeout.has_value());
  CHECK(nets[2].key == key("10.2.0.0"));
  CHECK(nets[2].key_end == key("11.0.0.0"));
  for (const Element& element : nets) CHECK(element.range);
}

TEST_CASE("a range up to the family's last address has no end") {
  const std::string text =
      GENERATE(as<std::string>(), "0.0.0.0/0", "128.0.0.0/1", "255.255.255.254/31", "::/0", "8000::/1");
  const auto nets = net_elements(Entries{entry(text)}, net(text).family(), kNow);
  REQUIRE(nets.size() == 1);
  CHECK(nets[0].key == key(net(text).base().to_string()));
  CHECK(nets[0].key_end.empty());
}

TEST_CASE("an address as an element has its bytes for a key and nothing else") {
  const Element element = host_element(address("2001:db8::1"));
  CHECK(element.key == key("2001:db8::1"));
  CHECK_FALSE(element.range);
  CHECK_FALSE(element.timeout.has_value());
}

}  // namespace
}  // namespace sipward::enforce
