// What the kernel's sets hold after bans, whitelists and nets were put there.
#include <chrono>

#include "kernel.h"

namespace sipward::enforce {
namespace {

using namespace sipward::test;  // NOLINT: the kernel's side
using std::chrono::hours;
using std::chrono::milliseconds;
using std::chrono::minutes;

TEST_CASE_METHOD(Kernel, "ban, extend and shorten in the kernel") {
  const auto table = installed();
  done(table->ban(Entries{entry("198.51.100.7", in(hours(1))), entry("2001:db8::7", in(hours(1)))}, kNow));
  CHECK(about(left(*table, "198.51.100.7"), hours(1)));
  CHECK(about(left(*table, "2001:db8::7"), hours(1)));
  CHECK_FALSE(is_banned(*table, "198.51.100.8"));
  done(table->ban(Entries{entry("198.51.100.7", in(hours(3)))}, kNow));
  CHECK(about(left(*table, "198.51.100.7"), hours(3)));
  done(table->ban(Entries{entry("198.51.100.7", in(minutes(10)))}, kNow));
  CHECK(about(left(*table, "198.51.100.7"), minutes(10)));
  done(table->ban(Entries{entry("198.51.100.7")}, kNow));
  CHECK(left(*table, "198.51.100.7") == std::nullopt);
  done(table->ban(Entries{entry("198.51.100.7", in(hours(1)))}, kNow));
  CHECK(about(left(*table, "198.51.100.7"), hours(1)));
  CHECK(done(table->banned()).size() == 2);
  CHECK(about(left(*table, "2001:db8::7"), hours(1)));
}

TEST_CASE_METHOD(Kernel, "bans keep a packet counter each") {
  const auto table = installed();
  done(table->ban(Entries{entry("198.51.100.7")}, kNow));
  CHECK(done(table->banned(net("198.51.100.7")))->packets == 0U);
  CHECK(done(table->banned()).front().packets == 0U);
}

TEST_CASE_METHOD(Kernel, "what is over, or a net of a length that has no set, is not put among the banned") {
  const auto table = installed();
  done(table->ban(Entries{entry("198.51.100.7", kNow), entry("198.51.100.0/25"), entry("198.51.0.0/23"),
                          entry("2001:db8::/56")},
                  kNow));
  done(table->ban({}, kNow));
  done(table->unban({}));
  CHECK(done(table->banned()).empty());
}

TEST_CASE_METHOD(Kernel, "an address twice in one call: the last end counts") {
  const auto table = installed();
  done(table->ban(Entries{entry("198.51.100.7", in(hours(1))), entry("198.51.100.8", in(hours(1))),
                          entry("198.51.100.7", in(hours(2)))},
                  kNow));
  CHECK(about(left(*table, "198.51.100.7"), hours(2)));
  CHECK(about(left(*table, "198.51.100.8"), hours(1)));
  const std::vector twice{net("198.51.100.7"), net("198.51.100.7")};
  done(table->unban(twice));
  CHECK_FALSE(is_banned(*table, "198.51.100.7"));
  CHECK(is_banned(*table, "198.51.100.8"));
}

TEST_CASE_METHOD(Kernel, "unban lifts what is named, and what is not banned is no error") {
  const auto table = installed();
  done(table->ban(Entries{entry("198.51.100.7"), entry("198.51.100.8"), entry("2001:db8::7")}, kNow));
  const std::vector lifted{net("198.51.100.7"), net("2001:db8::7"), net("203.0.113.1")};
  done(table->unban(lifted));
  CHECK_FALSE(is_banned(*table, "198.51.100.7"));
  CHECK_FALSE(is_banned(*table, "2001:db8::7"));
  CHECK_FALSE(is_banned(*table, "203.0.113.1"));
  CHECK(is_banned(*table, "198.51.100.8"));
}

TEST_CASE_METHOD(Kernel, "a ban that the kernel has ended already can be lifted and made anew") {
  const auto table = installed();
  done(table->ban(
      Entries{entry("198.51.100.7", in(milliseconds(1))), entry("198.51.100.8", in(milliseconds(1)))}, kNow));
  const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(20);
  while (is_banned(*table, "198.51.100.7") || is_banned(*table, "198.51.100.8"))
    REQUIRE(std::chrono::steady_clock::now() < deadline);
  const std::vector lifted{net("198.51.100.7")};
  done(table->unban(lifted));
  CHECK_FALSE(is_banned(*table, "198.51.100.7"));
  done(table->ban(Entries{entry("198.51.100.8", in(hours(1)))}, kNow));
  CHECK(about(left(*table, "198.51.100.8"), hours(1)));
}

TEST_CASE_METHOD(Kernel,
                 "whitelisted addresses and nets, also when nets overlap and end at different times") {
  const auto table = installed();
  done(table->put_whitelist(
      {.trusted = {entry("10.0.0.0/8", in(hours(1))), entry("10.1.0.0/16"),
                   entry("10.1.2.0/24", in(hours(2))), entry("10.9.0.1"), entry("192.0.2.0/25"),
                   entry("192.0.2.128/25", in(hours(1)))},
       .peers = {entry("10.0.0.0/16"), entry("2001:db8::/32"), entry("2001:db8:1::/48", in(hours(3)))},
       .known = {},
       .banned = {}},
      kNow));
  for (const char* text : {"10.0.0.0", "10.0.255.255", "10.1.2.3", "10.255.255.255", "192.0.2.0",
                           "192.0.2.127", "192.0.2.128", "192.0.2.255"}) {
    CAPTURE(text);
    CHECK(holds("trusted_net4", text));
  }
  for (const char* text : {"9.255.255.255", "11.0.0.0", "192.0.1.255", "192.0.3.0"}) {
    CAPTURE(text);
    CHECK_FALSE(holds("trusted_net4", text));
  }
  CHECK(holds("trusted4", "10.9.0.1"));
  CHECK(holds("peer_net4", "10.0.1.1"));
  CHECK_FALSE(holds("peer_net4", "10.1.0.0"));
  CHECK(holds("peer_net6", "2001:db8:1:2::3"));
  CHECK_FALSE(holds("peer_net6", "2001:db9::"));
  const std::string listing = nft("list set inet sipward trusted_net4");
  CHECK_THAT(listing, ContainsSubstring("10.0.0.0/16 timeout 1h"));
  CHECK_THAT(listing, ContainsSubstring("10.2.0.0-10.255.255.255 timeout 1h"));
  CHECK_THAT(listing, ContainsSubstring("192.0.2.128/25 timeout 1h"));
  done(table->put_whitelist({}, kNow));
  CHECK_FALSE(holds("trusted_net4", "10.1.2.3"));
  CHECK_FALSE(holds("trusted4", "10.9.0.1"));
}

TEST_CASE_METHOD(Kernel, "whole families and ranges up to the last address") {
  const auto table = installed();
  struct Case {
    Entries nets;
    const char* set;
    Texts in;
    Texts out;
  };
  const std::vector<Case> cases{
      {{entry("0.0.0.0/1"), entry("128.0.0.0/1")},
       "banned_net4",
       {"0.0.0.0", "127.255.255.255", "128.0.0.0", "255.255.255.255"},
       {}},
      {{entry("0.0.0.0/0")}, "banned_net4", {"0.0.0.0", "192.0.2.1", "255.255.255.255"}, {}},
      {{entry("0.0.0.0/0", in(hours(1))), entry("10.0.0.0/8")},
       "banned_net4",
       {"0.0.0.0", "10.1.1.1", "11.0.0.0", "255.255.255.255"},
       {}},
      {{entry("128.0.0.0/1")},
       "banned_net4",
       {"128.0.0.0", "255.255.255.255"},
       {"127.255.255.255", "0.0.0.0"}},
      {{entry("0.0.0.0/8")}, "banned_net4", {"0.0.0.0", "0.255.255.255"}, {"1.0.0.0"}},
      {{entry("255.255.255.254/31")},
       "banned_net4",
       {"255.255.255.254", "255.255.255.255"},
       {"255.255.255.253"}},
      {{entry("::/0")}, "banned_net6", {"::", "2001:db8::1", "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff"}, {}},
      {{entry("8000::/1")},
       "banned_net6",
       {"8000::", "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff"},
       {"7fff::", "::"}},
  };
  for (const Case& c : cases) {
    CAPTURE(c.nets[0].prefix.to_string());
    done(table->put_banned_nets(c.nets, kNow));
    for (const std::string& text : c.in) {
      INFO(text << " is in it");
      CHECK(holds(c.set, text));
    }
    for (const std::string& text : c.out) {
      INFO(text << " is not in it");
      CHECK_FALSE(holds(c.set, text));
    }
  }
  done(table->put_banned_nets({}, kNow));
  CHECK_FALSE(holds("banned_net4", "192.0.2.1"));
}

TEST_CASE_METHOD(Kernel, "nets are banned, restored and lifted by their masked address") {
  const auto table = installed();
  done(table->ban(Entries{entry("198.51.100.0/24", in(hours(1))), entry("2001:db8::/64", in(hours(2)))},
                  kNow));
  done(table->restore(Entries{entry("2001:db8:1::/48", in(hours(3)))}, kNow));
  CHECK(holds("banned_prefix24", "198.51.100.0"));
  CHECK(holds("banned_prefix64", "2001:db8::"));
  CHECK(holds("banned_prefix48", "2001:db8:1::"));
  CHECK(about(done(table->banned(net("198.51.100.0/24")))->left, hours(1)));
  CHECK_FALSE(done(table->banned(net("2001:db8:1::/64"))).has_value());
  CHECK_FALSE(done(table->banned(net("198.51.100.0"))).has_value());
  std::vector<std::string> all;
  for (const ElementInfo& element : done(table->banned())) all.push_back(element.net.to_string());
  std::ranges::sort(all);
  CHECK(all == Texts{"198.51.100.0/24", "2001:db8:1::/48", "2001:db8::/64"});
  const std::vector lifted{net("198.51.100.0/24"), net("2001:db8:1::/48")};
  done(table->unban(lifted));
  CHECK_FALSE(holds("banned_prefix24", "198.51.100.0"));
  CHECK_FALSE(holds("banned_prefix48", "2001:db8:1::"));
  CHECK(holds("banned_prefix64", "2001:db8::"));
}

TEST_CASE_METHOD(Kernel, "known sources come, stay longer, and are forgotten") {
  const auto table = installed({.trusted = {},
                                .peers = {},
                                .known = {entry("203.0.113.1", in(hours(1))), entry("203.0.113.2", kNow)},
                                .banned = {}});
  const auto left_of = [&](std::string_view text) -> std::optional<milliseconds> {
    for (const ElementInfo& element : done(table->known()))
      if (element.net == net(text)) return element.left;
    return std::nullopt;
  };
  CHECK(about(left_of("203.0.113.1"), hours(1)));
  CHECK(done(table->known()).size() == 1);  // the other one was over
  done(table->know(Entries{entry("203.0.113.1", in(hours(5))), entry("2001:db8::1", in(hours(1)))}, kNow));
  CHECK(about(left_of("203.0.113.1"), hours(5)));
  CHECK(holds("known6", "2001:db8::1"));
  const std::vector gone{address("203.0.113.1"), address("203.0.113.9")};
  done(table->forget(gone));
  CHECK_FALSE(holds("known4", "203.0.113.1"));
  CHECK(holds("known6", "2001:db8::1"));
  const auto next = Kernel::open();  // another run, which knows nobody
  done(table->stand_down());
  CHECK(done(next->install({}, kNow)).adopted);
  CHECK(done(next->known()).empty());
}

TEST_CASE_METHOD(Kernel, "20,000 bans are restored, and those that run go on") {
  const auto table = installed();
  done(table->ban(Entries{entry("10.0.0.7", in(hours(1)))}, kNow));
  Entries bans;
  for (unsigned i = 0; i < 20'000; ++i)
    bans.push_back(entry("10.0." + std::to_string(i / 256) + "." + std::to_string(i % 256),
                         i % 2 == 0 ? std::nullopt : std::optional(in(hours(1)))));
  bans.push_back(entry("2001:db8::1", in(hours(1))));
  bans.push_back(entry("10.1.0.0", kNow));             // over
  bans.push_back(entry("10.2.0.0/25", in(hours(1))));  // a net: put_banned_nets' business
  done(table->restore(bans, kNow));
  CHECK(done(table->banned()).size() == 20'001);
  CHECK(left(*table, "10.0.0.0") == std::nullopt);
  CHECK(about(left(*table, "10.0.78.31"), hours(1)));  // the last one
  CHECK(about(left(*table, "2001:db8::1"), hours(1)));
  CHECK(about(left(*table, "10.0.0.7"), hours(1)));
  CHECK_FALSE(is_banned(*table, "10.1.0.0"));
}

}  // namespace
}  // namespace sipward::enforce
