// Captures made by hand, in every form that programs write.
#pragma once

#include <filesystem>
#include <fstream>
#include <string>
#include <string_view>
#include <vector>

#include "unit/packet/packets.h"

namespace sipward::test {

struct CapturedFrame {
  std::int64_t time_ns = 0;  // since 1970
  Packet bytes;
  std::size_t original_length = 0;  // 0: all of it is there
};

struct PcapForm {
  std::uint32_t link_type = 101;  // RAW
  bool big_endian = false;
  bool nanoseconds = false;
};

inline void put_number(Packet& out, std::uint64_t value, std::size_t size, bool big_endian) {
  for (std::size_t i = 0; i < size; ++i) put8(out, value >> 8 * (big_endian ? size - 1 - i : i));
}

// A pcap file: draft-ietf-opsawg-pcap.
[[nodiscard]] inline Packet make_pcap(const std::vector<CapturedFrame>& frames, const PcapForm& form = {}) {
  Packet out;
  const auto put = [&](std::uint64_t value, std::size_t size) {
    put_number(out, value, size, form.big_endian);
  };
  put(form.nanoseconds ? 0xa1b23c4d : 0xa1b2c3d4, 4);
  put(2, 2);
  put(4, 2);
  put(0, 8);
  put(262144, 4);
  put(form.link_type, 4);
  for (const CapturedFrame& frame : frames) {
    put(static_cast<std::uint64_t>(frame.time_ns / 1'000'000'000), 4);
    put(static_cast<std::uint64_t>(frame.time_ns % 1'000'000'000 / (form.nanoseconds ? 1 : 1000)), 4);
    put(frame.bytes.size(), 4);
    put(frame.original_length > 0 ? frame.original_length : frame.bytes.size(), 4);
    append(out, frame.bytes);
  }
  return out;
}

// A pcapng file with an interface per link type; frame i is of interface i % their number.
// draft-ietf-opsawg-pcapng: section header, interface descriptions (with nanoseconds), enhanced packets.
[[nodiscard]] inline Packet make_pcapng(const std::vector<CapturedFrame>& frames,
                                        const std::vector<std::uint32_t>& link_types = {101},
                                        bool big_endian = false) {
  Packet out;
  const auto block = [&](std::uint32_t type, const auto& fill) {
    Packet body;
    fill(body);
    body.resize((body.size() + 3) / 4 * 4);
    put_number(out, type, 4, big_endian);
    put_number(out, body.size() + 12, 4, big_endian);
    append(out, body);
    put_number(out, body.size() + 12, 4, big_endian);
  };
  const auto put = [&](Packet& body, std::uint64_t value, std::size_t size) {
    put_number(body, value, size, big_endian);
  };
  block(0x0a0d0d0a, [&](Packet& body) {
    put(body, 0x1a2b3c4d, 4);
    put(body, 1, 2);
    put(body, 0, 2);
    put(body, 0xffffffffffffffff, 8);
  });
  for (const std::uint32_t link_type : link_types)
    block(1, [&](Packet& body) {
      put(body, link_type, 2);
      put(body, 0, 2);
      put(body, 262144, 4);
      put(body, 9, 2);  // if_tsresol: 10^-9
      put(body, 1, 2);
      put8(body, 9);
      body.resize(body.size() + 3);
      put(body, 0, 4);
    });
  for (std::size_t i = 0; i < frames.size(); ++i)
    block(6, [&](Packet& body) {
      const auto time = static_cast<std::uint64_t>(frames[i].time_ns);
      put(body, i % link_types.size(), 4);
      put(body, time >> 32U, 4);
      put(body, time & 0xffffffffU, 4);
      put(body, frames[i].bytes.size(), 4);
      put(body, frames[i].original_length > 0 ? frames[i].original_length : frames[i].bytes.size(), 4);
      append(body, frames[i].bytes);
    });
  return out;
}

inline void write_file(const std::filesystem::path& path, const Packet& bytes) {
  std::ofstream(path, std::ios::binary)
      .write(reinterpret_cast<const char*>(bytes.data()), static_cast<std::streamsize>(bytes.size()));
}

}  // namespace sipward::test
