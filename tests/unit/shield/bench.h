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

// A worker without its queue.
class Bench {
 public:
  explicit Bench(decide::SourceClass source_class = decide::SourceClass::unknown,
                 std::shared_ptr<const match::Matcher> matcher = shipped_rules())
      : counters_(open(folder_ / "counters")),
        rules_(make_rules(std::move(matcher))),
        shield_(common_, shield::RulesInHand(rules_), counters_.worker(0), source_class, 64) {}

  shield::Outcome process(const Packet& packet, Now now = at(0), bool verified = false) {
    return shield_.sources().with([&](limit::SourceTable& sources) {
      return shield_.process({.packet = packet, .verified = verified}, sources, now);
    });
  }
  // Datagrams that the kernel made one.
  shield::Outcome train(std::string_view payload, Now now = at(0)) {
    const Packet packet = udp_packet(payload, "198.51.100.7");
    return shield_.sources().with([&](limit::SourceTable& sources) {
      return shield_.process({.packet = packet, .merged = true}, sources, now);
    });
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
  [[nodiscard]] limit::Source source(std::string_view text) {
    return shield_.sources().with([&](limit::SourceTable& sources) {
      const limit::Source* found = sources.find(address(text));
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
  std::shared_ptr<shield::RuleSet> make_rules(std::shared_ptr<const match::Matcher> matcher) {
    auto made = std::make_shared<shield::RuleSet>();
    made->matcher = std::move(matcher);
    made->counters = shield::rule_counters(*made->matcher, counters_);
    return made;
  }

  TemporaryFolder folder_;
  metrics::Counters counters_;
  std::shared_ptr<shield::RuleSet> rules_;
  shield::Common common_{counters_, observe};
  shield::Shield shield_;
};

}  // namespace sipward::test
