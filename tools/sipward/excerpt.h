// The packet that led to a decision, as lines for a terminal with the matched bytes marked.
#pragma once

#include <string>
#include <string_view>

#include "output.h"

namespace sipward::cli {

inline constexpr std::size_t kExcerptLinesMax = 12;

struct Match {
  std::string_view value;  // what the rule looked at
  std::size_t begin = 0;   // [begin, end) of it matched, in bytes
  std::size_t end = 0;
};

// The first lines of `excerpt`, each behind `indent`. The match is painted, or stands in [[…]] without
// colour. When the looked-at value is not found in the shown lines it follows as a line of its own. All of it
// is made safe.
[[nodiscard]] std::string render_excerpt(const Output& out, std::string_view excerpt, Match match,
                                         std::string_view indent);

}  // namespace sipward::cli
