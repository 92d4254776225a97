// The store's file: made with its schema, or checked before it is trusted. Inside lib/store only.
#pragma once

#include <filesystem>

#include "store/database.h"

namespace sipward::store {

// `path` must be absolute. A file that is not ours, is newer than this program or is damaged stays as it is.
[[nodiscard]] Result<Database> open_database(const std::filesystem::path& path);

// Adds what to do when the file itself is at fault (ErrorKind::invalid); other failures (disk full, busy)
// pass as they are.
[[nodiscard]] tl::unexpected<Error> unusable(const Error& why);

}  // namespace sipward::store
