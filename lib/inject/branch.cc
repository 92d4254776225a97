#include "inject/branch.h"

#include <fmt/format.h>

#include <charconv>
#include <span>
#include <system_error>

#include "sip/header_values.h"
#include "sip/list.h"
#include "sip/via.h"

namespace sipward::inject {
namespace {

constexpr std::string_view kMagic = "z9hG4bKswt1";
constexpr std::size_t kDigits = 16;

std::uint64_t seal(const KeyedHash& key, std::uint64_t number, std::string_view call_id) {
  const std::string sealed = fmt::format("{:016x}{}", number, call_id);
  return key(std::as_bytes(std::span(sealed)));
}

}  // namespace

std::string Branches::make(std::uint64_t number, std::string_view call_id) const {
  return fmt::format("{}{:016x}{:016x}", kMagic, number, seal(key_, number, call_id));
}

std::optional<std::uint64_t> Branches::read(std::string_view branch, std::string_view call_id) const {
  if (!branch.starts_with(kMagic) || branch.size() != kMagic.size() + 2 * kDigits) return std::nullopt;
  std::uint64_t number = 0;
  const char* const digits = branch.data() + kMagic.size();
  const auto [end, error] = std::from_chars(digits, digits + kDigits, number, 16);
  if (error != std::errc{} || end != digits + kDigits) return std::nullopt;
  // Of the many ways to write a number only the one that make() uses is taken.
  if (branch != make(number, call_id)) return std::nullopt;
  return number;
}

std::optional<std::uint64_t> Branches::own_bye(const sip::Message& message) const {
  const auto* const cseq = message.find(sip::HeaderName::cseq);
  const auto* const via = message.find(sip::HeaderName::via);
  const auto* const call_id = message.find(sip::HeaderName::call_id);
  if (cseq == nullptr || via == nullptr || call_id == nullptr) return std::nullopt;
  if (sip::read_cseq(cseq->value).method != "BYE") return std::nullopt;
  if (message.kind() == sip::Kind::request && message.method() != "BYE") return std::nullopt;
  const auto topmost = sip::read_via(sip::first_of(via->value, sip::ListOf::vias));
  if (!topmost) return std::nullopt;
  return read(topmost->branch, call_id->value);
}

}  // namespace sipward::inject
