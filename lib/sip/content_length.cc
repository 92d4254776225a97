#include "sip/content_length.h"

#include "sip/number.h"
#include "sip/text.h"

namespace sipward::sip {

ContentLength read_content_length(std::string_view value) {
  value = trim_lws(value);
  const bool minus = value.starts_with('-');
  const std::optional<std::size_t> number = read_number(value.substr(minus ? 1 : 0));
  if (!number) return {LengthField::invalid};
  if (minus) return {LengthField::negative};
  if (*number > kContentLengthMax) return {LengthField::too_large};
  return {LengthField::given, *number};
}

ContentLength join(ContentLength first, ContentLength second) {
  if (first.field == LengthField::missing) return second;
  if (first.field != LengthField::given) return first;
  const bool differ = second.field == LengthField::given && second.bytes != first.bytes;
  return differ ? ContentLength{LengthField::contradictory} : second;
}

}  // namespace sipward::sip
