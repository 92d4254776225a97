#include "match/subject.h"

#include "match/ascii.h"
#include "sip/name_addr.h"

namespace sipward::match {
namespace {

bool is_blank(char c) {
  return c == ' ' || c == '\t';
}
bool is_break(char c) {
  return c == '\r' || c == '\n';
}

}  // namespace

std::uint32_t Targets::add(const Condition& condition) {
  switch (condition.scope) {
    case Scope::start_line:
      return number(start_line_);
    case Scope::method:
      return number(method_);
    case Scope::request_uri:
      return number(request_uri_);
    case Scope::request_uri_user:
      return number(request_uri_user_);
    case Scope::from_tag:
      return number(from_tag_);
    case Scope::from_display:
      return number(from_display_);
    case Scope::from_user:
      return number(from_user_);
    case Scope::to_user:
      return number(to_user_);
    case Scope::header_names:
      return number(header_names_);
    case Scope::header:
      break;
  }
  const sip::HeaderName name = sip::header_name(condition.header);
  if (name != sip::HeaderName::other) return number(by_name_[static_cast<std::size_t>(name)]);
  for (const Custom& custom : custom_) {
    if (equal_ignoring_case(custom.name, condition.header)) return custom.target;
  }
  custom_.push_back({condition.header, count_});
  return count_++;
}

std::string_view unfold(std::string_view value, std::span<char> out) {
  std::size_t size = 0;
  for (std::size_t i = 0; i < value.size();) {
    if (!is_break(value[i])) {
      if (size > 0 || !is_blank(value[i])) out[size++] = value[i];
      ++i;
      continue;
    }
    while (size > 0 && is_blank(out[size - 1])) --size;
    while (i < value.size() && (is_break(value[i]) || is_blank(value[i]))) ++i;
    if (size > 0 && i < value.size()) out[size++] = ' ';
  }
  while (size > 0 && is_blank(out[size - 1])) --size;
  return {out.data(), size};
}

SubjectReader::SubjectReader(const Targets& targets) : targets_(targets), buffer_(kBufferBytes) {
  subjects_.reserve(kSubjectsMax);
}

std::span<const Subject> SubjectReader::read(const sip::Message& message) {
  buffer_used_ = 0;
  subjects_.clear();
  add_start_line(message);
  for (const sip::Header& header : message.headers()) add_header(header);
  if (targets_.header_names_ != Targets::kNone) add_header_names(message);
  return subjects_;
}

void SubjectReader::add(std::uint32_t target, std::string_view value) {
  if (target != Targets::kNone && !value.empty()) subjects_.push_back({target, value});
}

void SubjectReader::add_user(std::uint32_t target, std::string_view uri) {
  if (target == Targets::kNone) return;
  const std::string_view user = sip::uri_user(uri);
  add(target, user);
  const std::span<char> room = std::span(buffer_).subspan(buffer_used_);
  if (user.find('%') == std::string_view::npos || user.size() > room.size()) return;
  const std::string_view plain = unescape(user, room);
  if (plain.size() == user.size()) return;
  buffer_used_ += plain.size();
  add(target, plain);
}

void SubjectReader::add_start_line(const sip::Message& message) {
  add(targets_.start_line_, message.start_line());
  add(targets_.method_, message.method());
  add(targets_.request_uri_, message.request_uri());
  add_user(targets_.request_uri_user_, message.request_uri());
}

bool SubjectReader::looks_inside(const sip::Header& header) const {
  if (header.name == sip::HeaderName::to) return targets_.to_user_ != Targets::kNone;
  return header.name == sip::HeaderName::from &&
         (targets_.from_tag_ != Targets::kNone || targets_.from_display_ != Targets::kNone ||
          targets_.from_user_ != Targets::kNone);
}

void SubjectReader::add_header(const sip::Header& header) {
  const bool inside = looks_inside(header);
  const std::uint32_t target = target_of(header);
  if (!inside && target == Targets::kNone) return;
  const std::string_view value = plain_value(header);
  add(target, value);
  if (!inside) return;
  if (header.name == sip::HeaderName::from) return add_from(value);
  add_user(targets_.to_user_, sip::read_name_addr(value).uri);
}

void SubjectReader::add_from(std::string_view value) {
  const sip::NameAddr address = sip::read_name_addr(value);
  add(targets_.from_tag_, sip::parameter(address.parameters, "tag"));
  add(targets_.from_display_, address.display);
  add_user(targets_.from_user_, address.uri);
}

void SubjectReader::add_header_names(const sip::Message& message) {
  const std::span<char> room = std::span(buffer_).subspan(buffer_used_);
  std::size_t size = 0;
  for (const sip::Header& header : message.headers()) {
    if (header.spelled.size() + 1 > room.size() - size) break;
    if (size > 0) room[size++] = ' ';
    size += header.spelled.copy(&room[size], header.spelled.size());
  }
  buffer_used_ += size;
  add(targets_.header_names_, {room.data(), size});
}

std::uint32_t SubjectReader::target_of(const sip::Header& header) const {
  if (header.name != sip::HeaderName::other) return targets_.by_name_[static_cast<std::size_t>(header.name)];
  for (const Targets::Custom& custom : targets_.custom_) {
    if (equal_ignoring_case(custom.name, header.spelled)) return custom.target;
  }
  return Targets::kNone;
}

std::string_view SubjectReader::plain_value(const sip::Header& header) {
  const std::span<char> room = std::span(buffer_).subspan(buffer_used_);
  if (!header.folded || header.value.size() > room.size()) return header.value;
  const std::string_view plain = unfold(header.value, room);
  buffer_used_ += plain.size();
  return plain;
}

}  // namespace sipward::match
