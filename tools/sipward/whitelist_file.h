// The file that `whitelist export` writes and `whitelist import` reads: lines of
//   net[,expires-or-duration[,comment[,class]]]
// with blank lines and lines that begin with '#'. A field with a comma or a quote in it is quoted, quotes
// doubled (RFC 4180).
#pragma once

#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/address.h"
#include "base/clock.h"
#include "base/result.h"

namespace sipward::cli {

struct WhitelistLine {
  unsigned number = 0;
  Prefix net;
  std::optional<std::chrono::milliseconds> duration;  // from now; nothing: for ever
  std::string comment;
  std::string source_class = "trusted";
};

struct WhitelistFile {
  std::vector<WhitelistLine> lines;
  std::vector<std::string>
      expired;  // "name:line: …" of entries whose time has passed: no error, a backup has them
  std::vector<Error> errors;  // each begins with "name:line: "
};

// Reads all of it before judging: every wrong line has its error. `name` is what the errors call the file.
[[nodiscard]] WhitelistFile read_whitelist(std::string_view content, const std::string& name, WallTime now);

// One entry of the protocol as a line, newline included, that read_whitelist reads back to the same.
[[nodiscard]] std::string whitelist_line(const nlohmann::json& entry);

}  // namespace sipward::cli
