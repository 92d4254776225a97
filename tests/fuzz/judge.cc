// Whole packets through Shield::process with the rules that are shipped, as a worker's thread would see them.
#include <atomic>
#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include <unistd.h>

#include "fuzz/properties.h"
#include "fuzz/steps.h"
#include "match/rule_file.h"
#include "shield.h"

using namespace sipward;
using namespace sipward::fuzz;

namespace {

// Between two packets of an input; in the dictionary.
constexpr std::string_view kNext = "\xfe\xff\xfe";

constexpr unsigned char kUnknown = 0;
constexpr unsigned char kPeer = 1;

// The first byte of each packet: who sends it or, with all of `peer`, `cut` and `merged`, that the softswitch
// does to the unknown source; in which mode, and what follows.
struct How {
  explicit How(unsigned char flags)
      : peer((flags & kPeer) != 0),
        verified((flags & 2U) != 0),
        observe((flags & 4U) != 0),
        udp((flags & 8U) != 0),
        tcp((flags & 16U) != 0),
        cut((flags & 32U) != 0),
        merged((flags & 64U) != 0),
        answer(peer && cut && merged) {}
  bool peer;
  bool verified;
  bool observe;
  bool udp;  // a datagram's payload follows
  bool tcp;  // the next bytes of a connection follow; neither: a packet with its IP header
  bool cut;
  bool merged;
  bool answer;
};

struct Rules {
  metrics::Counters counters = open_counters();
  std::shared_ptr<const shield::RuleSet> set = shipped();

 private:
  static metrics::Counters open_counters() {
    const auto path =
        std::filesystem::temp_directory_path() / ("sipward-fuzz-counters-" + std::to_string(getpid()));
    auto counters = metrics::Counters::open(path);
    must(counters.has_value(), "the counters can be mapped:", counters ? "" : counters.error().text);
    std::filesystem::remove(path);
    return std::move(*counters);
  }
  std::shared_ptr<const shield::RuleSet> shipped() {
    auto rules = match::load_rules(SIPWARD_SOURCE_DIR "/rules");
    must(rules.has_value(), "the shipped rules can be read:", rules ? "" : rules.error().text);
    auto matcher = match::make_hyperscan_matcher(std::move(*rules));
    must(matcher.has_value(), "the shipped rules can be compiled:", matcher ? "" : matcher.error().text);
    auto made = std::make_shared<shield::RuleSet>();
    made->matcher = std::move(*matcher);
    shield::give_counters(*made, counters);
    return made;
  }
};

Rules& rules() {
  static Rules shipped;
  return shipped;
}

// A worker for each class, without its queue. New for each input, so that an input alone reproduces what it
// found.
class Bench {
 public:
  void judge(How how, std::span<const std::byte> packet) {
    observe_ = how.observe;
    how.answer ? hear(packet) : process(how, packet);
  }

  // The packet of one part of an input.
  std::string packet_of(How how, std::string_view bytes) {
    if (how.answer && (how.udp || how.tcp))
      return how.udp ? ip(17, ports() + two(8 + bytes.size()) + two(0), bytes, kServer, kClient)
                     : ip(6, segment(1, 0x18), bytes, kServer, kClient);
    if (how.udp) return ip(17, ports() + two(8 + bytes.size()) + two(0), bytes);
    if (!how.tcp) return std::string(bytes);
    const std::uint32_t sequence = sequence_;
    sequence_ += static_cast<std::uint32_t>(bytes.size());
    waiting_ += bytes.size();
    return ip(6, segment(sequence, 0x18), bytes);
  }
  [[nodiscard]] static std::string syn() { return ip(6, segment(0, 0x02), ""); }

 private:
  // The timers turn by seconds, two hours of them at most however long nothing came.
  static constexpr std::size_t kTimers = 100;
  static constexpr std::string_view kClient{"\xc6\x33\x64\x07", 4};  // 198.51.100.7
  static constexpr std::string_view kServer{"\xc0\x00\x02\x01", 4};  // 192.0.2.1

  void process(How how, std::span<const std::byte> packet) {
    const std::uint64_t counted = read();
    shield::Outcome outcome;
    const Steps steps;
    shield::Shield& shield = how.peer ? peer_ : unknown_;
    shield.accounts().with([&](limit::Accounts& accounts) {
      outcome = shield.process({packet, how.verified, how.cut, how.merged}, accounts, next_moment());
    });
    steps.must_be_linear(packet.size() + waiting_ + kTimers, 100);
    must(read() == counted + 1, "every packet is counted once");
    check(how, outcome);
  }

