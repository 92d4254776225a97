#include "local_addresses.h"

#include <ifaddrs.h>
#include <netinet/in.h>

#include <memory>
#include <optional>
#include <span>

#include "base/handle.h"

namespace sipward::shield {
namespace {

std::optional<Address> address_of(const sockaddr* raw) {
  if (raw && raw->sa_family == AF_INET) {
    const auto& bytes = reinterpret_cast<const sockaddr_in*>(raw)->sin_addr;
    return Address::v4(std::as_bytes(std::span<const in_addr, 1>(&bytes, 1)));
  }
  if (raw && raw->sa_family == AF_INET6) {
    const auto& bytes = reinterpret_cast<const sockaddr_in6*>(raw)->sin6_addr;
    return Address::v6(std::as_bytes(std::span<const in6_addr, 1>(&bytes, 1)));
  }
  return std::nullopt;
}

}  // namespace

std::vector<Address> own_addresses() {
  std::vector<Address> own;
  ifaddrs* raw = nullptr;
  if (getifaddrs(&raw) != 0) return own;
  const std::unique_ptr<ifaddrs, CloseWith<freeifaddrs>> list(raw);
  for (const ifaddrs* entry = raw; entry; entry = entry->ifa_next)
    if (const auto address = address_of(entry->ifa_addr)) own.push_back(*address);
  return own;
}

}  // namespace sipward::shield
