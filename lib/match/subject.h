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
#include "sip/uri.h"

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
  std::uint32_t from_user_ = kNone;
  std::uint32_t to_user_ = kNone;
  std::uint32_t header_names_ = kNone;
  std::vector<std::uint32_t> by_name_ =
      std::vector<std::uint32_t>(static_cast<std::size_t>(sip::HeaderName::count_), kNone);
  std::vector<Custom> custom_;  // headers that sip::HeaderName does not know
};

// Writes `value` to `out` with each line break and the blanks around it as one blank (RFC 3261
// section 7.3.1), without outer blanks, and returns what was written: never more than value.size() bytes,
// which `out` must have.
[[nodiscard]] std::string_view unfold(std::string_view value, std::span<char> out);

using sip::unescape;

// Takes the values of all targets out of messages. One per thread. All memory is taken when it is made.
class SubjectReader {
 public:
  // `targets` must outlive the reader and stay as they are.
  explicit SubjectReader(const Targets& targets);

  // Every value of every target, in the order of the message; a repeated header gives several. A user part
  // with percent-escapes is given twice, as written and unescaped (RFC 3261 section 19.1.4). Views into the
  // message or, for what was unfolded, unescaped or put together, into the reader's buffer: valid until the
  // next call. The buffer holds what the largest datagram can make of it; what finds no room any more (only a
  // TCP segment train beyond 64 KiB can do that) is given still folded, still escaped, or without the last
  // header names, but never cut within.
  [[nodiscard]] std::span<const Subject> read(const sip::Message& message);

 private:
  // All headers folded, all their users escaped, and all their names: each at most a datagram's size.
  static constexpr std::size_t kBufferBytes = std::size_t{3} * 65536;
  // From alone can have five: the header, tag, display name, and the user twice.
  static constexpr std::size_t kSubjectsMax = 6 + 5 * sip::kHeadersMax;

  void add(std::uint32_t target, std::string_view value);
  void add_user(std::uint32_t target, std::string_view uri);
  void add_start_line(const sip::Message& message);
  void add_header(const sip::Header& header);
  void add_from(std::string_view value);
  void add_header_names(const sip::Message& message);
  [[nodiscard]] bool looks_inside(const sip::Header& header) const;
  [[nodiscard]] std::uint32_t target_of(const sip::Header& header) const;
  [[nodiscard]] std::string_view plain_value(const sip::Header& header);

  const Targets& targets_;
  std::vector<char> buffer_;
  std::size_t buffer_used_ = 0;
  std::vector<Subject> subjects_;
};

}  // namespace sipward::match
