#include "sip/credentials.h"

#include <algorithm>
#include <array>

#include "sip/list.h"
#include "sip/scan.h"
#include "sip/text.h"

namespace sipward::sip {
namespace {

constexpr std::string_view kScheme = "Digest";

struct Field {
  std::string_view name;
  std::string_view Digest::*member;
};
constexpr std::array<Field, 6> kFields = {{{"username", &Digest::username},
                                           {"realm", &Digest::realm},
                                           {"nonce", &Digest::nonce},
                                           {"uri", &Digest::uri},
                                           {"response", &Digest::response},
                                           {"algorithm", &Digest::algorithm}}};

// `parameter` is `name = value` or `name = "value"`.
void read_parameter(std::string_view parameter, Digest& digest) {
  const std::size_t equals = parameter.find('=');
  if (equals == kNone) return;
  const std::string_view name = trim_lws(parameter.substr(0, equals));
  for (const Field& field : kFields) {
    if (!equal_nocase(name, field.name)) continue;
    std::string_view& value = digest.*field.member;
    if (value.data() == nullptr) value = unquote(trim_lws(parameter.substr(equals + 1)));
  }
}

}  // namespace

std::optional<Digest> read_digest(std::string_view value) {
  value = trim_lws(value);
  const auto* const end = std::find_if(value.begin(), value.end(), is_lws);
  const auto size = static_cast<std::size_t>(end - value.begin());
  if (!equal_nocase(value.substr(0, size), kScheme)) return std::nullopt;
  ListReader list(value.substr(size), ListOf::parameters);
  Digest digest;
  while (const auto parameter = list.next()) read_parameter(*parameter, digest);
  return digest;
}

}  // namespace sipward::sip
