#include "fuzz/steps.h"

#include <string>

#include "fuzz/properties.h"

namespace {

// A thread of its own (Hyperscan has none, SQLite may) must not disturb the count.
thread_local std::uint64_t steps = 0;

// A vector instruction looks at this many bytes at once.
constexpr std::size_t kSearchedPerStep = 16;
constexpr std::uint64_t kToBeginWith = 4'000;

}  // namespace

// The linker turns calls into these (CMakeLists.txt): libFuzzer has functions of those names.
extern "C" {
void* __real_memchr(const void* bytes, int wanted, std::size_t size);  // NOLINT(bugprone-reserved-identifier)

__attribute__((no_sanitize("coverage"))) void __wrap___sanitizer_cov_trace_pc() {  // NOLINT
  ++steps;
}

__attribute__((no_sanitize("coverage"))) void* __wrap_memchr(const void* bytes, int wanted,  // NOLINT
                                                             std::size_t size) {
  void* const found = __real_memchr(bytes, wanted, size);
  const auto searched =
      found == nullptr
          ? size
          : static_cast<std::size_t>(static_cast<const char*>(found) - static_cast<const char*>(bytes));
  steps += searched / kSearchedPerStep;
  return found;
}
}

namespace sipward::fuzz {

Steps::Steps() : begun_at_(steps) {}

std::uint64_t Steps::taken() const {
  return steps - begun_at_;
}

void Steps::must_be_linear(std::size_t bytes, std::uint64_t each) const {
  const std::uint64_t now = taken();
  must(now <= kToBeginWith + each * bytes, "the work is linear in the input:",
       std::to_string(now) + " steps for " + std::to_string(bytes) + " bytes");
}

}  // namespace sipward::fuzz
