// Reading numbers in network order. The caller has checked that they are there.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

namespace sipward::packet {

using Bytes = std::span<const std::byte>;

[[nodiscard]] inline std::uint8_t u8(Bytes bytes, std::size_t at) {
  return std::to_integer<std::uint8_t>(bytes[at]);
}
[[nodiscard]] inline std::uint16_t u16(Bytes bytes, std::size_t at) {
  return static_cast<std::uint16_t>(u8(bytes, at) << 8U | u8(bytes, at + 1));
}
[[nodiscard]] inline std::uint32_t u32(Bytes bytes, std::size_t at) {
  return std::uint32_t{u16(bytes, at)} << 16U | u16(bytes, at + 2);
}

}  // namespace sipward::packet
