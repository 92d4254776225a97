// IP addresses and prefixes, tagged with their family. An IPv4 key never equals an IPv6 key.
#pragma once

#include <array>
#include <compare>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <span>
#include <string>
#include <string_view>

#include "base/result.h"

namespace sipward {

enum class Family : std::uint8_t { ipv4 = 4, ipv6 = 6 };

class Address {
 public:
  Address() = default;  // 0.0.0.0

  // `bytes` in network order: 4 for IPv4, 16 for IPv6; an IPv4-mapped IPv6 address (RFC 4291, 2.5.5.2) stays
  // IPv6.
  [[nodiscard]] static Address v4(std::span<const std::byte, 4> bytes);
  [[nodiscard]] static Address v6(std::span<const std::byte, 16> bytes);
  // "192.0.2.1" or "2001:db8::1", no brackets, no zone. Errors quote the text.
  [[nodiscard]] static Result<Address> parse(std::string_view text);

  [[nodiscard]] Family family() const { return family_; }
  [[nodiscard]] unsigned bits() const { return family_ == Family::ipv4 ? 32 : 128; }
  // Network order, 4 or 16 bytes.
  [[nodiscard]] std::span<const std::byte> bytes() const {
    return std::span(bytes_).first(family_ == Family::ipv4 ? 4 : 16);
  }
  // Family and all 16 bytes (IPv4: the first four, then zeros): for hashing and comparing.
  [[nodiscard]] std::array<std::byte, 17> key() const;
  [[nodiscard]] std::string to_string() const;
  // The same address with the bits after `length` cleared.
  [[nodiscard]] Address masked(unsigned length) const;
  // Becomes the next address; false (and all zeros) when this was the family's last one.
  [[nodiscard]] bool increment();
  // The address before this one; must not be the family's first.
  [[nodiscard]] Address decremented() const;

  friend auto operator<=>(const Address&, const Address&) = default;

 private:
  Family family_ = Family::ipv4;
  std::array<std::byte, 16> bytes_{};
};

// A net in CIDR notation; a single address is the prefix of full length.
class Prefix {
 public:
  Prefix() = default;
  Prefix(Address address) : base_(address), length_(address.bits()) {}  // NOLINT: an address is a prefix
  // Clears the host bits. `length` must be at most address.bits().
  Prefix(Address address, unsigned length) : base_(address.masked(length)), length_(length) {}

  // "192.0.2.1", "192.0.2.0/24", "2001:db8::/32". Host bits that are set are an error that names the net that
  // was probably meant ("192.0.2.7/24 has host bits set; did you mean 192.0.2.0/24?").
  [[nodiscard]] static Result<Prefix> parse(std::string_view text);

  [[nodiscard]] const Address& base() const { return base_; }
  [[nodiscard]] unsigned length() const { return length_; }
  [[nodiscard]] Family family() const { return base_.family(); }
  [[nodiscard]] bool is_host() const { return length_ == base_.bits(); }
  [[nodiscard]] bool contains(const Address& address) const;
  [[nodiscard]] bool contains(const Prefix& other) const;
  [[nodiscard]] bool overlaps(const Prefix& other) const { return contains(other) || other.contains(*this); }
  [[nodiscard]] Address last() const;
  // "192.0.2.1" for a host, "192.0.2.0/24" for a net.
  [[nodiscard]] std::string to_string() const;

  friend auto operator<=>(const Prefix&, const Prefix&) = default;

 private:
  Address base_;
  unsigned length_ = 32;
};

}  // namespace sipward
