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

// Takes the word that `text` begins with, and the blanks behind it.
std::string_view take_word(std::string_view& text) {
  const auto* const end = std::find_if(text.begin(), text.end(), is_lws);
  const std::string_view word = text.substr(0, static_cast<std::size_t>(end - text.begin()));
  text = trim_left_lws(text.substr(word.size()));
  return word;
}

struct Parameter {
  std::string_view name;
  std::string_view value;
};

// `name = value` or `name = "value"`.
std::optional<Parameter> split(std::string_view parameter) {
  const std::size_t equals = parameter.find('=');
  if (equals == kNone) return std::nullopt;
  return Parameter{trim_lws(parameter.substr(0, equals)), unquote(trim_lws(parameter.substr(equals + 1)))};
}

void read_parameter(std::string_view text, Digest& digest) {
  const auto parameter = split(text);
  if (!parameter) return;
  for (const Field& field : kFields) {
    if (!equal_nocase(parameter->name, field.name)) continue;
    std::string_view& value = digest.*field.member;
    if (value.data() == nullptr) value = parameter->value;
  }
}

void read_parameter(std::string_view text, Challenge& challenge) {
  const auto parameter = split(text);
  if (!parameter) return;
  if (equal_nocase(parameter->name, "nonce") && challenge.nonce.data() == nullptr)
    challenge.nonce = parameter->value;
  if (equal_nocase(parameter->name, "stale")) challenge.stale = equal_nocase(parameter->value, "true");
}

// A scheme and something behind it that is not its "=".
bool begins_challenge(std::string_view element) {
  const std::string_view scheme = take_word(element);
  return is_token(scheme) && !element.empty() && element.front() != '=';
}

}  // namespace

std::optional<Digest> read_digest(std::string_view value) {
  value = trim_lws(value);
  if (!equal_nocase(take_word(value), kScheme)) return std::nullopt;
  ListReader list(value, ListOf::parameters);
  Digest digest;
  while (const auto parameter = list.next()) read_parameter(*parameter, digest);
  return digest;
}

ChallengeReader::ChallengeReader(std::string_view value)
    : list_(value, ListOf::parameters), element_(list_.next()) {}

std::optional<Challenge> ChallengeReader::next() {
  if (!element_) return std::nullopt;
  Challenge challenge;
  const bool is_digest = equal_nocase(take_word(*element_), kScheme);
  do {
    if (is_digest) read_parameter(*element_, challenge);
    element_ = list_.next();
  } while (element_ && !begins_challenge(*element_));
  return challenge;
}

}  // namespace sipward::sip
