#include "capture/pcap_file.h"

#include <pcap/pcap.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdio>

namespace sipward::capture {
namespace {

// A damaged file may tell any time. Years 1970 to 2223: what is added to them still fits 64 bits of
// nanoseconds.
constexpr std::int64_t kSecondsMax = 8'000'000'000;

CaptureTime time_of(const timeval& stamp) {
  const std::chrono::seconds seconds(std::clamp<std::int64_t>(stamp.tv_sec, 0, kSecondsMax));
  // With PCAP_TSTAMP_PRECISION_NANO the field holds nanoseconds, whatever its name.
  const std::chrono::nanoseconds rest(std::clamp<std::int64_t>(stamp.tv_usec, 0, 999'999'999));
  return CaptureTime(seconds + rest);
}

}  // namespace

void PcapFile::Close::operator()(pcap* file) const {
  pcap_close(file);
}

Result<PcapFile> PcapFile::open(const std::filesystem::path& path) {
  const bool is_input = path == "-";
  const std::string name = is_input ? "standard input" : path.string();
  // libpcap closes the file with its handle; standard input stays open, so it gets a descriptor of its own.
  std::FILE* stream = is_input ? ::fdopen(::dup(0), "rb") : std::fopen(path.c_str(), "rbe");
  if (!stream) return fail_errno(errno, "cannot open " + name);
  std::array<char, PCAP_ERRBUF_SIZE> words{};
  std::unique_ptr<pcap, Close> file(
      pcap_fopen_offline_with_tstamp_precision(stream, PCAP_TSTAMP_PRECISION_NANO, words.data()));
  if (!file) {
    std::fclose(stream);
    return fail(ErrorKind::invalid, "{}: {}", name, words.data());
  }
  return PcapFile(std::move(file), name);
}

int PcapFile::link_type() const {
  return pcap_datalink(file_.get());
}

std::string PcapFile::link_name() const {
  const char* name = pcap_datalink_val_to_name(link_type());
  return name ? name : fmt::format("DLT {}", link_type());
}

Result<std::optional<Frame>> PcapFile::next() {
  pcap_pkthdr* header = nullptr;
  const unsigned char* bytes = nullptr;
  switch (pcap_next_ex(file_.get(), &header, &bytes)) {
    case 1:
      ++read_;
      return Frame{time_of(header->ts), std::as_bytes(std::span(bytes, header->caplen)), header->len};
    case PCAP_ERROR_BREAK:
      return std::nullopt;
    default:
      return fail("{}: {} (after {} packets)", name_, pcap_geterr(file_.get()), read_);
  }
}

}  // namespace sipward::capture
