#include "match/hyperscan.h"

#include <fmt/format.h>

#include <algorithm>
#include <vector>

namespace sipward::match {
namespace {

using CompileError = std::unique_ptr<hs_compile_error_t, CloseWith<hs_free_compile_error>>;

// A NUL would end the expression early.
std::string without_nul(const std::string& pattern) {
  std::string out;
  for (const char c : pattern) {
    if (c == '\0') {
      out += "\\x00";
    } else {
      out += c;
    }
  }
  return out;
}

// \A and \z, for `$` would also match before a line feed at the end.
std::string expression(const Condition& condition) {
  switch (condition.match) {
    case Match::exact:
      return "\\A" + escape(condition.pattern) + "\\z";
    case Match::prefix:
      return "\\A" + escape(condition.pattern);
    case Match::contains:
      return escape(condition.pattern);
    case Match::regex:
      break;
  }
  return without_nul(condition.pattern);
}

unsigned letter_flags(const Condition& condition) {
  return HS_FLAG_DOTALL | (condition.case_sensitive ? 0U : HS_FLAG_CASELESS);
}

unsigned scan_flags(const Condition& condition) {
  return letter_flags(condition) | HS_FLAG_SINGLEMATCH;
}

// SINGLEMATCH cannot be had together with the start of the match.
unsigned locate_flags(const Condition& condition) {
  return letter_flags(condition) | HS_FLAG_SOM_LEFTMOST;
}

}  // namespace

unsigned largest_repeat(std::string_view pattern) {
  unsigned largest = 0;
  for (std::size_t at = pattern.find('{'); at != std::string_view::npos; at = pattern.find('{', at + 1)) {
    unsigned number = 0;
    for (const char c : pattern.substr(at + 1)) {
      if (c == ',') number = 0;
      if (c >= '0' && c <= '9')
        number = std::min(number * 10 + static_cast<unsigned>(c - '0'), 100000U);
      else if (c != ',')
        break;
      largest = std::max(largest, number);
    }
  }
  return largest;
}

std::string escape(std::string_view literal) {
  std::string out;
  for (const char c : literal) {
    const bool plain = (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z');
    if (plain) {
      out += c;
    } else {
      out += fmt::format("\\x{:02x}", static_cast<unsigned char>(c));
    }
  }
  return out;
}

tl::expected<Database, Refusal> compile(std::span<const Pattern> patterns, unsigned mode) {
  std::vector<const char*> expressions;
  std::vector<unsigned> flags;
  std::vector<unsigned> ids;
  for (const Pattern& pattern : patterns) {
    expressions.push_back(pattern.expression.c_str());
    flags.push_back(pattern.flags);
    ids.push_back(pattern.id);
  }
  hs_database_t* database = nullptr;
  hs_compile_error_t* error = nullptr;
  const hs_error_t status =
      hs_compile_multi(expressions.data(), flags.data(), ids.data(), static_cast<unsigned>(ids.size()), mode,
                       nullptr, &database, &error);
  const CompileError owned(error);
  if (status == HS_SUCCESS) return Database(database);
  if (!owned) return tl::unexpected(Refusal{std::nullopt, fmt::format("Hyperscan error {}", status)});
  if (owned->expression < 0) return tl::unexpected(Refusal{std::nullopt, owned->message});
  return tl::unexpected(Refusal{ids[static_cast<std::size_t>(owned->expression)], owned->message});
}

Pattern scan_pattern(const Condition& condition, unsigned id) {
  return {expression(condition), scan_flags(condition), id};
}

Pattern locate_pattern(const Condition& condition) {
  return {expression(condition), locate_flags(condition), 0};
}

// Makes `scratch` large enough for `database` too.
Result<void> fit_scratch(const Database& database, EngineScratch& scratch) {
  hs_scratch_t* raw = scratch.release();
  const hs_error_t status = hs_alloc_scratch(database.get(), &raw);
  scratch.reset(raw);
  if (status == HS_SUCCESS) return {};
  return fail("cannot allocate Hyperscan scratch: error {}", status);
}

}  // namespace sipward::match
