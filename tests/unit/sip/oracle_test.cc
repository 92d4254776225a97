// Two readers that share no line of code, over torture messages, ordinary messages and damaged ones: where
// both take a message, they read the same values, but for the differences that are listed here with their
// reasons.
#include <algorithm>
#include <functional>
#include <random>
#include <string>
#include <utility>
#include <vector>

#include "ordinary_messages.h"
#include "second_reader.h"
#include "sip/header_values.h"
#include "sip/list.h"
#include "sip/message.h"
#include "sip/uri.h"
#include "sip/via.h"
#include "support/catch.h"
#include "torture_specimen.h"

using namespace sipward::sip;
using namespace sipward::test;

namespace {

constexpr int kMutationsPerMessage = 40;

// One value of a message that the two readers read differently.
struct Difference {
  std::string value;  // which
  std::string ours;
  std::string theirs;
  const Message& message;
};

struct Known {
  const char* reason;
  std::function<bool(const Difference&)> holds;
  int seen = 0;
};

bool is_blank_byte(char c) {
  return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

// With each run of blanks and line ends made one space.
std::string collapsed(const std::string& text) {
  std::string result;
  for (const char c : text) {
    if (!is_blank_byte(c)) result += c;
    if (is_blank_byte(c) && !result.empty() && result.back() != ' ') result += ' ';
  }
  return result;
}

// Without any.
std::string joined(std::string text) {
  text.erase(std::remove_if(text.begin(), text.end(), is_blank_byte), text.end());
  return text;
}

std::string unescaped(const std::string& text) {
  std::vector<char> buffer(text.size());
  return std::string(unescape(text, buffer));
}

// Whether a blank stands within protocol, transport or host of the topmost Via: with two words, none does.
bool has_blank_in_via(const Message& message) {
  const std::string_view via = first_of(value_of(message, HeaderName::via), ListOf::vias);
  std::string text = collapsed(std::string(via.substr(0, via.find(';'))));
  for (const std::string around : {"/", ":"}) {
    for (const std::string& blank : {" " + around, around + " "}) {
      for (std::size_t at = text.find(blank); at != std::string::npos; at = text.find(blank)) {
        text.replace(at, blank.size(), around);
      }
    }
  }
  return std::count(text.begin(), text.end(), ' ') > 1;
}

std::vector<Known> known_differences() {
  return {
      {"a bare CR ends a line for libosip2, as for Sofia-SIP and PJSIP; we note it as a defect, and the "
       "message is "
       "malformed",
       [](const Difference& d) { return d.message.defects().has(Defect::bare_cr); }},
      {"libosip2 makes a fold blanks, we keep the line break: the values are the same but for their blanks",
       [](const Difference& d) { return collapsed(d.ours) == collapsed(d.theirs); }},
      {"libosip2 reads a Call-ID's two halves on their own and drops blanks around the @",
       [](const Difference& d) { return d.value == "Call-ID" && joined(d.ours) == joined(d.theirs); }},
      {"libosip2 makes up a Content-Length where there is none, or an empty one",
       [](const Difference& d) { return d.value == "Content-Length" && d.ours.empty(); }},
      {"bytes that are no token characters behind a name: we read the header, as Asterisk does, and note it",
       [](const Difference& d) { return d.theirs.empty() && d.message.defects().has(Defect::odd_name); }},
      {"libosip2 keeps a CSeq as text: leading zeros; we read a number",
       [](const Difference& d) {
         return d.value == "CSeq" && !d.ours.empty() && d.theirs.ends_with(d.ours) &&
                d.theirs.find_first_not_of('0') == d.theirs.size() - d.ours.size();
       }},
      {"no number of 32 bits, which a CSeq must be: we read none",
       [](const Difference& d) {
         return d.value == "CSeq" && d.ours.empty() && !read_cseq(d.theirs).number;
       }},
      {"a CSeq that goes on behind its digits: we read those, as Asterisk does, and note that its method is "
       "wrong",
       [](const Difference& d) {
         return d.value == "CSeq" && d.theirs.starts_with(d.ours) &&
                d.message.defects().has(Defect::method_mismatch);
       }},
      {"a Via's host or branch ends at a blank for us, as for Kamailio; libosip2 takes blanks in",
       [](const Difference& d) { return d.value.starts_with("Via") && has_blank_in_via(d.message); }},
      {"the same for a branch",
       [](const Difference& d) {
         return d.value == "Via branch" && d.theirs.starts_with(d.ours) &&
                is_blank_byte(d.theirs[d.ours.size()]);
       }},
      {"a Via without a transport is none for us",
       [](const Difference& d) {
         return d.value.starts_with("Via") &&
                !read_via(first_of(value_of(d.message, HeaderName::via), ListOf::vias)).has_value();
       }},
      {"libosip2 prints a URI anew and escapes what must be escaped",
       [](const Difference& d) {
         return d.value == "Request-URI" && unescaped(d.ours) == unescaped(d.theirs);
       }},
      {"libosip2 drops what stands behind '?' if it is no header (name=value)",
       [](const Difference& d) { return d.value == "Request-URI" && d.ours.starts_with(d.theirs + "?"); }},
      {"libosip2 takes an IPv6 address without brackets (RFC 5118 section 4.2) for host and port; for us its "
       "port is "
       "no number",
       [](const Difference& d) {
         return d.value == "Request-URI" && read_uri(d.ours).port.find(':') != std::string_view::npos;
       }},
  };
}

// Begin and size, with its line end, of some line of `bytes`.
std::pair<std::size_t, std::size_t> some_line(const std::string& bytes, std::mt19937& random) {
  const std::size_t at = random() % bytes.size();
  const std::size_t before = at == 0 ? std::string::npos : bytes.rfind('\n', at - 1);
  const std::size_t begin = before == std::string::npos ? 0 : before + 1;
  const std::size_t end = bytes.find('\n', at);
  return {begin, (end == std::string::npos ? bytes.size() : end + 1) - begin};
}

std::string damaged(std::string bytes, std::mt19937& random) {
  static const std::string kBytes = "\r\n \t:;,=\"<>\\@[]()/?%aZ09-\x01\x7f\xff";
  const std::size_t at = random() % bytes.size();
  const char byte = kBytes[random() % kBytes.size()];
  const auto [begin, size] = some_line(bytes, random);
  switch (random() % 7) {
    case 0:
      bytes[at] = byte;
      return bytes;
    case 1:
      return bytes.insert(at, 1, byte);
    case 2:
      return bytes.erase(at, 1 + random() % 4);
    case 3:
      return bytes.insert(begin, bytes.substr(begin, size));
    case 4:
      return bytes.erase(begin, size);
    case 5:
      return bytes.insert(begin + random() % size, "\r\n ");
    default:
      return bytes.substr(0, at);
  }
}

// The torture and the ordinary messages, and each of them damaged in kMutationsPerMessage ways, the same in
// each run.
std::vector<std::string> all_messages() {
  std::vector<std::string> originals = ordinary_messages();
  for (const std::string& name : specimen_names()) originals.push_back(specimen(name));
  std::mt19937 random(2543);  // NOLINT: the same messages in each run
  std::vector<std::string> result = originals;
  for (const std::string& original : originals) {
    for (int i = 0; i < kMutationsPerMessage; ++i) result.push_back(damaged(original, random));
  }
  return result;
}

// Counts the reason for a difference; fails if it has none.
void explain(const Difference& difference, std::vector<Known>& known) {
  const auto reason =
      std::find_if(known.begin(), known.end(), [&](const Known& one) { return one.holds(difference); });
  if (reason != known.end()) {
    ++reason->seen;
    return;
  }
  FAIL_CHECK(difference.value << ": we read '" << difference.ours << "', libosip2 '" << difference.theirs
                              << "'");
}

}  // namespace

TEST_CASE("a second reader reads the same values", "[sip][oracle]") {
  std::vector<Known> known = known_differences();
  Message message;
  int both = 0;
  for (const std::string& bytes : all_messages()) {
    const auto ours = read_with_sipward(bytes);
    const auto theirs = read_with_osip(bytes);
    if (!ours || !theirs) continue;
    ++both;
    message.read(bytes);
    INFO(bytes);
    for (const NamedValues& one : differences(*ours, *theirs)) {
      explain({one.name, one.ours, one.theirs, message}, known);
    }
  }
  CHECK(both > 2500);
  for (const Known& one : known) {
    INFO(one.reason);
    CHECK(one.seen > 0);
  }
}
