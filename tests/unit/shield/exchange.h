// A client, and a softswitch that answers it.
#pragma once

#include <string_view>
#include <utility>

#include "bench.h"
#include "conversation.h"

namespace sipward::test {

inline constexpr const char* kSource = "198.51.100.7";

// A client and a softswitch that answers it.
class Exchange {
 public:
  explicit Exchange(decide::SourceClass source_class = decide::SourceClass::unknown) : bench(source_class) {}

  decide::Reason ask(const Ask& ask, Now now = at(0), std::string_view source = kSource) {
    asked = bench.process(udp_packet(ask.text(), source), now);
    return asked.reason;
  }
  // The first thing that follows from an answer.
  shield::Consequences answer(const Ask& ask, unsigned status, std::string_view more = "", Now now = at(0),
                              std::string_view source = kSource, std::string_view tag = "as5f3c") {
    auto heard = bench.hear(to_client(test::answer(ask, status, more, tag), source), now);
    return heard.empty() ? shield::Consequences{} : std::move(heard.front());
  }
  shield::Consequences both(const Ask& ask, unsigned status, std::string_view more = "", Now now = at(0),
                            std::string_view source = kSource) {
    (void)this->ask(ask, now, source);
    return answer(ask, status, more, now, source);
  }
  [[nodiscard]] std::uint64_t counted(metrics::Learning learning) {
    return bench.counters().learning(learning);
  }

  Bench bench;
  shield::Outcome asked;
};

// `n` attempts, each refused, with the nonce that the last answer gave, or with one that is made up. The last
// one's consequences.
inline shield::Consequences guess(Exchange& exchange, unsigned n, bool made_up = false,
                                  std::string_view source = kSource, std::string_view prefix = "n") {
  shield::Consequences last;
  for (unsigned i = 1; i <= n; ++i) {
    const Ask ask{
        .call = i, .cseq = 2, .user = "100", .nonce = made_up ? "x" : fmt::format("{}{}", prefix, i - 1)};
    last = exchange.both(ask, 401, challenge(fmt::format("{}{}", prefix, i)), at(0), source);
    if (last.ban || last.prefix_ban) return last;
  }
  return last;
}

}  // namespace sipward::test
