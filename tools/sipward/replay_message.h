// One packet and its verdict, as a line and as JSON.
#pragma once

#include <nlohmann/json.hpp>
#include <string>

#include "output.h"
#include "replay_judge.h"
#include "sip/message.h"

namespace sipward::cli {

// "drop  signature  friendly-scanner": the verdict, why, and the rule if one is to blame. Not painted.
[[nodiscard]] std::string verdict_text(const Verdict& verdict);
[[nodiscard]] nlohmann::json verdict_json(const Verdict& verdict);

// `message` is what the packet carries; of a TCP segment the first message, if one begins with it.
[[nodiscard]] std::string message_line(const Output& out, const Sighting& sighting,
                                       const sip::Message& message, const Verdict& verdict);
[[nodiscard]] nlohmann::json message_json(const Sighting& sighting, const sip::Message& message,
                                          const Verdict& verdict);

// "192.0.2.9:5060", "[2001:db8::9]:5060"
[[nodiscard]] std::string endpoint(const Address& address, std::uint16_t port);
// The start line, made safe; for what has none, how many bytes there are.
[[nodiscard]] std::string summary(const Sighting& sighting, const sip::Message& message);

}  // namespace sipward::cli
