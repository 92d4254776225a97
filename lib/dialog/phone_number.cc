#include "dialog/phone_number.h"

#include <algorithm>

#include "sip/name_addr.h"
#include "sip/uri.h"

namespace sipward::dialog {
namespace {

constexpr std::string_view kDigits = "0123456789*#";
constexpr std::string_view kSeparators = "-.()";

char lower(char c) {
  return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c;
}

std::string without_separators(std::string_view text) {
  std::string bare(text);
  std::erase_if(bare, [](char c) { return kSeparators.find(c) != std::string_view::npos; });
  return bare;
}

bool is_number(std::string_view text) {
  if (text.starts_with('+')) text.remove_prefix(1);
  return !text.empty() && text.find_first_not_of(kDigits) == std::string_view::npos;
}

std::string whole_in_lower_case(const sip::Uri& uri) {
  std::string text(uri.scheme_text);
  if (!text.empty()) text += ':';
  text += uri.rest;
  std::ranges::transform(text, text.begin(), lower);
  return text;
}

}  // namespace

std::string number_of(std::string_view uri) {
  const sip::Uri parts = sip::read_uri(uri);
  if (parts.scheme == sip::Uri::Scheme::other) return whole_in_lower_case(parts);
  // "sip:+4930;phone-context=x@h": parameters of the number, within the user.
  const std::string_view user = parts.user.substr(0, parts.user.find(';'));
  std::string buffer(user.size(), '\0');
  const std::string_view plain = sip::unescape(user, buffer);
  std::string bare = without_separators(plain);
  return is_number(bare) ? bare : std::string(plain);
}

std::string number_of_address(std::string_view address) {
  return number_of(sip::read_name_addr(address).uri);
}

}  // namespace sipward::dialog
