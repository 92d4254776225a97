// Fragments: those of one packet, cut anywhere and in any order, give it back; any others are refused or
// wait, bounded.
#include <array>
#include <chrono>
#include <cstring>
#include <string>
#include <vector>

#include <fuzzer/FuzzedDataProvider.h>

#include "fuzz/properties.h"
#include "packet/decode.h"
#include "packet/defragment.h"

using namespace sipward;
using namespace sipward::fuzz;

namespace {

using Bytes = std::span<const std::byte>;

constexpr std::size_t kPacketsMax = 4;
constexpr std::size_t kBytesMax = 2048;
constexpr std::size_t kHeader4 = 20;
constexpr std::size_t kHeader6 = 40;

Bytes bytes(std::string_view text) {
  return std::as_bytes(std::span(text));
}

std::string two(std::size_t number) {
  return {static_cast<char>(number >> 8U & 0xffU), static_cast<char>(number & 0xffU)};
}

// RFC 791: 198.51.100.7 > 192.0.2.1, UDP.
std::string fragment4(std::string_view data, std::size_t at, bool more) {
  return std::string("\x45\0", 2) + two(kHeader4 + data.size()) + two(7) +
         two((more ? 0x2000U : 0U) | at / 8) + std::string("\x40\x11\0\0\xc6\x33\x64\x07\xc0\0\x02\x01", 12) +
         std::string(data);
}

// RFC 8200, section 4.5: the fragment header is the only extension.
std::string fragment6(std::string_view data, std::size_t at, bool more) {
  return std::string("\x60\0\0\0", 4) + two(8 + data.size()) + std::string("\x2c\x40", 2) +
         std::string(32, '\x20') + std::string("\x11\0", 2) + two(at | (more ? 1U : 0U)) +
         std::string("\0\0\0\7", 4) + std::string(data);
}

struct Part {
  std::size_t at = 0;
  std::size_t size = 0;
};

std::vector<Part> cut(std::size_t size, FuzzedDataProvider& input) {
  std::vector<Part> parts;
  for (std::size_t at = 0; at < size;) {
    const std::size_t wanted = (input.ConsumeIntegral<std::uint8_t>() % 16 + std::size_t{1}) * 8;
    parts.push_back({at, std::min(wanted, size - at)});
    at += parts.back().size;
  }
  return parts;
}

void shuffle(std::vector<Part>& parts, FuzzedDataProvider& input) {
  for (std::size_t i = parts.size(); i > 1; --i)
    std::swap(parts[i - 1], parts[input.ConsumeIntegralInRange<std::size_t>(0, i - 1)]);
}

void check_put_together(FuzzedDataProvider& input) {
  const bool v4 = input.ConsumeBool();
  const bool repeat = input.ConsumeBool();
  const std::size_t size = input.ConsumeIntegralInRange<std::size_t>(9, 1500);
  std::vector<Part> parts = cut(size, input);
  if (parts.size() < 2) return;
  shuffle(parts, input);
  std::string data = input.ConsumeRemainingBytesAsString();
  data.resize(size, 'x');

  packet::Defragmenter defragmenter(kPacketsMax, 65536);
  std::size_t left = parts.size();
  for (const Part& part : parts) {
    const auto piece = std::string_view(data).substr(part.at, part.size);
    const bool more = part.at + part.size < size;
    const std::string packet = v4 ? fragment4(piece, part.at, more) : fragment6(piece, part.at, more);
    const auto whole = defragmenter.put(bytes(packet), {});
    --left;
    must(whole.has_value() == (left == 0), "the packet is there when its last part has come, and not before");
    if (whole) {
      const std::size_t header = v4 ? kHeader4 : kHeader6;
      must(whole->size() == header + size, "the whole packet is as long as its parts");
      must(std::memcmp(whole->data() + header, data.data(), size) == 0,
           "the whole packet holds its parts in order");
    } else if (repeat) {
      must(!defragmenter.put(bytes(packet), {}).has_value(), "a part that comes twice completes nothing");
    }
  }
  must(defragmenter.waiting() == 0, "nothing waits behind a whole packet");
}

// Any bytes as packets: length, packet, length, packet …
void check_any(FuzzedDataProvider& input) {
  packet::Defragmenter defragmenter(kPacketsMax, kBytesMax);
  Instant now{};
  while (input.remaining_bytes() > 0) {
    now += std::chrono::seconds(input.ConsumeIntegral<std::uint8_t>());
    const std::string packet = input.ConsumeRandomLengthString();
    const auto whole = defragmenter.put(bytes(packet), now);
    must(defragmenter.waiting() <= kPacketsMax, "no more packets wait than may");
    if (!whole) continue;
    must(whole->size() <= 65535 + kHeader6 || whole->size() <= packet.size(),
         "no packet is longer than IP allows");
    static_cast<void>(packet::decode(*whole));
  }
  const auto& counters = defragmenter.counters();
  must(counters.completed <= counters.joined, "a packet that was put together had more than one part");
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  FuzzedDataProvider input(data, size);
  if (input.ConsumeBool())
    check_put_together(input);
  else
    check_any(input);
  return 0;
}
