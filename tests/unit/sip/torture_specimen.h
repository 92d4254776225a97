// The messages in tests/unit/sip/torture, and what is read of one as text.
#pragma once

#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

#include "sip/message.h"

namespace sipward::test {

// tests/unit/sip/torture
[[nodiscard]] std::filesystem::path torture_folder();
// The bytes of NAME.dat there ("rfc4475/wsinv"). Fails the test if there is none.
[[nodiscard]] std::string specimen(const std::string& name);
// All of them.
[[nodiscard]] std::vector<std::string> specimen_names();

[[nodiscard]] std::string repeated(int count, const std::string& text);

// The value of the first header of that name; "" if there is none.
[[nodiscard]] std::string_view value_of(const sip::Message& message, sip::HeaderName name);

// What the shield reads of `bytes`, a line for each: kind, defects, start line, From, To, Call-ID, CSeq, the
// topmost Via, Content-Length and size of the body. "-" is what is not there.
[[nodiscard]] std::string reading_of(const std::string& bytes);

}  // namespace sipward::test