  // A copy of what the softswitch sends to the unknown source.
  void hear(std::span<const std::byte> copy) {
    const Now now = next_moment();
    const Steps steps;
    unknown_.accounts().with([&](limit::Accounts& accounts) {
      unknown_.hear({.packet = copy}, accounts, now, [&](const shield::Consequences& found) {
        heard_ = true;
        must(!(observe_ && (found.ban || found.prefix_ban)), "observe mode bans nobody");
        must(!found.reset, "no answer ends a connection");
        must(!(found.ban && found.known), "nobody is banned for what makes him known");
        if (found.evidence) check(*found.evidence);
      });
    });
    steps.must_be_linear(copy.size() + kTimers, 300);
  }

  static std::string two(std::size_t n) {
    return {static_cast<char>(n >> 8U & 0xffU), static_cast<char>(n & 0xffU)};
  }
  static std::string ports() { return two(5061) + two(5060); }
  static std::string segment(std::uint32_t sequence, char flags) {
    return ports() + two(sequence >> 16U) + two(sequence & 0xffffU) + two(0) + two(1) + "\x50" + flags +
           std::string(6, '\0');
  }
  static std::string ip(char protocol, const std::string& header, std::string_view payload,
                        std::string_view from = kClient, std::string_view to = kServer) {
    return std::string("\x45\0", 2) + two(20 + header.size() + payload.size()) +
           std::string("\0\0\0\0\x40", 5) + protocol + std::string(2, '\0') + std::string(from) +
           std::string(to) + header + std::string(payload);
  }

  [[nodiscard]] static std::uint64_t read() {
    std::uint64_t sum = 0;
    for (std::size_t i = 0; i < decide::kReasons; ++i)
      sum += rules().counters.by_reason(static_cast<decide::Reason>(i));
    return sum;
  }

  Now next_moment() {
    passed_ += std::chrono::milliseconds(500);
    return {Instant(std::chrono::hours(1) + passed_), WallTime(std::chrono::hours(480'000) + passed_)};
  }

  void check(How how, const shield::Outcome& outcome) const {
    const bool drop = decide::is_drop(outcome.reason);
    must(!(how.observe && drop), "observe mode drops nothing");
    must(outcome.would_drop.has_value() == (outcome.reason == decide::Reason::observed),
         "what is observed has its reason");
    const auto& [ban, prefix_ban, known, reset, evidence] = outcome.consequences;
    must(!known || heard_, "nobody is known without an answer of the softswitch");
    must(!prefix_ban, "no prefix is banned for a packet");
    must(!(ban || reset) || drop, "only what is dropped has its source banned or its connection ended");
    must(!(ban && how.peer), "a peer is never banned");
    must(!ban || ban->duration > std::chrono::milliseconds(0), "a ban lasts");
    if (evidence) check(*evidence);
  }

  static void check(const store::EvidenceRecord& evidence) {
    must(evidence.excerpt.size() <= store::kExcerptMax, "an excerpt is bounded");
    must(evidence.value.size() <= store::kExcerptMax, "a value is bounded");
    must(evidence.match_begin <= evidence.match_end && evidence.match_end <= evidence.value.size(),
         "the match lies inside the value");
  }

  std::atomic<bool> observe_ = false;
  limit::Commons commons_;
  shield::Common common_{rules().counters, observe_, commons_};
  shield::Shield unknown_{common_, shield::RulesInHand(rules().set), rules().counters.worker(0),
                          decide::SourceClass::unknown, limit::SourceTable::kBytesMin};
  shield::Shield peer_{common_, shield::RulesInHand(rules().set), rules().counters.worker(1),
                       decide::SourceClass::peer, limit::SourceTable::kBytesMin};
  std::chrono::milliseconds passed_{0};
  bool heard_ = false;
  std::uint32_t sequence_ = 1;
  std::size_t waiting_ = 0;  // bytes of the connection that an earlier packet brought
};

void judge_one(Bench& bench, std::string_view one) {
  constexpr std::size_t kPayloadMax = 65000;
  if (one.empty()) return;
  const How how(static_cast<unsigned char>(one.front()));
  const std::string made = bench.packet_of(how, one.substr(1, kPayloadMax));
  // Of exactly this size, so that a read behind its end is seen.
  const std::vector<char> exact(made.begin(), made.end());
  bench.judge(how, std::as_bytes(std::span(exact)));
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  Bench bench;
  const std::string syn = Bench::syn();
  bench.judge(How(kUnknown), std::as_bytes(std::span(syn)));
  bench.judge(How(kPeer), std::as_bytes(std::span(syn)));
  std::string_view rest = text_of(data, size);
  while (!rest.empty()) {
    const std::size_t end = std::min(rest.find(kNext), rest.size());
    judge_one(bench, rest.substr(0, end));
    rest.remove_prefix(std::min(end + kNext.size(), rest.size()));
  }
  return 0;
}
