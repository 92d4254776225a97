// The tables as a whole: made, taken over, refused, missed, taken down.
#include <sys/wait.h>
#include <unistd.h>

#include <set>

#include "enforce/nft_objects.h"
#include "kernel.h"

namespace sipward::enforce {
namespace {

using namespace sipward::test;  // NOLINT: the kernel's side
using std::chrono::hours;
using std::chrono::minutes;

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
  CHECK(names == std::set<std::string>{"offered", "trusted", "banned", "source_rate", "meter_full",
                                       "unknown_budget", "known_rate", "flows", "connection_rate",
                                       "connections", "encrypted", "observed_banned", "observed_guard",
                                       "observed_flows", "queued", "passed", "bypassed_no_daemon",
                                       "bypassed_queue_full", "answers_copied"});
}

TEST_CASE_METHOD(Kernel, "the listing explains itself") {
  const auto table = installed({.trusted = {entry("192.0.2.1")}, .peers = {}, .known = {}, .banned = {}});
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
           "limit rate over 100/second burst 300 packets } counter name \"source_rate\" drop comment \"one "
           "source\"",
           "limit rate over 10000/second burst 4000 packets counter name \"unknown_budget\" drop",
       })
    CHECK_THAT(listing, ContainsSubstring(line));
  CHECK(tables() == Texts{kTable, kQueueTable});
}

TEST_CASE_METHOD(Kernel, "the next run takes over the table, its bans and their ends") {
  std::uint64_t handle = 0;
  {
    const auto first = Kernel::open();
    handle = done(first->install({.trusted = {entry("192.0.2.0/24")},
                                  .peers = {},
                                  .known = {},
                                  .banned = {entry("10.0.0.0/8")}},
                                 kNow))
                 .handle;
    done(first->ban(Entries{entry("198.51.100.7", in(hours(1))), entry("198.51.100.8"),
                            entry("2001:db8::7", in(hours(2)))},
                    kNow));
  }
  CHECK(tables() == Texts{kTable});
  const auto second = Kernel::open();
  CHECK(done(second->banned()).size() == 3);  // also before it installs anything
  const auto adopted = done(second->install(
      {.trusted = {entry("203.0.113.0/24")}, .peers = {}, .known = {}, .banned = {}}, in(minutes(1))));
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
  nft("add table inet sipward; add chain inet sipward gate; add set inet sipward udp_ports { type ipv4_addr; "
      "}");
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

TEST_CASE_METHOD(Kernel, "a second daemon gets busy, is told who was first, and changes nothing") {
  const auto first = installed({.trusted = {entry("192.0.2.0/24")}, .peers = {}, .known = {}, .banned = {}});
  const std::string before = nft("list ruleset");
  const auto second = Kernel::open();
  const auto refused =
      second->install({.trusted = {entry("203.0.113.0/24")}, .peers = {}, .known = {}, .banned = {}}, kNow);
  REQUIRE_FALSE(refused.has_value());
  CHECK(refused.error().kind == ErrorKind::busy);
  CHECK_THAT(refused.error().text,
             ContainsSubstring("sipward_queue") && ContainsSubstring("another sipwardd is running"));
  CHECK(nft("list ruleset") == before);
  CHECK(done(second->present()) == done(first->present()));
  CHECK(done(first->install({}, kNow)).adopted);  // the first one may install again
}

TEST_CASE_METHOD(Kernel, "the first daemon is told by its process") {
  const auto first = installed();
  const auto refused = Kernel::open()->install({}, kNow);
  REQUIRE_FALSE(refused.has_value());
  // Netlink gives the first socket of a process its id as port; a test that ran before may have left it
  // taken.
  CHECK_THAT(refused.error().text, ContainsSubstring("process " + std::to_string(::getpid())) ||
                                       ContainsSubstring("netlink port "));
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

TEST_CASE_METHOD(Kernel, "ports, destinations and rates change in place, and nothing else does") {
  const auto table = installed({.trusted = {}, .peers = {}, .known = {}, .banned = {}});
  done(table->ban(Entries{entry("198.51.100.7", in(hours(1)))}, kNow));
  done(table->set_observe(true));
  const auto handle = done(table->present());
  nft("add element inet sipward meter4 { 203.0.113.9 limit rate over 100/second burst 300 packets }");

  auto wanted = Kernel::options();
  wanted.udp_ports = {5070};
  wanted.protected_nets = {net("192.0.2.0/24")};
  wanted.source_rate_per_s = 7;
  wanted.unknown_rate_per_s = 77;
  wanted.observe = false;
  wanted.workers = 9;
  done(table->change(wanted));
  const std::string listing = nft("list table inet sipward");
  CHECK_THAT(listing, ContainsSubstring("limit rate over 7/second"));
  CHECK_THAT(listing, ContainsSubstring("limit rate over 77/second"));
  CHECK_THAT(listing, ContainsSubstring("ip daddr @protected4"));
  CHECK_THAT(listing, !ContainsSubstring("\" drop"));
  CHECK_THAT(nft("list set inet sipward udp_ports"), ContainsSubstring("5070"));
  CHECK_FALSE(holds("udp_ports", "5060"));
  CHECK(holds("tcp_ports", "5061"));
  CHECK(holds("protected4", "192.0.2.1"));
  CHECK_FALSE(holds("meter4", "203.0.113.9"));
  CHECK(is_banned(*table, "198.51.100.7"));
  CHECK(done(table->present()) == handle);
}

TEST_CASE_METHOD(Kernel, "a change that the kernel refuses changes nothing") {
  const auto table = installed();
  nft("delete table inet sipward");
  auto wanted = Kernel::options();
  wanted.source_rate_per_s = 7;
  CHECK_FALSE(table->change(wanted));
  done(table->install({}, kNow));
  CHECK_THAT(nft("list table inet sipward"), ContainsSubstring("limit rate over 100/second"));
}

TEST_CASE_METHOD(Kernel, "standing down leaves bans and whitelist and takes the guard and the queues") {
  const auto table = installed(
      {.trusted = {entry("192.0.2.0/24")}, .peers = {}, .known = {}, .banned = {entry("10.0.0.0/8")}});
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
