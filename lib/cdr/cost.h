// What calls cost, and what the ended zombies would have cost: exact, in integers.
#pragma once

#include <chrono>
#include <cstdint>
#include <string>
#include <string_view>

#include "base/result.h"
#include "cdr/record.h"

namespace sipward::cdr {

// Of some currency per minute.
struct Rate {
  std::int64_t units = 0;   // 0 to 1,000,000
  std::int64_t micros = 0;  // and millionths, 0 to 999,999
  friend bool operator==(const Rate&, const Rate&) = default;
};
// "0.0125", "1", "25000": at most six decimals, at most 1,000,000. No sign, no exponent, no comma.
[[nodiscard]] Result<Rate> read_rate(std::string_view text);

// A call costs `first`, and `next` for each that begins after it. Both more than 0 s.
struct Increments {
  std::chrono::seconds first{60};
  std::chrono::seconds next{60};
  friend bool operator==(const Increments&, const Increments&) = default;
};
// "60/60", "30/6", "1/1": seconds, 1 to 3600 each.
[[nodiscard]] Result<Increments> read_increments(std::string_view text);

// The seconds that are paid for; nothing is paid for 0 s or less.
[[nodiscard]] std::chrono::seconds billed(std::chrono::seconds talked, const Increments& increments);

struct Money {
  std::int64_t units = 0;
  std::int64_t rest = 0;  // in sixtieths of a millionth, 0 to 59,999,999: what a second at a Rate comes to
  friend bool operator==(const Money&, const Money&) = default;
};
// `billed` may be the sum of many calls, up to 10^12 s. Below 0 it is 0.
[[nodiscard]] Money cost_of(std::chrono::seconds billed, const Rate& rate);
// "90.00": with 0 to 6 decimals, rounded half up.
[[nodiscard]] std::string to_text(const Money& money, unsigned decimals);

// How long a call that nobody ends would last: most switches give up after a day.
inline constexpr std::chrono::seconds kZombieLifetime = std::chrono::hours(24);

// What Sipward's BYE saved, in seconds to be paid: a call that it ended at a limit, without ACK or half
// released would have lasted for `lifetime`. 0 for every other call.
[[nodiscard]] std::chrono::seconds saved(const CallRecord& record, const Increments& increments,
                                         std::chrono::seconds lifetime = kZombieLifetime);

}  // namespace sipward::cdr
