#include "inject/tcp_reset.h"

#include <netinet/in.h>

#include "inject/ip_header.h"

namespace sipward::inject {
namespace {

constexpr std::size_t kTcpHeader = 20;
constexpr std::byte kRst{0x04};

}  // namespace

ResetPacket::ResetPacket(const Endpoint& from, const Endpoint& to, std::uint32_t sequence)
    : destination_(to.address) {
  const IpHeader header{
      .from = from.address, .to = to.address, .protocol = IPPROTO_TCP, .length = kTcpHeader};
  const std::size_t ip_header = ip_header_size(from.address.family());
  size_ = ip_header + kTcpHeader;
  put_ip(bytes_, header);
  const std::span tcp = std::span(bytes_).subspan(ip_header, kTcpHeader);
  put16(tcp, from.port);
  put16(tcp.subspan(2), to.port);
  put32(tcp.subspan(4), sequence);
  tcp[12] = std::byte{kTcpHeader / 4 << 4U};
  tcp[13] = kRst;
  put16(tcp.subspan(16), checksum(sum(tcp, pseudo_header_sum(header))));
}

ResetPacket to_server(const TcpReset& reset) {
  return {reset.client, reset.server, reset.server_expects};
}

ResetPacket to_client(const TcpReset& reset) {
  return {reset.server, reset.client, reset.client_expects};
}

}  // namespace sipward::inject
