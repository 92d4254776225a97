#include "metrics/counters.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <set>
#include <thread>
#include <vector>

#include "support/catch.h"
#include "support/temporary_folder.h"

namespace sipward::metrics {
namespace {

using decide::Reason;

WallTime at(std::int64_t ms) {
  return WallTime(std::chrono::milliseconds(ms));
}

Counters open(const std::filesystem::path& path) {
  auto counters = Counters::open(path);
  if (!counters) FAIL(counters.error().text);
  return std::move(*counters);
}

Counter& reason_of(Counters& counters, std::size_t worker, Reason reason) {
  return counters.worker(worker).by_reason[static_cast<std::size_t>(reason)];
}

RuleLease lease(Counters& counters, const std::vector<std::string>& ids) {
  return counters.lease(ids);
}

struct Fixture {
  test::TemporaryFolder folder;
  std::filesystem::path path = folder / "counters";
};

TEST_CASE_METHOD(Fixture, "a new file starts at zero and only owner and group read it") {
  const auto old_mask = ::umask(0);
  Counters counters = open(path);
  ::umask(old_mask);
  struct stat status {};
  REQUIRE(::stat(path.c_str(), &status) == 0);
  CHECK((status.st_mode & 07777U) == 0640U);
  for (std::size_t i = 0; i < decide::kReasons; ++i) CHECK(counters.by_reason(static_cast<Reason>(i)) == 0);
  CHECK(counters.dropped() == 0);
  CHECK(counters.event(Event::bans_added).get() == 0);
}

TEST_CASE_METHOD(Fixture, "counts go on after the file was closed") {
  {
    Counters counters = open(path);
    CHECK_FALSE(counters.attach(7, at(1000)));
    reason_of(counters, 3, Reason::method).add(5);
    counters.event(Event::bans_added).add(2);
    lease(counters, {"friendly-scanner"}).counters()[0]->hits.add(9);
  }
  Counters counters = open(path);
  CHECK(counters.attach(7, at(2000)));
  CHECK(counters.by_reason(Reason::method) == 5);
  CHECK(counters.event(Event::bans_added).get() == 2);
  CHECK(counters.rule("friendly-scanner")->hits.get() == 9);
  CHECK(counters.since() == at(1000));
}

TEST_CASE_METHOD(Fixture, "a killed process loses no count") {
  const pid_t child = ::fork();
  REQUIRE(child >= 0);
  if (child == 0) {
    auto counters = Counters::open(path);
    if (!counters) ::_exit(1);
    counters->attach(7, at(1000));
    for (int i = 0; i < 1000; ++i) reason_of(*counters, 0, Reason::request).add();
    lease(*counters, {"r"}).counters()[0]->last_hit_ms.set(4711);
    ::kill(::getpid(), SIGKILL);
    ::_exit(2);
  }
  int status = 0;
  REQUIRE(::waitpid(child, &status, 0) == child);
  REQUIRE(WIFSIGNALED(status));
  Counters counters = open(path);
  CHECK(counters.attach(7, at(2000)));
  CHECK(counters.by_reason(Reason::request) == 1000);
  CHECK(counters.rule("r")->last_hit_ms.get() == 4711);
}

TEST_CASE_METHOD(Fixture, "another kernel table starts the counts anew, and leases stay good") {
  Counters counters = open(path);
  counters.attach(7, at(1000));
  const RuleLease held = lease(counters, {"r"});
  RuleCounter* rule = held.counters()[0];
  rule->hits.add(3);
  rule->last_hit_ms.set(5);
  reason_of(counters, 0, Reason::request).add();
  reason_of(counters, kWorkersMax - 1, Reason::method).add();
  counters.worker(1).truncated.add();
  counters.event(Event::lost_in_queue).add();
  CHECK_FALSE(counters.attach(8, at(2000)));
  CHECK(counters.by_reason(Reason::request) == 0);
  CHECK(counters.by_reason(Reason::method) == 0);
  CHECK(counters.worker(1).truncated.get() == 0);
  CHECK(counters.event(Event::lost_in_queue).get() == 0);
  CHECK(rule->hits.get() == 0);
  CHECK(rule->last_hit_ms.get() == 0);
  CHECK(counters.rule("r") == rule);
  CHECK(counters.since() == at(2000));
  reason_of(counters, 0, Reason::request).add();
  CHECK(counters.attach(8, at(3000)));
  CHECK(counters.by_reason(Reason::request) == 1);
  CHECK(counters.since() == at(2000));
}

TEST_CASE_METHOD(Fixture, "a table whose handle is 0 is a table too") {
  Counters counters = open(path);
  CHECK_FALSE(counters.attach(0, at(1000)));
  reason_of(counters, 0, Reason::request).add();
  CHECK(counters.attach(0, at(2000)));
  CHECK(counters.by_reason(Reason::request) == 1);
}

// Writes 8 bytes over the file's own; 0 is the magic number's place, 8 the layout's.
void overwrite(const std::filesystem::path& path, off_t offset, std::uint64_t value) {
  const int fd = ::open(path.c_str(), O_RDWR);
  REQUIRE(fd >= 0);
  REQUIRE(::pwrite(fd, &value, sizeof value, offset) == sizeof value);
  ::close(fd);
}

TEST_CASE_METHOD(Fixture, "what does not fit this layout starts at zero") {
  const auto offset = GENERATE(off_t{0}, off_t{8});
  {
    Counters counters = open(path);
    counters.attach(7, at(1000));
    reason_of(counters, 0, Reason::request).add(5);
    lease(counters, {"gone"}).counters()[0]->hits.add();
  }
  overwrite(path, offset, 4711);
  Counters counters = open(path);
  CHECK(counters.by_reason(Reason::request) == 0);
  CHECK_FALSE(counters.attach(7, at(2000)));
  CHECK(counters.rule("gone") == nullptr);
}

TEST_CASE_METHOD(Fixture, "files of another size") {
  const std::string before =
      GENERATE(as<std::string>(), "", "short", std::string(sizeof(SharedCounters) + 4096, 'x'));
  test::write(path, before);
  Counters counters = open(path);
  CHECK(counters.by_reason(Reason::request) == 0);
  reason_of(counters, kWorkersMax - 1, Reason::request).add();  // the last page is there
  CHECK(counters.by_reason(Reason::request) == 1);
  CHECK(std::filesystem::file_size(path) == sizeof(SharedCounters));
}

TEST_CASE_METHOD(Fixture, "a path that cannot be opened is named, a link is not followed") {
  const auto missing = Counters::open(folder / "no/counters");
  REQUIRE_FALSE(missing.has_value());
  CHECK(missing.error().kind == ErrorKind::not_found);
  CHECK_THAT(missing.error().text, ContainsSubstring((folder / "no/counters").string()));
  test::write(folder / "victim", "precious");
  std::filesystem::create_symlink(folder / "victim", path);
  CHECK_FALSE(Counters::open(path).has_value());
  CHECK(test::content(folder / "victim") == "precious");
}

TEST_CASE_METHOD(Fixture, "sums go over all workers") {
  Counters counters = open(path);
  for (std::size_t worker = 0; worker < kWorkersMax; ++worker) {
    reason_of(counters, worker, Reason::signature).add(worker);
    counters.worker(worker).would_drop[static_cast<std::size_t>(Reason::method)].add(2 * worker);
    counters.worker(worker).method_read[5].add(3 * worker);
    counters.worker(worker).method_dropped[14].add(4 * worker);
    counters.worker(worker).verdict_errors.add(5 * worker);
  }
  const std::uint64_t sum = kWorkersMax * (kWorkersMax - 1) / 2;
  CHECK(counters.by_reason(Reason::signature) == sum);
  CHECK(counters.by_reason(Reason::method) == 0);
  CHECK(counters.would_drop(Reason::method) == 2 * sum);
  CHECK(counters.would_drop(Reason::signature) == 0);
  CHECK(counters.method_read(5) == 3 * sum);
  CHECK(counters.method_dropped(14) == 4 * sum);
  CHECK(counters.verdict_errors() == 5 * sum);
}

TEST_CASE_METHOD(Fixture, "dropped is the sum of the reasons to drop") {
  Counters counters = open(path);
  for (std::size_t i = 0; i < decide::kReasons; ++i)
    counters.worker(0).by_reason[i].add(std::uint64_t{1} << i);
  std::uint64_t expected = 0;
  for (const Reason r : {Reason::signature, Reason::score, Reason::method, Reason::not_sip, Reason::malformed,
                         Reason::tcp_stream, Reason::flood, Reason::rate, Reason::rate_prefix, Reason::excess,
                         Reason::flows, Reason::open, Reason::budget, Reason::credentials, Reason::banned,
                         Reason::unknown})
    expected += std::uint64_t{1} << static_cast<std::size_t>(r);
  CHECK(counters.dropped() == expected);
}

TEST_CASE("methods have an index each, strange ones share the last") {
  std::set<std::size_t> indexes;
  for (const std::string_view method : kMethods) indexes.insert(method_index(method));
  CHECK(indexes.size() == kMethods.size());
  CHECK(method_index("INVITE") == 0);
  CHECK(kMethods[method_index("OPTIONS")] == "OPTIONS");
  for (const std::string_view method : {"", "invite", "INVITEX", "INV", "FROB", "other"})
    CHECK(kMethods[method_index(method)] == "other");
}

TEST_CASE("every event has a name of its own") {
  std::set<std::string_view> names;
  for (std::size_t i = 0; i < static_cast<std::size_t>(Event::count_); ++i)
    names.insert(to_string(static_cast<Event>(i)));
  CHECK(names.size() == static_cast<std::size_t>(Event::count_));
  CHECK_FALSE(names.contains(""));
  CHECK(to_string(Event::bans_added) == "bans_added");
  CHECK(to_string(Event::lost_with_daemon) == "lost_with_daemon");
  CHECK(to_string(Event::lost_in_queue) == "lost_in_queue");
}

TEST_CASE_METHOD(Fixture, "shared counters take many writers") {
  Counters counters = open(path);
  SharedCounter& event = counters.event(Event::bans_added);
  const auto add = [&] {
    for (int i = 0; i < 20'000; ++i) event.add();
  };
  std::thread one(add);
  std::thread other(add);
  one.join();
  other.join();
  CHECK(event.get() == 40'000);
}

TEST_CASE("counters in memory alone begin at zero and count") {
  auto counters = Counters::in_memory();
  REQUIRE(counters.has_value());
  CHECK(counters->by_reason(decide::Reason::signature) == 0);
  counters->worker(kWorkersMax - 1).by_reason[static_cast<std::size_t>(decide::Reason::signature)].add();
  CHECK(counters->by_reason(decide::Reason::signature) == 1);
  const RuleLease held = lease(*counters, {"one"});
  held.counters()[0]->hits.add(2);
  CHECK(counters->rule("one")->hits.get() == 2);
  CHECK(Counters::in_memory()->rule("one") == nullptr);
}

TEST_CASE("a worker's counters share no cache line with another's") {
  CHECK(sizeof(WorkerCounters) % 64 == 0);
}

}  // namespace
}  // namespace sipward::metrics
