// What a disk can do to the file: not writable, full, slow.
#include <sys/resource.h>
#include <unistd.h>

#include <csignal>
#include <cstdlib>

#include "stores.h"

namespace sipward::store {
namespace {

// root may write anywhere: tests of permissions run as nobody.
class AsNobody {
 public:
  AsNobody() { REQUIRE((root_ ? seteuid(65534) : 0) == 0); }
  AsNobody(const AsNobody&) = delete;
  AsNobody& operator=(const AsNobody&) = delete;
  ~AsNobody() {
    if (root_ && seteuid(0) != 0) std::abort();
  }

 private:
  bool root_ = geteuid() == 0;
};

// No file may grow beyond `bytes`: what a full disk looks like to one process.
class FileSizeLimit {
 public:
  explicit FileSizeLimit(rlim_t bytes) : handler_(std::signal(SIGXFSZ, SIG_IGN)) {
    REQUIRE(getrlimit(RLIMIT_FSIZE, &before_) == 0);
    const rlimit limit{bytes, before_.rlim_max};
    REQUIRE(setrlimit(RLIMIT_FSIZE, &limit) == 0);
  }
  FileSizeLimit(const FileSizeLimit&) = delete;
  FileSizeLimit& operator=(const FileSizeLimit&) = delete;
  ~FileSizeLimit() {
    setrlimit(RLIMIT_FSIZE, &before_);
    std::signal(SIGXFSZ, handler_);
  }

 private:
  void (*handler_)(int);
  rlimit before_{};
};

}  // namespace

TEST_CASE("without permission to write, nothing is opened", "[store]") {
  const TemporaryFolder folder;
  const fs::path path = folder / "sipward.db";
  SECTION("a folder") {
    fs::permissions(folder.path(), fs::perms(0555));
    const AsNobody nobody;
    const Error error = refusal(path);
    CHECK(error.kind == ErrorKind::denied);
    CHECK_THAT(error.text, ContainsSubstring("Permission denied"));
  }
  SECTION("a file") {
    made_store(folder, 1);
    fs::permissions(path, fs::perms(0444));
    fs::permissions(folder.path(), fs::perms(0555));
    const std::string bytes = test::content(path);
    const AsNobody nobody;
    const Error error = refusal(path);
    CHECK(error.kind == ErrorKind::denied);
    CHECK(test::content(path) == bytes);
  }
  fs::permissions(folder.path(), fs::perms(0755));
}

TEST_CASE("a full disk loses nothing that was stored", "[store]") {
  const TemporaryFolder folder;
  const fs::path path = made_store(folder, 100);
  const auto store = Store::open(path);
  REQUIRE(store);
  Result<void> put;
  {
    const FileSizeLimit limit(256 * 1024);
    put = (*store)->put(numbered_bans(50000), {});
  }
  REQUIRE_FALSE(put);
  CHECK_THAT(put.error().text,
             ContainsSubstring("cannot store 50000 bans") && ContainsSubstring(path.string()));
  CHECK((*store)->bans(kNow)->size() == 100);
  // Room again: the same store goes on.
  REQUIRE((*store)->put(numbered_bans(50000), {}));
  CHECK((*store)->bans(kNow)->size() == 50000);
}

TEST_CASE("a new store on a full disk is an error, and the next start works", "[store]") {
  const TemporaryFolder folder;
  const fs::path path = folder / "sipward.db";
  {
    const FileSizeLimit limit(8192);
    refusal(path);
  }
  const auto store = Store::open(path);
  if (!store) FAIL(store.error().text);
  CHECK((*store)->bans(kNow)->empty());
}

// Measured by hand: `unit_store "[.speed]"`.
TEST_CASE("a million bans are stored and restored", "[.speed]") {
  const TemporaryFolder folder;
  const fs::path path = folder / "sipward.db";
  const auto bans = numbered_bans(1'000'000);
  const auto seconds_since = [](Instant begin) {
    return std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
  };
  Instant begin = std::chrono::steady_clock::now();
  REQUIRE(Store::open(path).value()->put(bans, {}));
  WARN("stored in " << seconds_since(begin) << " s");
  begin = std::chrono::steady_clock::now();
  const auto store = Store::open(path);
  REQUIRE(store);
  WARN("opened and checked in " << seconds_since(begin) << " s");
  begin = std::chrono::steady_clock::now();
  CHECK((*store)->bans(kNow)->size() == bans.size());
  WARN("restored in " << seconds_since(begin) << " s, file of " << fs::file_size(path) / 1000000 << " MB");
}

}  // namespace sipward::store
