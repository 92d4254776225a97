// The From tags of the SIPVicious family, read back: their authors left in them what the scan is after.
// The program's name and its forks' change; the tag is made by the same lines of code.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/address.h"

namespace sipward::match {

// sipvicious 0.3.3, libs/svhelper.py createTag: in hexadecimal a text, the byte 1 and a random number.
struct ScannerTag {
  std::string text;  // "c000020113c4", "1000", "100:secret"
  // The text as svmap.py makes it: the scanned IPv4 address and port, in hexadecimal once more. A number of
  // twelve digits is an extension as well.
  std::optional<Address> scanned;
  std::uint16_t scanned_port = 0;
};

// Nothing when `tag` is none of theirs. The number has five digits or more: with fewer, the tags of others
// begin to look alike.
[[nodiscard]] std::optional<ScannerTag> read_scanner_tag(std::string_view tag);

// A sentence for people, in printable ASCII: "the From tag is SIPVicious svmap's: it scans 192.0.2.1:5060,
// where this packet went". Never the password that svcrack tries.
[[nodiscard]] std::string describe(const ScannerTag& tag, const Address& destination,
                                   std::uint16_t destination_port);

}  // namespace sipward::match
