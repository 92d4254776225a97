// TCP segments in any order, overlapping, repeated, contradicting: what is read is what the bytes that came
// first say, and what is kept of them is bounded.
#include <algorithm>
#include <chrono>
#include <optional>
#include <string>
#include <vector>

#include <fuzzer/FuzzedDataProvider.h>

#include "fuzz/properties.h"
#include "sip/framer.h"
#include "stream/stream_reader.h"

using namespace sipward;
using namespace sipward::fuzz;

namespace {

using stream::Trouble;

constexpr std::uint32_t kFirst = 0xffffff00U;  // numbers wrap soon
constexpr std::size_t kSegmentsMax = 64;
constexpr std::size_t kBytesMax = 8192;  // below ByteSequence::kHistoryBytes: nothing is forgotten

// The heads and keepalives that one connection gave, and how it ended.
struct Heard {
  std::vector<std::string> items;
  Trouble trouble = Trouble::none;
  friend bool operator==(const Heard&, const Heard&) = default;
};

class Connection {
 public:
  Connection() {
    packet::Datagram syn = segment(0, "");
    syn.tcp.syn = true;
    syn.tcp.sequence = kFirst - 1;
    static_cast<void>(reader_.take({syn}, {}));
  }

  // Trouble::contradiction and none leave the connection readable.
  Trouble send(std::size_t at, std::string_view bytes) {
    const packet::Datagram datagram = segment(at, bytes);
    stream::Segment taken = reader_.take({datagram, true}, {});
    while (const auto item = taken.next()) {
      must(!item->bytes.empty(), "no item is empty");
      const auto frame = sip::frame_message(item->bytes);
      heard_.items.emplace_back(item->bytes.substr(0, frame.size));
      must(item->is_keepalive == (frame.is == sip::Frame::Is::keepalive), "an item is what the framer says");
    }
    if (taken.trouble() != Trouble::contradiction) heard_.trouble = taken.trouble();
    return taken.trouble();
  }
  [[nodiscard]] const Heard& heard() const { return heard_; }

 private:
  static packet::Datagram segment(std::size_t at, std::string_view bytes) {
    packet::Datagram datagram;
    datagram.protocol = packet::Protocol::tcp;
    datagram.source_port = 5061;
    datagram.destination_port = 5060;
    datagram.payload = bytes;
    datagram.tcp.sequence = kFirst + static_cast<std::uint32_t>(at);
    datagram.tcp.ack = true;
    return datagram;
  }

  stream::StreamReader reader_{stream::TableLimits{}};
  Heard heard_;
};

// The bytes that came first, by their place.
class Model {
 public:
  // False: some of these bytes contradict earlier ones, and none is taken.
  bool put(std::size_t at, std::string_view bytes) {
    for (std::size_t i = 0; i < bytes.size(); ++i)
      if (at + i < known_.size() && known_[at + i] && *known_[at + i] != bytes[i]) return false;
    if (known_.size() < at + bytes.size()) known_.resize(at + bytes.size());
    for (std::size_t i = 0; i < bytes.size(); ++i) known_[at + i] = bytes[i];
    return true;
  }
  [[nodiscard]] std::string in_order() const {
    std::string bytes;
    for (const auto& byte : known_) {
      if (!byte) break;
      bytes += *byte;
    }
    return bytes;
  }

 private:
  std::vector<std::optional<char>> known_;
};

// What the stream holds at that place, or one byte of it changed.
std::string piece_of(const std::string& whole, std::size_t at, FuzzedDataProvider& input) {
  std::string piece = whole.substr(at, input.ConsumeIntegralInRange<std::size_t>(1, 300));
  if (input.ConsumeIntegral<std::uint8_t>() < 24) {
    const auto changed = input.ConsumeIntegralInRange<std::size_t>(0, piece.size() - 1);
    piece[changed] = static_cast<char>(piece[changed] ^ 0x20);
  }
  return piece;
}

void check_order(FuzzedDataProvider& input) {
  // Sizes and places come from the input's end, as FuzzedDataProvider takes them.
  const std::size_t size = input.remaining_bytes();
  const std::size_t script = std::min(size / 4, 7 * kSegmentsMax);
  const std::string whole = input.ConsumeBytesAsString(std::min(size - script, kBytesMax));
  if (whole.empty()) return;

  Connection cut;
  Model model;
  for (std::size_t i = 0; i < kSegmentsMax && input.remaining_bytes() > 0; ++i) {
    const auto at = input.ConsumeIntegralInRange<std::size_t>(0, whole.size() - 1);
    const std::string piece = piece_of(whole, at, input);
    const bool fits = model.put(at, piece);
    const Trouble trouble = cut.send(at, piece);
    must(fits == (trouble != Trouble::contradiction),
         "what contradicts earlier bytes is told, and nothing else");
    if (cut.heard().trouble != Trouble::none) break;
  }

  Connection plain;
  const std::string in_order = model.in_order();
  if (!in_order.empty()) plain.send(0, in_order);
  must(cut.heard() == plain.heard(), "the same messages however the segments came");
}

// Any segments of a few connections, at any time.
void check_bounds(FuzzedDataProvider& input) {
  constexpr stream::TableLimits kLimits{
      .connections = 4, .connections_per_source = 3, .bytes = 4096, .bytes_per_source = 2048};
  stream::StreamReader reader(kLimits);
  Instant now = Instant(std::chrono::hours(1));
  while (input.remaining_bytes() > 0) {
    const std::string payload = input.ConsumeRandomLengthString();
    packet::Datagram datagram;
    datagram.protocol = packet::Protocol::tcp;
    datagram.payload = payload;
    datagram.source_port = static_cast<std::uint16_t>(input.ConsumeIntegral<std::uint8_t>() % 8);
    datagram.source = *Address::parse(datagram.source_port < 4 ? "198.51.100.7" : "2001:db8::7");
    datagram.tcp.sequence = input.ConsumeIntegral<std::uint16_t>();
    const auto flags = input.ConsumeIntegral<std::uint8_t>();
    datagram.tcp.syn = flags % 4 == 0;
    datagram.tcp.rst = flags % 32 == 1;
    now += std::chrono::milliseconds(input.ConsumeIntegral<std::uint8_t>() * 10);
    stream::Segment segment =
        reader.take({datagram, (flags & 64U) != 0, (flags & 128U) != 0, flags % 32 == 2}, now);
    while (const auto item = segment.next()) must(!item->bytes.empty(), "no item is empty");
    if (stream::ends_connection(segment.trouble())) segment.end();
    must(reader.table().size() <= kLimits.connections, "no more connections than may be");
    must(reader.table().bytes() <= kLimits.bytes, "no more bytes than may be");
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  FuzzedDataProvider input(data, size);
  if (input.ConsumeBool())
    check_order(input);
  else
    check_bounds(input);
  return 0;
}
