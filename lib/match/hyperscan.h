// Conditions as Hyperscan databases. For the .cc files of lib/match alone.
#pragma once

#include <hs/hs.h>

#include <cstdlib>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "base/handle.h"
#include "base/result.h"
#include "match/rule.h"

namespace sipward::match {

using Database = std::unique_ptr<hs_database_t, CloseWith<hs_free_database>>;
using EngineScratch = std::unique_ptr<hs_scratch_t, CloseWith<hs_free_scratch>>;

// A broken promise of the caller or the engine that would make every later answer wrong: an empty answer
// would let everything pass unseen, a crash lets it pass seen and restarts.
inline void require(bool holds) {
  if (!holds) std::abort();
}

inline bool platform_fits() {
  return hs_valid_platform() == HS_SUCCESS;
}

struct Pattern {
  std::string expression;
  unsigned flags = 0;
  unsigned id = 0;  // what a hit reports
};

struct Refusal {
  std::optional<unsigned> id;  // of the refused pattern; nothing when all of them together are meant
  std::string reason;
};

// The largest number of a repeat ({7}, {2,7}) in a regular expression; 0 when it has none. What looks like
// one within a character class or behind a backslash counts too: nobody needs it so large there.
inline constexpr unsigned kRepeatMax = 255;
[[nodiscard]] unsigned largest_repeat(std::string_view pattern);

// Bytes that are neither letters nor digits as \xHH, so that nothing of the literal is syntax.
[[nodiscard]] std::string escape(std::string_view literal);
// Tells each hit once.
[[nodiscard]] Pattern scan_pattern(const Condition& condition, unsigned id);
// Tells where a hit begins.
[[nodiscard]] Pattern locate_pattern(const Condition& condition);

// `mode`: HS_MODE_BLOCK or HS_MODE_STREAM.
[[nodiscard]] tl::expected<Database, Refusal> compile(std::span<const Pattern> patterns,
                                                      unsigned mode = HS_MODE_BLOCK);
// Makes `scratch` large enough for `database` too.
[[nodiscard]] Result<void> fit_scratch(const Database& database, EngineScratch& scratch);

}  // namespace sipward::match
