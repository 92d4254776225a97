#include "base/channel.h"

#include <memory>
#include <numeric>
#include <thread>

#include "base/guarded.h"
#include "support/catch.h"

namespace sipward {
namespace {

using std::chrono::milliseconds;
constexpr milliseconds kNoWait{0};
constexpr milliseconds kLong{60'000};

TEST_CASE("a channel takes its capacity and not one more") {
  Channel<int> channel(3);
  CHECK(channel.put(1));
  CHECK(channel.put(2));
  CHECK(channel.put(3));
  CHECK_FALSE(channel.put(4));
  CHECK(channel.take_all(kNoWait) == std::vector{1, 2, 3});
  CHECK(channel.put(5));
  CHECK(channel.take_all(kNoWait) == std::vector{5});
}

TEST_CASE("a channel without capacity takes nothing") {
  Channel<int> channel(0);
  CHECK_FALSE(channel.put(1));
}

TEST_CASE("an empty channel gives nothing when the time is over") {
  Channel<int> channel(1);
  CHECK(channel.take_all(kNoWait).empty());
  CHECK(channel.take_all(milliseconds(1)).empty());
  CHECK_FALSE(channel.is_drained());
}

TEST_CASE("a closed channel takes nothing more and gives what is left") {
  Channel<int> channel(3);
  REQUIRE(channel.put(1));
  channel.close();
  CHECK_FALSE(channel.put(2));
  CHECK_FALSE(channel.is_drained());
  CHECK(channel.take_all(kLong) == std::vector{1});
  CHECK(channel.is_drained());
  CHECK(channel.take_all(kLong).empty());  // at once
}

TEST_CASE("a channel carries what can only be moved") {
  Channel<std::unique_ptr<int>> channel(1);
  REQUIRE(channel.put(std::make_unique<int>(7)));
  const auto taken = channel.take_all(kNoWait);
  REQUIRE(taken.size() == 1);
  CHECK(*taken[0] == 7);
}

TEST_CASE("put wakes the waiting reader") {
  Channel<int> channel(1);
  std::vector<int> taken;
  std::thread reader([&] { taken = channel.take_all(kLong); });
  CHECK(channel.put(1));
  reader.join();
  CHECK(taken == std::vector{1});
}

TEST_CASE("close wakes the waiting reader") {
  Channel<int> channel(1);
  std::thread reader([&] { (void)channel.take_all(kLong); });
  channel.close();
  reader.join();
  CHECK(channel.is_drained());
}

TEST_CASE("two writers and a reader lose nothing that was taken, each in order") {
  constexpr int kCount = 20'000;
  Channel<int> channel(64);
  int refused[2] = {0, 0};
  const auto write = [&](int who) {
    for (int i = 0; i < kCount; ++i)
      if (!channel.put(i * 2 + who)) ++refused[who];
  };
  std::vector<int> all;
  std::thread reader([&] {
    while (!channel.is_drained())
      for (const int value : channel.take_all(milliseconds(10))) all.push_back(value);
  });
  std::thread first(write, 0);
  std::thread second(write, 1);
  first.join();
  second.join();
  channel.close();
  reader.join();
  CHECK(all.size() == static_cast<std::size_t>(2 * kCount - refused[0] - refused[1]));
  int last[2] = {-1, -1};
  for (const int value : all) {
    REQUIRE(value / 2 > last[value % 2]);
    last[value % 2] = value / 2;
  }
}

TEST_CASE("waiting for the end takes nothing, and ends with it") {
  Channel<int> channel(4);
  CHECK(channel.put(1));
  CHECK_FALSE(channel.wait_closed(milliseconds(0)));
  std::thread closer([&] { channel.close(); });
  while (!channel.wait_closed(milliseconds(1))) continue;
  closer.join();
  CHECK(channel.wait_closed(milliseconds(0)));
  CHECK(channel.take_all(milliseconds(0)) == std::vector{1});
}

TEST_CASE("guarded data is changed by one thread at a time") {
  Guarded<int> number(5);
  const auto add = [&] {
    for (int i = 0; i < 10'000; ++i) number.with([](int& n) { ++n; });
  };
  std::thread one(add);
  std::thread other(add);
  one.join();
  other.join();
  CHECK(number.with([](int& n) { return n; }) == 20'005);
}

TEST_CASE("the result of with is what the function returns, references included") {
  Guarded<std::vector<int>> data(std::vector{1, 2});
  const int& first = data.with([](std::vector<int>& v) -> int& { return v[0]; });
  data.with([](std::vector<int>& v) { v[0] = 9; });
  CHECK(first == 9);
}

}  // namespace
}  // namespace sipward
