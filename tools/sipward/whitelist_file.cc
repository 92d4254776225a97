#include "whitelist_file.h"

#include <map>

#include "arguments.h"
#include "base/duration.h"
#include "control/whitelist_net.h"
#include "fields.h"
#include "text.h"

namespace sipward::cli {
namespace {

constexpr std::size_t kFieldsMax = 4;

std::string_view trimmed(std::string_view text) {
  const auto first = text.find_first_not_of(" \t\r");
  if (first == std::string_view::npos) return {};
  return text.substr(first, text.find_last_not_of(" \t\r") - first + 1);
}

// The field that begins at `rest`, its comma taken too.
Result<std::string> take_field(std::string_view& rest) {
  rest.remove_prefix(std::min(rest.find_first_not_of(" \t"), rest.size()));
  if (!rest.starts_with('"')) {
    const auto comma = std::min(rest.find(','), rest.size());
    std::string field(trimmed(rest.substr(0, comma)));
    rest.remove_prefix(std::min(comma + 1, rest.size()));
    return field;
  }
  std::string field;
  for (rest.remove_prefix(1);; rest.remove_prefix(1)) {
    if (rest.empty()) return fail(ErrorKind::invalid, "a quoted field does not end");
    if (rest[0] == '"' && !rest.starts_with("\"\"")) break;
    if (rest[0] == '"') rest.remove_prefix(1);
    field += rest[0];
  }
  rest = trimmed(rest.substr(1));
  if (!rest.empty() && rest[0] != ',')
    return fail(ErrorKind::invalid, "'{}' stands after a quoted field", rest);
  rest.remove_prefix(std::min<std::size_t>(1, rest.size()));
  return field;
}

Result<std::vector<std::string>> split(std::string_view line) {
  std::vector<std::string> fields;
  for (std::string_view rest = line; !rest.empty();) {
    auto field = take_field(rest);
    if (!field) return tl::unexpected(field.error());
    fields.push_back(*std::move(field));
  }
  if (fields.size() > kFieldsMax)
    return fail(ErrorKind::invalid, "{} fields; at most net,expires,comment,class", fields.size());
  fields.resize(kFieldsMax);
  return fields;
}

// From now; not above zero when that time has passed.
Result<std::optional<std::chrono::milliseconds>> parse_expiry(const std::string& text, WallTime now) {
  if (text.empty()) return std::nullopt;
  if (const auto duration = parse_duration(text)) return *duration;
  if (const auto time = parse_iso(text)) return *time - now;
  return fail(ErrorKind::invalid,
              "'{}' is neither a duration (30d) nor a time (2026-12-31 or 2026-12-31T18:00:00Z)", text);
}

Result<WhitelistLine> parse_line(std::string_view text, WallTime now) {
  const auto fields = split(text);
  if (!fields) return tl::unexpected(fields.error());
  const auto net = Prefix::parse((*fields)[0]);
  if (!net) return tl::unexpected(net.error());
  if (const auto allowed = control::check_whitelist_net(*net); !allowed)
    return tl::unexpected(allowed.error());
  const auto expiry = parse_expiry((*fields)[1], now);
  if (!expiry) return tl::unexpected(expiry.error());
  if (const auto printable = check_printable((*fields)[2]); !printable)
    return tl::unexpected(printable.error());
  const std::string& source_class = (*fields)[3];
  if (!source_class.empty() && source_class != "trusted" && source_class != "peer")
    return fail(ErrorKind::invalid, "'{}' is no class; write trusted or peer", source_class);
  return WhitelistLine{0, *net, *expiry, (*fields)[2], source_class.empty() ? "trusted" : source_class};
}

// Quoted when the reader would not give back the same otherwise.
std::string quoted(const std::string& field) {
  const bool is_plain = field.find_first_of(",\"") == std::string::npos && trimmed(field) == field;
  if (is_plain) return field;
  std::string text = "\"";
  for (const char c : field) text += c == '"' ? std::string("\"\"") : std::string(1, c);
  return text + '"';
}

}  // namespace

WhitelistFile read_whitelist(std::string_view content, const std::string& name, WallTime now) {
  WhitelistFile file;
  std::map<Prefix, unsigned> seen;
  unsigned number = 0;
  while (!content.empty()) {
    const auto end = std::min(content.find('\n'), content.size());
    const std::string_view text = trimmed(content.substr(0, end));
    content.remove_prefix(std::min(end + 1, content.size()));
    ++number;
    if (text.empty() || text[0] == '#') continue;
    auto line = parse_line(text, now);
    if (line && !seen.emplace(line->net, number).second)
      line = fail(ErrorKind::invalid, "{} stands in line {} already", line->net.to_string(), seen[line->net]);
    if (!line) {
      file.errors.push_back({line.error().kind, fmt::format("{}:{}: {}", name, number, line.error().text)});
    } else if (line->duration && line->duration->count() <= 0) {
      file.expired.push_back(
          fmt::format("{}:{}: {} has expired, skipped", name, number, line->net.to_string()));
    } else {
      line->number = number;
      file.lines.push_back(*std::move(line));
    }
  }
  return file;
}

std::string whitelist_line(const nlohmann::json& entry) {
  return fmt::format("{},{},{},{}\n", quoted(safe(text_of(entry, "net"))),
                     quoted(safe(text_of(entry, "expires"))), quoted(safe(text_of(entry, "comment"))),
                     quoted(safe(text_of(entry, "class"))));
}

}  // namespace sipward::cli
