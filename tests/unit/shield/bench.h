// A worker without its queue: packets made by hand, the rules that are shipped.
#pragma once

#include <fmt/format.h>

#include <atomic>
#include <memory>
#include <string>
#include <vector>

#include "match/rule_file.h"
#include "shield.h"
#include "support/catch.h"
#include "support/temporary_folder.h"
#include "unit/packet/packets.h"

namespace sipward::test {

// Compiled once: it takes longer than all the packets.
inline const std::shared_ptr<const match::Matcher>& shipped_rules() {
  static const std::shared_ptr<const match::Matcher> matcher = []() -> std::shared_ptr<const match::Matcher> {
    auto rules = match::load_rules(SIPWARD_SOURCE_DIR "/rules");
    if (!rules) FAIL(rules.error().text);
    auto made = match::make_hyperscan_matcher(std::move(*rules));
    if (!made) FAIL(made.error().text);
    return std::move(*made);
  }();
  return matcher;
}

inline Now at(std::chrono::milliseconds time) {
  return {Instant(std::chrono::hours(1) + time), WallTime(std::chrono::hours(480'000) + time)};
}
inline Now at(std::int64_t ms) {
  return at(std::chrono::milliseconds(ms));
}

struct Request {
  std::string method = "INVITE";
  std::string agent = "Yealink SIP-T46S 66.86.0.15";
  std::string branch = "z9hG4bK776asdhds";
  std::string uri = "sip:alice@example.com";
  std::string body{};
};

inline std::string text(const Request& request) {
  return fmt::format(
      "{} {} SIP/2.0\r\nVia: SIP/2.0/UDP 198.51.100.7:5061;branch={}\r\nMax-Forwards: 70\r\nFrom: "
      "<sip:bob@example.com>;tag=4f2c7d01\r\n"
      "To: <sip:alice@example.com>\r\nCall-ID: a84b4c76e66710@198.51.100.7\r\nCSeq: 314159 {}\r\nUser-Agent: "
      "{}\r\n"
      "Content-Length: {}\r\n\r\n{}",
      request.method, request.uri, request.branch, request.method, request.agent, request.body.size(),
      request.body);
}

inline const std::string kInvite = text({});
inline const std::string kScan = text({.agent = "friendly-scanner"});
inline std::string options(int number) {
  return text({.method = "OPTIONS", .branch = "z9hG4bK" + std::to_string(number)});
}

// For tests of something else: a source may send what it likes.
inline decide::Policy no_limits() {
  decide::Policy policy;
  policy.unknown_allowance = policy.known_allowance = {};
  policy.budget = policy.reply_budget = {};
  return policy;
}

// A worker without its queue.
class Bench {
 public:
  explicit Bench(decide::SourceClass source_class = decide::SourceClass::unknown,
                 std::shared_ptr<const match::Matcher> matcher = shipped_rules(),
                 decide::Policy policy = no_limits())
      : counters_(open(folder_ / "counters")),
        rules_(make_rules(std::move(matcher), std::move(policy))),
        shield_(common_, shield::RulesInHand(rules_), counters_.worker(0), source_class,
                limit::SourceTable::kBytesMin) {}

  shield::Outcome process(const Packet& packet, Now now = at(0), bool verified = false) {
    return shield_.accounts().with([&](limit::Accounts& accounts) {
      return shield_.process({.packet = packet, .verified = verified}, accounts, now);
    });
  }
  // Datagrams that the kernel made one.
  shield::Outcome train(std::string_view payload, Now now = at(0)) {
    const Packet packet = udp_packet(payload, "198.51.100.7");
    return shield_.accounts().with([&](limit::Accounts& accounts) {
      return shield_.process({.packet = packet, .merged = true}, accounts, now);
    });
  }
  // A copy of what the softswitch sends.
  std::vector<shield::Consequences> hear(const Packet& copy, Now now = at(0)) {
    std::vector<shield::Consequences> heard;
    shield_.accounts().with([&](limit::Accounts& accounts) {
      shield_.hear({.packet = copy}, accounts, now,
                   [&](shield::Consequences one) { heard.push_back(std::move(one)); });
    });
    return heard;
  }
  shield::Outcome udp(std::string_view payload, Now now = at(0), std::string_view source = "198.51.100.7") {
    return process(udp_packet(payload, source), now);
  }

  std::atomic<bool> observe = false;
  [[nodiscard]] metrics::Counters& counters() { return counters_; }
  [[nodiscard]] shield::Shield& shield() { return shield_; }
  [[nodiscard]] std::uint64_t by_reason(decide::Reason reason) const { return counters_.by_reason(reason); }
  [[nodiscard]] std::uint64_t read() const {
    std::uint64_t sum = 0;
    for (std::size_t i = 0; i < decide::kReasons; ++i) sum += by_reason(static_cast<decide::Reason>(i));
    return sum;
  }
  [[nodiscard]] limit::SourceReport source(std::string_view text) {
    return shield_.accounts().with([&](limit::Accounts& accounts) {
      auto found = accounts.sources.report(address(text));
      if (!found) FAIL(text << " is not known");
      return *found;
    });
  }

 private:
  static metrics::Counters open(const std::filesystem::path& path) {
    auto counters = metrics::Counters::open(path);
    if (!counters) FAIL(counters.error().text);
    return std::move(*counters);
  }
  std::shared_ptr<shield::RuleSet> make_rules(std::shared_ptr<const match::Matcher> matcher,
                                              decide::Policy policy) {
    auto made = std::make_shared<shield::RuleSet>();
    made->policy = std::move(policy);
    made->matcher = std::move(matcher);
    shield::give_counters(*made, counters_);
    return made;
  }

  TemporaryFolder folder_;
  metrics::Counters counters_;
  std::shared_ptr<shield::RuleSet> rules_;
  limit::Commons commons_;
  shield::Common common_{counters_, observe, commons_};
  shield::Shield shield_;
};

}  // namespace sipward::test
