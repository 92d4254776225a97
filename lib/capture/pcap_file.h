// Packets from a capture file: pcap and pcapng, as libpcap reads them (both byte orders, micro- and
// nanoseconds).
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <span>
#include <string>

#include "base/result.h"

struct pcap;

namespace sipward::capture {

using CaptureTime = std::chrono::sys_time<std::chrono::nanoseconds>;

struct Frame {
  CaptureTime time;
  std::span<const std::byte> bytes;  // as captured, beginning with the link layer header
  std::uint32_t original_length = 0;

  // Whether the capture kept only the beginning (tcpdump -s).
  [[nodiscard]] bool is_cut() const { return bytes.size() < original_length; }
};

// One thread. Move-only.
class PcapFile {
 public:
  // "-" reads standard input. A file that is not there or may not be read is `not_found` or `denied`; one
  // that is no capture is `invalid`, in libpcap's words. So is a pcapng file whose interfaces differ in link
  // type, if that shows at its beginning; else next() tells.
  [[nodiscard]] static Result<PcapFile> open(const std::filesystem::path& path);

  // libpcap's DLT_ number, and what it calls it: "EN10MB".
  [[nodiscard]] int link_type() const;
  [[nodiscard]] std::string link_name() const;

  // The next packet; its bytes are valid until the next call. Nothing: the end. An error, which names the
  // file and how many packets were read: the file breaks off, or is damaged.
  [[nodiscard]] Result<std::optional<Frame>> next();

 private:
  struct Close {
    void operator()(pcap* file) const;
  };
  PcapFile(std::unique_ptr<pcap, Close> file, std::string name)
      : file_(std::move(file)), name_(std::move(name)) {}

  std::unique_ptr<pcap, Close> file_;
  std::string name_;
  std::uint64_t read_ = 0;
};

}  // namespace sipward::capture
