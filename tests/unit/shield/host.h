// An enforcer with a kernel and a database of its own.
#pragma once

#include "enforcer.h"
#include "support/catch.h"
#include "support/temporary_folder.h"
#include "unit/enforce/kernel.h"

namespace sipward::shield {

inline const enforce::Cause kScanner{"signature", "friendly-scanner", "auto:friendly-scanner", false};
inline const enforce::Cause kOperator{"no contract", "", "cli:root", true};
inline const enforce::Cause kProven{"signature", "friendly-scanner", "auto:friendly-scanner", true};

class Host : protected test::Kernel {
 public:
  [[nodiscard]] std::unique_ptr<Enforcer> enforcer(std::vector<store::WhitelistEntry> whitelist = {}) {
    auto options = Kernel::options();
    options.bans_max = 100;
    options.known_max = 3;
    return std::make_unique<Enforcer>(std::move(*Kernel::open(options)), std::move(whitelist), keeper_,
                                      counters_);
  }
  [[nodiscard]] metrics::Counters& counters() { return counters_; }
  [[nodiscard]] std::uint64_t events(metrics::Event event) { return counters_.event(event).get(); }
  [[nodiscard]] Keeper& keeper() { return keeper_; }

  // Hands requests over and waits until they are worked off; the enforcer can then be asked, but takes no
  // more.
  template <class Request>
  static void hand_over(Enforcer& enforcer, Channel<Request>& channel, const std::vector<Request>& requests) {
    for (const Request& request : requests) REQUIRE(channel.put(request));
    enforcer.start();
    enforcer.stop();
  }
  static void request(Enforcer& enforcer, const std::vector<BanRequest>& requests) {
    hand_over(enforcer, enforcer.requests(), requests);
  }
  static void learn(Enforcer& enforcer, const std::vector<KnownRequest>& requests) {
    hand_over(enforcer, enforcer.known_requests(), requests);
  }

  static store::BanRecord record(std::string_view text, std::optional<WallTime> expires) {
    return {test::net(text), "signature", "friendly-scanner", "auto:friendly-scanner", false,
            test::kNow,      expires};
  }
  static Now at(std::chrono::milliseconds time) {
    return {Instant(std::chrono::hours(1) + time), test::in(time)};
  }

 private:
  static std::unique_ptr<store::Store> open_store(const std::filesystem::path& path) {
    auto store = store::Store::open(path);
    if (!store) FAIL(store.error().text);
    return std::move(*store);
  }
  static metrics::Counters open_counters(const std::filesystem::path& path) {
    auto counters = metrics::Counters::open(path);
    if (!counters) FAIL(counters.error().text);
    return std::move(*counters);
  }

  test::TemporaryFolder folder_;
  metrics::Counters counters_ = open_counters(folder_ / "counters");
  Keeper keeper_{open_store(folder_ / "sipward.db"), counters_};
};

inline bool about_left(Enforcer& enforcer, std::string_view text, std::chrono::milliseconds expected) {
  const auto element = enforcer.in_kernel(test::address(text));
  return element && test::about(element->left, expected);
}

inline std::vector<BanRequest> proven_bans(std::initializer_list<std::string_view> hosts) {
  std::vector<BanRequest> requests;
  for (const std::string_view host : hosts) requests.push_back({test::address(host), kProven, {}});
  return requests;
}

}  // namespace sipward::shield
