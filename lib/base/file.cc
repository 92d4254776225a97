#include "base/file.h"

#include <fcntl.h>

#include <array>

#include "base/handle.h"

namespace sipward {

Result<std::string> read_file(const std::filesystem::path& path, std::size_t size_max) {
  const Fd fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (!fd.valid()) return fail_errno(errno, fmt::format("cannot read {}", path.string()));
  std::string content;
  std::array<char, 65536> chunk;  // NOLINT: filled by read
  for (;;) {
    const ssize_t n = ::read(fd.get(), chunk.data(), chunk.size());
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return fail_errno(errno, fmt::format("cannot read {}", path.string()));
    if (n == 0) return content;
    content.append(chunk.data(), static_cast<std::size_t>(n));
    if (content.size() > size_max)
      return fail(ErrorKind::invalid, "{} is larger than {} bytes", path.string(), size_max);
  }
}

}  // namespace sipward
