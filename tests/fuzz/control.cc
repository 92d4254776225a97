// The control socket: bytes in arbitrary chunks to messages, messages to JSON and back.
#include <string>
#include <vector>

#include "control/framing.h"
#include "control/message.h"
#include "fuzz/properties.h"
#include "fuzz/steps.h"

using namespace sipward;
using namespace sipward::fuzz;

namespace {

constexpr std::size_t kSizeMax = 512;

// The messages of a stream and whether it was refused, by the definition.
struct Expected {
  std::vector<std::string> messages;
  bool refused = false;
};

Expected expected(std::string_view stream) {
  Expected all;
  while (!stream.empty()) {
    const std::size_t end = stream.find('\0');
    if (std::min(end, stream.size()) > kSizeMax) {
      all.refused = true;
      return all;
    }
    if (end == std::string_view::npos) return all;
    all.messages.emplace_back(stream.substr(0, end));
    stream.remove_prefix(end + 1);
  }
  return all;
}

void check_message(const std::string& text) {
  const auto message = control::parse_message(text);
  if (!message) {
    must(message.error().kind == ErrorKind::invalid, "what is no message is invalid");
    must(message.error().text.find('\n') == std::string::npos, "an error is one line");
    return;
  }
  must(message->is_object(), "a message is an object");
  const std::string framed = control::frame(*message);
  must(framed.find('\0') == framed.size() - 1, "a frame has one NUL, at its end");
  const auto again = control::parse_message(std::string_view(framed).substr(0, framed.size() - 1));
  must(again.has_value(), "what is framed is a message:", framed);
  must(control::frame(*again) == framed, "a message frames the same after reading it back");
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  Chunks chunks(text_of(data, size));
  const Expected right = expected(chunks.stream());
  control::Unframer unframer(kSizeMax);
  std::vector<std::string> messages;
  bool refused = false;
  const Steps steps;
  for (auto chunk = chunks.next(); !chunk.empty() && !refused; chunk = chunks.next()) {
    refused = !unframer.feed(chunk).has_value();
    if (refused) break;
    while (auto message = unframer.next()) messages.push_back(std::move(*message));
  }
  steps.must_be_linear(size, 60);
  must(refused == right.refused, "a message that is too long is refused, and no other");
  must(messages.size() <= right.messages.size(), "no message that is not there");
  must(refused || messages.size() == right.messages.size(), "every message");
  for (std::size_t i = 0; i < messages.size(); ++i)
    must(messages[i] == right.messages[i], "the messages as they were sent");
  for (const std::string& message : messages) check_message(message);
  return 0;
}
