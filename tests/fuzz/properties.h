// What the targets share: properties that end the process when they are broken, so that libFuzzer keeps the
// input.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <functional>
#include <source_location>
#include <string>
#include <string_view>

namespace sipward::fuzz {

// `property` is a sentence about what should hold; `detail` is printed with it, if it does not.
inline void must(bool holds, const char* property, std::string_view detail = {},
                 std::source_location at = std::source_location::current()) {
  if (holds) return;
  std::fprintf(stderr, "%s:%u: this does not hold: %s %.*s\n", at.file_name(),
               static_cast<unsigned>(at.line()), property, static_cast<int>(detail.size()), detail.data());
  std::abort();
}

// Whether `view` points into `whole`. An empty view points nowhere.
[[nodiscard]] inline bool inside(std::string_view view, std::string_view whole) {
  const std::less_equal<> le;
  return view.empty() ||
         (le(whole.data(), view.data()) && le(view.data() + view.size(), whole.data() + whole.size()));
}

// Whether each line of an error's text begins with "NAME:" and is no line end alone.
[[nodiscard]] inline bool each_line_names(std::string_view text, std::string_view name) {
  while (!text.empty()) {
    if (!text.starts_with(name) || text.size() <= name.size() || text[name.size()] != ':') return false;
    const std::size_t end = text.find('\n');
    text.remove_prefix(end == std::string_view::npos ? text.size() : end + 1);
  }
  return true;
}

[[nodiscard]] inline std::string_view text_of(const std::uint8_t* data, std::size_t size) {
  return {reinterpret_cast<const char*>(data), size};
}

// Bytes that arrive in chunks. The input's last bytes are the sizes, taken in turn, so that what stands
// before them reads as on the wire.
class Chunks {
 public:
  static constexpr std::size_t kSizes = 4;

  explicit Chunks(std::string_view input)
      : stream_(input.substr(0, input.size() - std::min(input.size(), kSizes))),
        sizes_(input.substr(stream_.size())) {}

  [[nodiscard]] std::string_view stream() const { return stream_; }
  // The next chunk, 1 to 256 bytes of the stream; empty at its end.
  [[nodiscard]] std::string_view next() {
    const auto size = sizes_.empty()
                          ? std::size_t{1}
                          : static_cast<unsigned char>(sizes_[turn_++ % sizes_.size()]) + std::size_t{1};
    const std::string_view chunk = stream_.substr(taken_, size);
    taken_ += chunk.size();
    return chunk;
  }

 private:
  std::string_view stream_;
  std::string_view sizes_;
  std::size_t taken_ = 0;
  std::size_t turn_ = 0;
};

}  // namespace sipward::fuzz
