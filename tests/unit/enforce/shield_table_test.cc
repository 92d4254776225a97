#include "enforce/shield_table.h"

#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <set>

#include "enforce/nft_objects.h"
#include "kernel.h"

namespace sipward::enforce {
namespace {

using namespace sipward::test;  // NOLINT: the kernel's side
using std::chrono::hours;
using std::chrono::milliseconds;
using std::chrono::minutes;
using Entries = std::vector<TimedPrefix>;
using Texts = std::vector<std::string>;

std::unique_ptr<ShieldTable> installed(const Lists& lists = {}, const ShieldTableOptions& options = Kernel::options()) {
  auto table = Kernel::open(options);
  done(table->install(lists, kNow));
  return table;
}

bool is_banned(ShieldTable& table, std::string_view text) { return done(table.banned(address(text))).has_value(); }

// What is left of a ban; FAILs when there is none.
std::optional<milliseconds> left(ShieldTable& table, std::string_view text) {
  const auto element = done(table.banned(address(text)));
  if (!element) FAIL(text << " is not banned");
  return element->left;
}

bool about(std::optional<milliseconds> time, milliseconds expected) {
  return time && *time <= expected && *time > expected - minutes(1);
}

TEST_CASE_METHOD(Kernel, "asking what the kernel can do picks something and changes nothing") {
  const auto table = Kernel::open();
  CHECK((table->queue_target() == QueueTarget::native || table->queue_target() == QueueTarget::compat));
  CHECK(nft("list ruleset").empty());
  CHECK_FALSE(done(table->present()).has_value());
  CHECK(table->banned().error().kind == ErrorKind::not_found);
}

TEST_CASE_METHOD(Kernel, "an installed table has all its counters at zero") {
  const auto table = Kernel::open();
  const auto made = done(table->install({}, kNow));
  CHECK_FALSE(made.adopted);
  CHECK(made.handle != 0);
  CHECK(done(table->present()) == made.handle);
  CHECK(done(table->banned()).empty());
  const auto counters = done(table->counters());
  std::set<std::string> names;
  for (const auto& [name, value] : counters) {
    CHECK(value.packets == 0);
    names.insert(name);
  }
  CHECK(names == std::set<std::string>{"offered", "trusted", "banned", "source_rate", "meter_full", "unknown_budget",
                                       "observed_banned", "observed_guard", "queued", "passed", "bypassed_no_daemon",
                                       "bypassed_queue_full"});
}

TEST_CASE_METHOD(Kernel, "the listing explains itself") {
  const auto table = installed({.trusted = {entry("192.0.2.1")}, .peers = {}, .banned = {}});
  const std::string listing = nft("list table inet sipward");
  for (const char* line : {
           "comment \"Sipward, a SIP shield: sipward(1), sipwardd(8); layout",
           "comment \"SIP packets that arrived\"",
           "comment \"dropped: from banned sources\"",
           "comment \"whitelist, class trusted: addresses\"",
           "comment \"banned: nets\"",
           "elements = { 192.0.2.1 }",
           "elements = { 5060, 5061 }",
           "type filter hook prerouting priority raw - 10; policy accept;",
           "udp dport @udp_ports goto triage comment \"SIP over UDP\"",
           "ip saddr @trusted4 counter name \"trusted\" accept comment \"whitelisted: passes unread\"",
           "ip6 saddr @banned_net6 counter name \"banned\" drop comment \"banned\"",
           "limit rate over 100/second burst 300 packets } counter name \"source_rate\" drop comment \"one source\"",
           "limit rate over 10000/second burst 4000 packets counter name \"unknown_budget\" drop",
       })
    CHECK_THAT(listing, ContainsSubstring(line));
  CHECK(tables() == Texts{kTable, kQueueTable});
}

TEST_CASE_METHOD(Kernel, "the next run takes over the table, its bans and their ends") {
  std::uint64_t handle = 0;
  {
    const auto first = Kernel::open();
    handle = done(first->install({.trusted = {entry("192.0.2.0/24")}, .peers = {}, .banned = {entry("10.0.0.0/8")}}, kNow)).handle;
    done(first->ban(Entries{entry("198.51.100.7", in(hours(1))), entry("198.51.100.8"), entry("2001:db8::7", in(hours(2)))}, kNow));
  }
  CHECK(tables() == Texts{kTable});
  const auto second = Kernel::open();
  CHECK(done(second->banned()).size() == 3);  // also before it installs anything
  const auto adopted = done(second->install({.trusted = {entry("203.0.113.0/24")}, .peers = {}, .banned = {}}, in(minutes(1))));
  CHECK(adopted.adopted);
  CHECK(adopted.handle == handle);
  CHECK(about(left(*second, "198.51.100.7"), hours(1)));
  CHECK(left(*second, "198.51.100.8") == std::nullopt);
  CHECK(about(left(*second, "2001:db8::7"), hours(2)));
  CHECK_FALSE(holds("trusted_net4", "192.0.2.1"));
  CHECK(holds("trusted_net4", "203.0.113.1"));
  CHECK_FALSE(holds("banned_net4", "10.0.0.1"));
  CHECK(tables() == Texts{kTable, kQueueTable});
}

TEST_CASE_METHOD(Kernel, "a table of another layout is replaced") {
  std::uint64_t handle = 0;
  {
    const auto first = Kernel::open();
    handle = done(first->install({}, kNow)).handle;
    done(first->ban(Entries{entry("198.51.100.7", in(hours(1)))}, kNow));
  }
  auto options = Kernel::options();
  options.bans_max = 5000;
  const auto second = Kernel::open(options);
  const auto made = done(second->install({}, kNow));
  CHECK_FALSE(made.adopted);
  CHECK(made.handle != handle);
  CHECK(done(second->present()) == made.handle);
  CHECK(done(second->banned()).empty());
  CHECK_THAT(nft("list set inet sipward banned4"), ContainsSubstring("size 6500"));  // a tenth and 1000 more
}

TEST_CASE_METHOD(Kernel, "a stranger's table of that name is replaced") {
  nft("add table inet sipward; add chain inet sipward gate; add set inet sipward udp_ports { type ipv4_addr; }");
  const auto table = Kernel::open();
  CHECK_FALSE(done(table->install({}, kNow)).adopted);
  CHECK(holds("udp_ports", "5060"));
}

TEST_CASE_METHOD(Kernel, "rules, ports and rates are this run's own") {
  { const auto first = installed(); }
  auto options = Kernel::options();
  options.udp_ports = {5080};
  options.source_rate_per_s = 7;
  options.protected_nets = {net("192.0.2.1"), net("192.0.2.0/25"), net("2001:db8::/64")};
  const auto second = Kernel::open(options);
  CHECK(done(second->install({}, kNow)).adopted);
  CHECK(holds("udp_ports", "5080"));
  CHECK_FALSE(holds("udp_ports", "5060"));
  CHECK(holds("protected4", "192.0.2.127"));
  CHECK_FALSE(holds("protected4", "192.0.2.128"));
  const std::string listing = nft("list table inet sipward");
  CHECK_THAT(listing, ContainsSubstring("limit rate over 7/second"));
  CHECK_THAT(listing, !ContainsSubstring("limit rate over 100/second"));
  CHECK_THAT(listing, ContainsSubstring("udp dport @udp_ports ip daddr @protected4 goto triage"));
}

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
  CHECK(done(table->banned(address("198.51.100.7")))->packets == 0U);
  CHECK(done(table->banned()).front().packets == 0U);
}

TEST_CASE_METHOD(Kernel, "what is over or is a net is not put among the banned addresses") {
  const auto table = installed();
  done(table->ban(Entries{entry("198.51.100.7", kNow), entry("198.51.100.0/24")}, kNow));
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
  const std::vector twice{address("198.51.100.7"), address("198.51.100.7")};
  done(table->unban(twice));
  CHECK_FALSE(is_banned(*table, "198.51.100.7"));
  CHECK(is_banned(*table, "198.51.100.8"));
}

TEST_CASE_METHOD(Kernel, "unban lifts what is named, and what is not banned is no error") {
  const auto table = installed();
  done(table->ban(Entries{entry("198.51.100.7"), entry("198.51.100.8"), entry("2001:db8::7")}, kNow));
  const std::vector lifted{address("198.51.100.7"), address("2001:db8::7"), address("203.0.113.1")};
  done(table->unban(lifted));
  CHECK_FALSE(is_banned(*table, "198.51.100.7"));
  CHECK_FALSE(is_banned(*table, "2001:db8::7"));
  CHECK_FALSE(is_banned(*table, "203.0.113.1"));
  CHECK(is_banned(*table, "198.51.100.8"));
}

TEST_CASE_METHOD(Kernel, "a ban that the kernel has ended already can be lifted and made anew") {
  const auto table = installed();
  done(table->ban(Entries{entry("198.51.100.7", in(milliseconds(1))), entry("198.51.100.8", in(milliseconds(1)))}, kNow));
  const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(20);
  while (is_banned(*table, "198.51.100.7") || is_banned(*table, "198.51.100.8"))
    REQUIRE(std::chrono::steady_clock::now() < deadline);
  const std::vector lifted{address("198.51.100.7")};
  done(table->unban(lifted));
  CHECK_FALSE(is_banned(*table, "198.51.100.7"));
  done(table->ban(Entries{entry("198.51.100.8", in(hours(1)))}, kNow));
  CHECK(about(left(*table, "198.51.100.8"), hours(1)));
}

TEST_CASE_METHOD(Kernel, "whitelisted addresses and nets, also when nets overlap and end at different times") {
  const auto table = installed();
  done(table->put_whitelist({.trusted = {entry("10.0.0.0/8", in(hours(1))), entry("10.1.0.0/16"), entry("10.1.2.0/24", in(hours(2))),
                                         entry("10.9.0.1"), entry("192.0.2.0/25"), entry("192.0.2.128/25", in(hours(1)))},
                             .peers = {entry("10.0.0.0/16"), entry("2001:db8::/32"), entry("2001:db8:1::/48", in(hours(3)))},
                             .banned = {}},
                            kNow));
  for (const char* text : {"10.0.0.0", "10.0.255.255", "10.1.2.3", "10.255.255.255", "192.0.2.0", "192.0.2.127", "192.0.2.128",
                           "192.0.2.255"}) {
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
      {{entry("0.0.0.0/1"), entry("128.0.0.0/1")}, "banned_net4", {"0.0.0.0", "127.255.255.255", "128.0.0.0", "255.255.255.255"}, {}},
      {{entry("0.0.0.0/0")}, "banned_net4", {"0.0.0.0", "192.0.2.1", "255.255.255.255"}, {}},
      {{entry("0.0.0.0/0", in(hours(1))), entry("10.0.0.0/8")}, "banned_net4", {"0.0.0.0", "10.1.1.1", "11.0.0.0", "255.255.255.255"}, {}},
      {{entry("128.0.0.0/1")}, "banned_net4", {"128.0.0.0", "255.255.255.255"}, {"127.255.255.255", "0.0.0.0"}},
      {{entry("0.0.0.0/8")}, "banned_net4", {"0.0.0.0", "0.255.255.255"}, {"1.0.0.0"}},
      {{entry("255.255.255.254/31")}, "banned_net4", {"255.255.255.254", "255.255.255.255"}, {"255.255.255.253"}},
      {{entry("::/0")}, "banned_net6", {"::", "2001:db8::1", "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff"}, {}},
      {{entry("8000::/1")}, "banned_net6", {"8000::", "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff"}, {"7fff::", "::"}},
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

TEST_CASE_METHOD(Kernel, "a second daemon gets busy, is told who was first, and changes nothing") {
  const auto first = installed({.trusted = {entry("192.0.2.0/24")}, .peers = {}, .banned = {}});
  const std::string before = nft("list ruleset");
  const auto second = Kernel::open();
  const auto refused = second->install({.trusted = {entry("203.0.113.0/24")}, .peers = {}, .banned = {}}, kNow);
  REQUIRE_FALSE(refused.has_value());
  CHECK(refused.error().kind == ErrorKind::busy);
  CHECK_THAT(refused.error().text, ContainsSubstring("sipward_queue") && ContainsSubstring("another sipwardd is running"));
  CHECK(nft("list ruleset") == before);
  CHECK(done(second->present()) == done(first->present()));
  CHECK(done(first->install({}, kNow)).adopted);  // the first one may install again
}

TEST_CASE_METHOD(Kernel, "the first daemon is told by its process") {
  const auto first = installed();
  const auto refused = Kernel::open()->install({}, kNow);
  REQUIRE_FALSE(refused.has_value());
  // Netlink gives the first socket of a process its id as port; a test that ran before may have left it taken.
  CHECK_THAT(refused.error().text, ContainsSubstring("process " + std::to_string(::getpid())) || ContainsSubstring("netlink port "));
}

TEST_CASE_METHOD(Kernel, "no table is left when the queue table belongs to another") {
  auto owner = done(NftSocket::open());
  NftBatch batch;
  add_table(batch, kQueueTable, "somebody else's", Ownership::owned);
  done(owner.transact(batch));
  const auto refused = Kernel::open()->install({}, kNow);
  REQUIRE_FALSE(refused.has_value());
  CHECK(refused.error().kind == ErrorKind::busy);
  CHECK(tables() == Texts{kQueueTable});
}

TEST_CASE_METHOD(Kernel, "what the kernel refuses is told, and nothing of it stays") {
  std::string comment;
  {
    const auto table = installed();
    comment = done(find_table(*std::make_unique<NftSocket>(done(NftSocket::open())), kTable))->comment;
    done(table->remove());
  }
  nft("add table inet sipward { comment \"" + comment + "\"; }");
  nft("add set inet sipward banned4 { type inet_service; }");
  const auto refused = Kernel::open()->install({}, kNow);
  REQUIRE_FALSE(refused.has_value());
  CHECK_THAT(refused.error().text, ContainsSubstring("create set banned4"));
  CHECK(tables() == Texts{kTable});
  CHECK_THAT(nft("list table inet sipward"), !ContainsSubstring("chain"));
}

TEST_CASE_METHOD(Kernel, "a deleted table is missed, as long as it is not there") {
  const auto table = Kernel::open();
  const auto handle = done(table->install({}, kNow)).handle;
  CHECK(done(table->present()) == handle);
  CHECK(done(table->present()) == handle);
  nft("add table ip unrelated");  // another generation
  CHECK(done(table->present()) == handle);
  nft("flush ruleset");
  CHECK_FALSE(done(table->present()).has_value());
  CHECK_FALSE(done(table->present()).has_value());
  const auto again = done(table->install({}, kNow));
  CHECK_FALSE(again.adopted);
  CHECK(again.handle != handle);
  CHECK(done(table->present()) == again.handle);
  CHECK(done(table->present()) == again.handle);
}

TEST_CASE_METHOD(Kernel, "a table that somebody made anew is another one, as often as it is asked") {
  const auto table = Kernel::open();
  const auto handle = done(table->install({}, kNow)).handle;
  nft("delete table inet sipward; add table inet sipward");
  const auto other = done(table->present());
  CHECK(other.has_value());
  CHECK(other != handle);
  CHECK(done(table->present()) == other);
}

TEST_CASE_METHOD(Kernel, "a table that was there before is present to one who has installed nothing yet") {
  const auto first = installed();
  const auto second = Kernel::open();
  const auto handle = done(first->present());
  CHECK(done(second->present()) == handle);
  CHECK(done(second->present()) == handle);
}

TEST_CASE_METHOD(Kernel, "observe mode counts as if and drops nothing") {
  const auto table = installed();
  done(table->set_observe(true));
  std::string listing = nft("list table inet sipward");
  CHECK_THAT(listing, ContainsSubstring("ip saddr @banned4 counter name \"observed_banned\" comment"));
  CHECK_THAT(listing, ContainsSubstring("counter name \"observed_guard\" accept"));
  CHECK_THAT(listing, !ContainsSubstring("\" drop"));
  done(table->set_observe(false));
  listing = nft("list table inet sipward");
  CHECK_THAT(listing, ContainsSubstring("ip saddr @banned4 counter name \"banned\" drop"));
  CHECK_THAT(listing, !ContainsSubstring("name \"observed_guard\" accept"));
}

TEST_CASE_METHOD(Kernel, "standing down leaves bans and whitelist and takes the guard and the queues") {
  const auto table = installed({.trusted = {entry("192.0.2.0/24")}, .peers = {}, .banned = {entry("10.0.0.0/8")}});
  done(table->ban(Entries{entry("198.51.100.7", in(hours(1)))}, kNow));
  done(table->stand_down());
  CHECK(tables() == Texts{kTable});
  const std::string listing = nft("list table inet sipward");
  CHECK_THAT(listing, ContainsSubstring("ip saddr @banned4 counter name \"banned\" drop"));
  CHECK_THAT(listing, !ContainsSubstring("limit rate over"));
  CHECK(is_banned(*table, "198.51.100.7"));
  CHECK(holds("banned_net4", "10.0.0.1"));
  CHECK(holds("trusted_net4", "192.0.2.1"));
  CHECK(done(Kernel::open()->install({}, kNow)).adopted);
}

TEST_CASE_METHOD(Kernel, "standing down keeps the mode") {
  const auto table = installed();
  done(table->set_observe(true));
  done(table->stand_down());
  CHECK_THAT(nft("list table inet sipward"), !ContainsSubstring("\" drop"));
}

TEST_CASE_METHOD(Kernel, "removing leaves nothing") {
  const auto table = installed();
  done(table->remove());
  CHECK(nft("list ruleset").empty());
  CHECK_FALSE(done(table->present()).has_value());
  CHECK_FALSE(done(table->install({}, kNow)).adopted);
}

TEST_CASE_METHOD(Kernel, "removing and standing down after somebody deleted the table leave nothing either") {
  const auto table = installed();
  nft("flush ruleset");
  SECTION("remove") {
    done(table->remove());
    done(table->remove());
  }
  SECTION("stand down") {
    done(table->stand_down());
    done(table->stand_down());
  }
  CHECK(nft("list ruleset").empty());
}

TEST_CASE_METHOD(Kernel, "20,000 bans are restored, and those that run go on") {
  const auto table = installed();
  done(table->ban(Entries{entry("10.0.0.7", in(hours(1)))}, kNow));
  Entries bans;
  for (unsigned i = 0; i < 20'000; ++i)
    bans.push_back(entry("10.0." + std::to_string(i / 256) + "." + std::to_string(i % 256),
                         i % 2 == 0 ? std::nullopt : std::optional(in(hours(1)))));
  bans.push_back(entry("2001:db8::1", in(hours(1))));
  bans.push_back(entry("10.1.0.0", kNow));        // over
  bans.push_back(entry("10.2.0.0/24", in(hours(1))));  // a net: put_banned_nets' business
  done(table->restore(bans, kNow));
  CHECK(done(table->banned()).size() == 20'001);
  CHECK(left(*table, "10.0.0.0") == std::nullopt);
  CHECK(about(left(*table, "10.0.78.31"), hours(1)));  // the last one
  CHECK(about(left(*table, "2001:db8::1"), hours(1)));
  CHECK(about(left(*table, "10.0.0.7"), hours(1)));
  CHECK_FALSE(is_banned(*table, "10.1.0.0"));
}

TEST_CASE_METHOD(Kernel, "without CAP_NET_ADMIN the answer is denied") {
  const pid_t child = ::fork();
  REQUIRE(child >= 0);
  if (child == 0) {
    if (::setgid(65534) != 0 || ::setuid(65534) != 0) ::_exit(2);
    const auto table = ShieldTable::open(Kernel::options());
    ::_exit(!table && table.error().kind == ErrorKind::denied ? 0 : 1);
  }
  int status = 0;
  REQUIRE(::waitpid(child, &status, 0) == child);
  CHECK(WIFEXITED(status));
  CHECK(WEXITSTATUS(status) == 0);
}

TEST_CASE_METHOD(Kernel, "one worker and the most workers there may be") {
  auto options = Kernel::options();
  options.workers = GENERATE(1U, 2U, 3U, 64U);
  const auto table = installed({}, options);
  std::string chains = shell("nft -s list table inet sipward_queue").text;
  CHECK_THAT(chains, ContainsSubstring("chain worker_" + std::to_string(options.workers - 1) + " {"));
  CHECK_THAT(chains, !ContainsSubstring("chain worker_" + std::to_string(options.workers) + " {"));
  CHECK_THAT(chains, ContainsSubstring("chain peers {"));
}

}  // namespace
}  // namespace sipward::enforce
