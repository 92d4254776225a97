// The parts of a message that conditions look at, as plain values.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "match/rule.h"
#include "sip/message.h"

namespace sipward::match {

// A value found in a message. `target` is the number that Targets::add gave its scope.
struct Subject {
  std::uint32_t target = 0;
  std::string_view value;  // never empty: no pattern matches an empty value
};

// The scopes that a set of conditions looks at, each one once and numbered from 0. Filled at load, then only
// read.
class Targets {
 public:
  // The number of the condition's scope (and header name, in any letter case or compact form).
  std::uint32_t add(const Condition& condition);

 private:
  friend class SubjectReader;
  static constexpr std::uint32_t kNone = UINT32_MAX;
  struct Custom {
    std::string name;
    std::uint32_t target;
  };

  std::uint32_t number(std::uint32_t& slot) { return slot == kNone ? slot = count_++ : slot; }

  std::uint32_t count_ = 0;
  std::uint32_t start_line_ = kNone;
  std::uint32_t method_ = kNone;
  std::uint32_t request_uri_ = kNone;
  std::uint32_t request_uri_user_ = kNone;
  std::uint32_t from_tag_ = kNone;
  std::uint32_t from_display_ = kNone;
  std::vector<std::uint32_t> by_name_ =
      std::vector<std::uint32_t>(static_cast<std::size_t>(sip::HeaderName::count_), kNone);
  std::vector<Custom> custom_;  // headers that sip::HeaderName does not know
};

// Writes `value` to `out` with each line break and the blanks around it as one blank (RFC 3261
// section 7.3.1), without outer blanks, and returns what was written: never more than value.size() bytes,
// which `out` must have.
[[nodiscard]] std::string_view unfold(std::string_view value, std::span<char> out);

// Takes the values of all targets out of messages. One per thread. All memory is taken when it is made.
class SubjectReader {
 public:
  // `targets` must outlive the reader and stay as they are.
  explicit SubjectReader(const Targets& targets);

  // Every value of every target, in the order of the message; a repeated header gives several. Views into the
  // message or, for folded headers, into the reader's buffer: valid until the next call. The buffer holds
  // what the folded headers of the largest datagram unfold to; a folded value that finds no room any more
  // (only a TCP segment train beyond 64 KiB can do that) is given whole and still folded, never cut.
  [[nodiscard]] std::span<const Subject> read(const sip::Message& message);

 private:
  static constexpr std::size_t kBufferBytes = 65536;
  static constexpr std::size_t kSubjectsMax = 4 + 3 * sip::kHeadersMax;  // From alone can have three targets

  void add(std::uint32_t target, std::string_view value);
  void add_start_line(const sip::Message& message);
  void add_header(const sip::Header& header);
  void add_from(std::string_view value);
  [[nodiscard]] std::uint32_t target_of(const sip::Header& header) const;
  [[nodiscard]] std::string_view plain_value(const sip::Header& header);

  const Targets& targets_;
  std::vector<char> buffer_;
  std::size_t buffer_used_ = 0;
  std::vector<Subject> subjects_;
};

}  // namespace sipward::match
