// A capture file, any bytes of it, the whole way that `sipward replay` takes: frames, IP packets, whole ones,
// payloads.
#include <sys/mman.h>
#include <unistd.h>

#include <array>
#include <chrono>
#include <string>

#include "base/handle.h"
#include "capture/pcap_file.h"
#include "fuzz/properties.h"
#include "packet/defragment.h"
#include "packet/handshakes.h"
#include "packet/link.h"

using namespace sipward;
using namespace sipward::fuzz;

namespace {

using Bytes = std::span<const std::byte>;

constexpr std::size_t kPacketsMax = 8;
constexpr std::size_t kBytesMax = 4096;

std::string_view view(Bytes bytes) {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

// DLT_ numbers of what read_link() knows, and one that it does not.
constexpr std::array kLinks{1, 12, 0, 9, 50, 51, 104, 108, 113, 228, 229, 239, 276, 147};

struct Reader {
  packet::Defragmenter defragmenter{kPacketsMax, kBytesMax};
  packet::Handshakes handshakes{4};

  void take(int link, Bytes frame, Instant now) {
    const auto read = packet::read_link(link, frame);
    if (!read) return;
    must(inside(view(read->ip), view(frame)), "the IP packet lies inside the frame");
    must(!read->ip.empty(), "an IP header begins");
    static_cast<void>(packet::is_whole(read->ip));
    const auto whole = defragmenter.put(read->ip, now);
    must(defragmenter.waiting() <= kPacketsMax, "no more packets wait than may");
    if (!whole) return;
    const auto datagram = packet::decode(*whole);
    if (!datagram) return;
    must(inside(datagram->payload, view(*whole)), "the payload lies inside the packet");
    if (datagram->protocol == packet::Protocol::tcp) static_cast<void>(handshakes.see(*datagram));
  }
};

void read_file(const std::string& path, Reader& reader) {
  auto file = capture::PcapFile::open(path);
  if (!file) {
    must(!file.error().text.empty() && file.error().text.find('\n') == std::string::npos,
         "an error is one line", file.error().text);
    return;
  }
  Instant now{};
  for (;;) {
    const auto frame = file->next();
    if (!frame) {
      must(frame.error().text.find('\n') == std::string::npos, "an error is one line", frame.error().text);
      return;
    }
    if (!*frame) return;
    now += std::chrono::seconds(1);
    reader.take(file->link_type(), (*frame)->bytes, now);
    for (const int link : kLinks) reader.take(link, (*frame)->bytes, now);
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  Reader reader;
  static const Fd memory(memfd_create("capture", MFD_CLOEXEC));
  must(ftruncate(memory.get(), 0) == 0 && pwrite(memory.get(), data, size, 0) == static_cast<ssize_t>(size),
       "the file can be written");
  read_file("/proc/self/fd/" + std::to_string(memory.get()), reader);
  return 0;
}
