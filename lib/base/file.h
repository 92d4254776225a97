// Whole small files in one call.
#pragma once

#include <cstddef>
#include <filesystem>
#include <string>

#include "base/result.h"

namespace sipward {

// The file's content; more than `size_max` bytes is an error, so that a wrong path cannot eat the memory.
[[nodiscard]] Result<std::string> read_file(const std::filesystem::path& path,
                                            std::size_t size_max = 16U << 20U);

}  // namespace sipward
