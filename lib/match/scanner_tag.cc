#include "match/scanner_tag.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>

namespace sipward::match {
namespace {

constexpr std::size_t kShownMax = 64;
constexpr std::size_t kNumberDigitsMin = 5;
constexpr std::size_t kNumberDigitsMax = 10;  // getrandbits(32)

// Hexadecimal digits of `text` as a number; nothing if there is another character.
template <class Number>
std::optional<Number> from_hex(std::string_view text) {
  Number number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number, 16);
  if (error != std::errc{} || end != text.data() + text.size()) return std::nullopt;
  return number;
}

std::optional<std::string> bytes_of_hex(std::string_view hex) {
  if (hex.size() % 2 != 0) return std::nullopt;
  std::string bytes;
  for (std::size_t i = 0; i < hex.size(); i += 2) {
    const auto byte = from_hex<std::uint8_t>(hex.substr(i, 2));
    if (!byte) return std::nullopt;
    bytes += static_cast<char>(*byte);
  }
  return bytes;
}

bool is_digit(char c) {
  return c >= '0' && c <= '9';
}

bool all_digits(std::string_view text) {
  return std::ranges::all_of(text, is_digit);
}

// As svmap.py writes an IPv4 address and a port: "c000020113c4".
void read_scanned(ScannerTag& tag) {
  if (tag.text.size() != 12) return;
  const std::string_view text = tag.text;
  const auto host = from_hex<std::uint32_t>(text.substr(0, 8));
  const auto port = from_hex<std::uint16_t>(text.substr(8));
  if (!host || !port) return;
  const auto address = Address::parse(
      fmt::format("{}.{}.{}.{}", *host >> 24U, *host >> 16U & 255U, *host >> 8U & 255U, *host & 255U));
  if (!address) return;
  tag.scanned = *address;
  tag.scanned_port = *port;
}

std::string endpoint(const Address& address, std::uint16_t port) {
  return address.family() == Family::ipv6 ? fmt::format("[{}]:{}", address.to_string(), port)
                                          : fmt::format("{}:{}", address.to_string(), port);
}

// svmap.py writes an IPv6 address without its colons, which cannot be read back but compared.
bool is_about(const ScannerTag& tag, const Address& destination, std::uint16_t port) {
  if (destination.family() == Family::ipv4) return tag.scanned == destination && tag.scanned_port == port;
  std::string text = destination.to_string();
  std::erase(text, ':');
  return tag.text == fmt::format("{}{:04x}", text, port);
}

std::string printable(std::string_view text) {
  std::string shown;
  for (const char c : text.substr(0, kShownMax)) {
    if (c >= ' ' && c <= '~') {
      shown += c;
    } else {
      shown += fmt::format("\\x{:02x}", static_cast<unsigned char>(c));
    }
  }
  return text.size() > kShownMax ? shown + "..." : shown;
}

}  // namespace

std::optional<ScannerTag> read_scanner_tag(std::string_view tag) {
  const auto bytes = bytes_of_hex(tag);
  if (!bytes) return std::nullopt;
  const auto first_digit = std::find_if_not(bytes->rbegin(), bytes->rend(), is_digit);
  const auto digits = static_cast<std::size_t>(first_digit - bytes->rbegin());
  if (digits < kNumberDigitsMin || digits > kNumberDigitsMax || bytes->size() < digits + 2)
    return std::nullopt;
  const std::size_t mark = bytes->size() - digits - 1;
  ScannerTag read{bytes->substr(0, mark), std::nullopt, 0};
  const bool is_text =
      std::ranges::all_of(read.text, [](char c) { return static_cast<unsigned char>(c) >= ' '; });
  if ((*bytes)[mark] != '\x01' || !is_text) return std::nullopt;
  read_scanned(read);
  return read;
}

std::string describe(const ScannerTag& tag, const Address& destination, std::uint16_t destination_port) {
  if (is_about(tag, destination, destination_port))
    return fmt::format("the From tag is SIPVicious svmap's: it scans {}, where this packet went",
                       endpoint(destination, destination_port));
  const std::string extension = printable(tag.text.substr(0, tag.text.find(':')));
  if (extension.size() < tag.text.size() && tag.text.find(':') != std::string::npos)
    return fmt::format("the From tag is SIPVicious svcrack's: it tries a password for extension {}",
                       extension);
  if (tag.scanned && !all_digits(tag.text))
    return fmt::format("the From tag is SIPVicious svmap's: it scans {}",
                       endpoint(*tag.scanned, tag.scanned_port));
  const std::string guess =
      fmt::format("the From tag is SIPVicious svwar's: it tries extension {}", extension);
  if (!tag.scanned) return guess;
  return fmt::format("{} (or svmap's: it scans {})", guess, endpoint(*tag.scanned, tag.scanned_port));
}

}  // namespace sipward::match
