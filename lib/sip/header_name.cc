#include "sip/header_name.h"

#include <algorithm>
#include <array>
#include <bit>
#include <cstddef>

#include "sip/text.h"

namespace sipward::sip {
namespace {

constexpr std::size_t kCount = static_cast<std::size_t>(HeaderName::count_);

constexpr std::array<std::string_view, kCount> kLongForms = {
    "",
    "Accept",
    "Allow",
    "Authorization",
    "Call-ID",
    "Contact",
    "Content-Encoding",
    "Content-Length",
    "Content-Type",
    "CSeq",
    "Event",
    "Expires",
    "From",
    "Max-Forwards",
    "Min-SE",
    "Proxy-Authenticate",
    "Proxy-Authorization",
    "Record-Route",
    "Refer-To",
    "Referred-By",
    "Require",
    "Route",
    "Server",
    "Session-Expires",
    "Subject",
    "Supported",
    "To",
    "User-Agent",
    "Via",
    "WWW-Authenticate",
};

// Indexed by letter, 'a' first.
constexpr std::array<HeaderName, 26> kCompactForms = [] {
  std::array<HeaderName, 26> table{};
  const auto set = [&table](char letter, HeaderName name) {
    table[static_cast<std::size_t>(letter - 'a')] = name;
  };
  set('b', HeaderName::referred_by);
  set('c', HeaderName::content_type);
  set('e', HeaderName::content_encoding);
  set('f', HeaderName::from);
  set('i', HeaderName::call_id);
  set('k', HeaderName::supported);
  set('l', HeaderName::content_length);
  set('m', HeaderName::contact);
  set('o', HeaderName::event);
  set('r', HeaderName::refer_to);
  set('s', HeaderName::subject);
  set('t', HeaderName::to);
  set('v', HeaderName::via);
  set('x', HeaderName::session_expires);
  return table;
}();

constexpr std::size_t kLongest = 24;

// A text of 2 to kLongest bytes as whole words that overlap where its length asks for it: comparing takes no
// loop and no copy. Texts of the same length have the same words if and only if they are equal.
using Words = std::array<std::uint64_t, 3>;

template <class Word>
constexpr std::uint64_t load(const char* from) {
  std::array<char, sizeof(Word)> bytes{};
  std::copy_n(from, sizeof(Word), bytes.begin());
  return std::bit_cast<Word>(bytes);
}

template <class Word>
constexpr Words both_ends(std::string_view text) {
  return {load<Word>(text.data()), 0, load<Word>(text.data() + text.size() - sizeof(Word))};
}

constexpr Words pack(std::string_view text) {
  if (text.size() < 4) return both_ends<std::uint16_t>(text);
  if (text.size() < 8) return both_ends<std::uint32_t>(text);
  Words words = both_ends<std::uint64_t>(text);
  if (text.size() > 16) words[1] = load<std::uint64_t>(text.data() + 8);
  return words;
}

// `case_bits` has 0x20 under each letter and nothing under '-': (byte | 0x20) is a certain lower-case letter
// for that letter's two cases only, but CR | 0x20 is '-'.
struct Candidate {
  Words lower_case{};
  Words case_bits{};
  HeaderName name = HeaderName::other;
};

constexpr Candidate make_candidate(std::size_t index) {
  std::array<char, kLongest> letters{};
  std::array<char, kLongest> bits{};
  const std::string_view name = kLongForms[index];
  for (std::size_t i = 0; i < name.size(); ++i) {
    letters[i] = lower(name[i]);
    bits[i] = name[i] == '-' ? '\0' : '\x20';
  }
  return {pack({letters.data(), name.size()}), pack({bits.data(), name.size()}),
          static_cast<HeaderName>(index)};
}

constexpr bool matches(const Words& words, const Candidate& candidate) {
  std::uint64_t difference = 0;
  for (std::size_t i = 0; i < words.size(); ++i) {
    difference |= (words[i] | candidate.case_bits[i]) ^ candidate.lower_case[i];
  }
  return difference == 0;
}

// The long forms, ordered by their length.
struct ByLength {
  std::array<Candidate, kCount> candidates{};
  std::array<std::uint8_t, kLongest + 2> first{};  // those of length n: [first[n], first[n + 1])
};

constexpr ByLength kByLength = [] {
  ByLength table;
  std::uint8_t filled = 0;
  for (std::size_t length = 2; length <= kLongest; ++length) {
    table.first[length] = filled;
    for (std::size_t i = 1; i < kCount; ++i) {
      if (kLongForms[i].size() == length) table.candidates[filled++] = make_candidate(i);
    }
  }
  table.first[kLongest + 1] = filled;
  return table;
}();

[[nodiscard]] HeaderName compact_form(char c) {
  const auto letter = static_cast<unsigned char>(lower(c));
  return letter >= 'a' && letter <= 'z' ? kCompactForms[letter - std::size_t{'a'}] : HeaderName::other;
}

}  // namespace

HeaderName header_name(std::string_view spelled) {
  if (spelled.size() == 1) return compact_form(spelled.front());
  if (spelled.empty() || spelled.size() > kLongest) return HeaderName::other;
  const Words words = pack(spelled);
  for (std::size_t i = kByLength.first[spelled.size()]; i < kByLength.first[spelled.size() + 1]; ++i) {
    if (matches(words, kByLength.candidates[i])) return kByLength.candidates[i].name;
  }
  return HeaderName::other;
}

std::string_view to_string(HeaderName name) {
  const auto index = static_cast<std::size_t>(name);
  return index < kCount ? kLongForms[index] : "";
}

}  // namespace sipward::sip
