// The end of a TCP connection, told to both sides in each other's name (RFC 9293, section 3.5.2).
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>

#include "base/address.h"
#include "base/endpoint.h"

namespace sipward::inject {

// A connection that is to end. A receiver takes a RST only at the very number it expects next (RFC 5961,
// section 3.2).
struct TcpReset {
  Endpoint client;
  Endpoint server;
  std::uint32_t server_expects = 0;  // of the client's bytes
  std::uint32_t client_expects = 0;  // of the server's bytes
};

// An IP packet that is a bare RST. At most 60 bytes.
class ResetPacket {
 public:
  [[nodiscard]] std::span<const std::byte> bytes() const { return std::span(bytes_).first(size_); }
  [[nodiscard]] const Address& destination() const { return destination_; }

 private:
  friend ResetPacket to_server(const TcpReset&);
  friend ResetPacket to_client(const TcpReset&);
  ResetPacket(const Endpoint& from, const Endpoint& to, std::uint32_t sequence);

  std::array<std::byte, 60> bytes_{};
  std::size_t size_ = 0;
  Address destination_;
};

[[nodiscard]] ResetPacket to_server(const TcpReset& reset);
[[nodiscard]] ResetPacket to_client(const TcpReset& reset);

}  // namespace sipward::inject
