// What the messages of PROTOCOL.md say, on both sides of the socket.
#pragma once

#include <nlohmann/json.hpp>
#include <string>
#include <string_view>

#include "base/result.h"

namespace sipward::control {

// No message of the protocol nests deeper than a handful; more could only be meant to exhaust a stack.
inline constexpr std::size_t kNestingMax = 32;

// "sipward.Invalid" and so on; `unreachable` cannot be told by a side that answers and is sent as
// "sipward.Failed".
[[nodiscard]] std::string_view error_name(ErrorKind kind);
// The kind of a name; `failed` for one that is not known.
[[nodiscard]] ErrorKind error_kind(std::string_view name);

// One JSON object; `invalid` for anything else, and for nesting deeper than kNestingMax. Never throws.
[[nodiscard]] Result<nlohmann::json> parse_message(std::string_view text);

// The message's bytes, the NUL included. Invalid UTF-8 in strings becomes U+FFFD.
[[nodiscard]] std::string frame(const nlohmann::json& message);

// {"error": …, "parameters": {"text": …}}
[[nodiscard]] nlohmann::json error_reply(const Error& error);

}  // namespace sipward::control
