#include "base/address.h"

#include <arpa/inet.h>

#include <algorithm>
#include <charconv>
#include <cstring>

namespace sipward {

Address Address::v4(std::span<const std::byte, 4> bytes) {
  Address address;
  std::ranges::copy(bytes, address.bytes_.begin());
  return address;
}

Address Address::v6(std::span<const std::byte, 16> bytes) {
  Address address;
  address.family_ = Family::ipv6;
  std::ranges::copy(bytes, address.bytes_.begin());
  return address;
}

Result<Address> Address::parse(std::string_view text) {
  const std::string copy(text);
  Address address;
  if (text.find('\0') != std::string_view::npos)  // inet_pton would stop there
    return fail(ErrorKind::invalid, "'{}' is not an IPv4 or IPv6 address", text);
  if (inet_pton(AF_INET, copy.c_str(), address.bytes_.data()) == 1) return address;
  address.family_ = Family::ipv6;
  if (inet_pton(AF_INET6, copy.c_str(), address.bytes_.data()) == 1) return address;
  return fail(ErrorKind::invalid, "'{}' is not an IPv4 or IPv6 address", text);
}

std::array<std::byte, 17> Address::key() const {
  std::array<std::byte, 17> key{};
  key[0] = static_cast<std::byte>(family_);
  std::ranges::copy(bytes_, key.begin() + 1);
  return key;
}

std::string Address::to_string() const {
  char text[INET6_ADDRSTRLEN];
  inet_ntop(family_ == Family::ipv4 ? AF_INET : AF_INET6, bytes_.data(), text, sizeof text);
  return text;
}

Address Address::masked(unsigned length) const {
  Address result = *this;
  for (unsigned i = 0; i < result.bytes().size(); ++i) {
    const unsigned kept = length > i * 8 ? std::min(length - i * 8, 8U) : 0;
    result.bytes_[i] &= static_cast<std::byte>(0xff00U >> kept);
  }
  return result;
}

bool Address::increment() {
  for (std::size_t i = bytes().size(); i-- > 0;) {
    bytes_[i] = static_cast<std::byte>(std::to_integer<unsigned>(bytes_[i]) + 1);
    if (bytes_[i] != std::byte{0}) return true;
  }
  return false;
}

Address Address::decremented() const {
  Address result = *this;
  for (std::size_t i = bytes().size(); i-- > 0;) {
    result.bytes_[i] = static_cast<std::byte>(std::to_integer<unsigned>(result.bytes_[i]) - 1);
    if (result.bytes_[i] != std::byte{0xff}) break;
  }
  return result;
}

Result<Prefix> Prefix::parse(std::string_view text) {
  const auto slash = text.find('/');
  auto address = Address::parse(text.substr(0, slash));
  if (!address)
    return fail(ErrorKind::invalid,
                "'{}' is not an address or a net (192.0.2.1, 192.0.2.0/24, 2001:db8::/32)", text);
  if (slash == std::string_view::npos) return Prefix(*address);
  const auto digits = text.substr(slash + 1);
  unsigned length = 0;
  const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), length);
  if (error != std::errc() || end != digits.data() + digits.size() || length > address->bits())
    return fail(ErrorKind::invalid, "'{}': the prefix length must be a number from 0 to {}", text,
                address->bits());
  const Prefix prefix(*address, length);
  if (prefix.base() != *address)
    return fail(ErrorKind::invalid, "'{}' has host bits set; did you mean {}/{}?", text,
                prefix.base().to_string(), length);
  return prefix;
}

bool Prefix::contains(const Address& address) const {
  return address.family() == family() && address.masked(length_) == base_;
}

bool Prefix::contains(const Prefix& other) const {
  return other.length_ >= length_ && contains(other.base_);
}

Address Prefix::last() const {
  std::array<std::byte, 16> bytes{};
  std::ranges::copy(base_.bytes(), bytes.begin());
  for (unsigned i = 0; i < base_.bytes().size(); ++i) {
    const unsigned kept = length_ > i * 8 ? std::min(length_ - i * 8, 8U) : 0;
    bytes[i] |= static_cast<std::byte>(0xffU >> kept);
  }
  return family() == Family::ipv4 ? Address::v4(std::span(bytes).first<4>()) : Address::v6(bytes);
}

std::string Prefix::to_string() const {
  return is_host() ? base_.to_string() : fmt::format("{}/{}", base_.to_string(), length_);
}

}  // namespace sipward
