#include "inject/bye.h"

#include <fmt/format.h>

#include <algorithm>
#include <string_view>
#include <utility>

#include "base/one_line.h"
#include "inject/route_set.h"
#include "sip/name_addr.h"

namespace sipward::inject {
namespace {

using dialog::Dialog;
using dialog::Party;
using dialog::Side;

constexpr std::uint32_t kCseqEnd = 1U << 31U;
constexpr std::uint32_t kMissedMax = 100;  // requests of one call that we may have missed
constexpr std::uint32_t kLeap = 1U << 16U;

bool is_control(char c) {
  const auto byte = static_cast<unsigned char>(c);
  return byte < 0x20 || byte == 0x7f;
}

// RFC 3261 section 7.3.1: a line end with blanks behind it is a blank. Other line ends stay, and are refused.
std::string unfolded(std::string_view value) {
  constexpr std::string_view kLws = " \t\r\n";
  std::string made;
  while (!value.empty()) {
    const std::string_view word = value.substr(0, value.find_first_of(kLws));
    value.remove_prefix(word.size());
    const std::string_view gap = value.substr(0, value.find_first_not_of(kLws));
    value.remove_prefix(gap.size());
    const bool is_blank = gap.ends_with(' ') || gap.ends_with('\t');
    made.append(word).append(is_blank ? std::string_view(" ") : gap);
  }
  return made;
}

bool is_in_uri(char c) {
  return !is_control(c) && c != ' ' && c != '<' && c != '>' && c != '"';
}

bool is_in_tag(char c) {
  return is_in_uri(c) && c != ';' && c != ',';
}

// A request line by line. The first value that cannot stand there ends it.
class Writer {
 public:
  Writer(std::string_view call_id, Side from)
      : attempt_(fmt::format("cannot write the {}'s BYE for call \"{}\"",
                             from == Side::caller ? "caller" : "callee", one_line(call_id))) {}

  void start(std::string_view uri) { add("the Request-URI", uri_ok(uri), "BYE ", uri, " SIP/2.0\r\n"); }
  void header(std::string_view name, std::string_view value) {
    add(name, std::ranges::none_of(value, is_control), fmt::format("{}: ", name), value, "\r\n");
  }
  void route(const std::vector<std::string>& values);
  void party(std::string_view name, const Party& party, bool brief);

  [[nodiscard]] Result<std::string> end() && {
    if (error_.text.empty()) return std::move(text_) + "\r\n";
    return tl::unexpected(std::move(error_));
  }
  void lack(std::string_view what) { give_up(ErrorKind::not_found, fmt::format("{} was never seen", what)); }
  void refuse(std::string_view why) { give_up(ErrorKind::refused, why); }

 private:
  static bool uri_ok(std::string_view uri) { return !uri.empty() && std::ranges::all_of(uri, is_in_uri); }
  void add(std::string_view what, bool ok, std::string_view before, std::string_view value,
           std::string_view behind) {
    if (!ok) return malformed(what, value);
    text_.append(before).append(value).append(behind);
  }
  void malformed(std::string_view what, std::string_view value) {
    give_up(ErrorKind::invalid, fmt::format("{} \"{}\" is not well-formed", what, one_line(value)));
  }
  void give_up(ErrorKind kind, std::string_view why) {
    if (error_.text.empty()) error_ = {kind, fmt::format("{}: {}", attempt_, why)};
  }

  std::string attempt_;
  std::string text_;
  Error error_;
};

// What stands behind an address, where it can stand behind the brackets that we write.
std::string_view parameters_of(const sip::NameAddr& address) {
  return address.parameters.starts_with(';') ? address.parameters : std::string_view{};
}

void Writer::route(const std::vector<std::string>& values) {
  std::string joined;
  for (const std::string& value : values) {
    const std::string flat = unfolded(value);
    const std::string_view uri = uri_of(flat);
    if (!uri_ok(uri)) return malformed("Route", value);
    // Without brackets all of it is the URI.
    const sip::NameAddr read = uri.size() == flat.size() ? sip::NameAddr{} : sip::read_name_addr(flat);
    joined += fmt::format("{}<{}>{}", joined.empty() ? "" : ", ", uri, parameters_of(read));
  }
  if (!joined.empty()) header("Route", joined);
}

// Whether `display` can stand between quotes: it ends none of its own and escapes no more than it holds.
bool is_quotable(std::string_view display) {
  for (std::size_t i = 0; i < display.size(); ++i) {
    if (display[i] == '"') return false;
    if (display[i] == '\\' && ++i == display.size()) return false;
  }
  return !display.empty();
}

// From or To. Always in brackets: without them a comma or question mark in the URI would end it.
void Writer::party(std::string_view name, const Party& party, bool brief) {
  const std::string address = unfolded(party.address);
  if (address.empty()) return lack(name);
  const sip::NameAddr read = sip::read_name_addr(address);
  if (!uri_ok(read.uri)) return malformed(name, party.address);
  if (!std::ranges::all_of(party.tag, is_in_tag)) return malformed(name, party.tag);
  const std::string display =
      !brief && is_quotable(read.display) ? fmt::format("\"{}\" ", read.display) : std::string();
  // A side of RFC 2543 has no tag, and gets none (section 12.2.1.1).
  const std::string tag = party.tag.empty() ? std::string() : ";tag=" + party.tag;
  header(name, fmt::format("{}<{}>{}{}", display, read.uri, parameters_of(read), tag));
}

std::string sent_by(const Endpoint& end) {
  const std::string host = end.address.to_string();
  return end.address.family() == Family::ipv6 ? fmt::format("[{}]:{}", host, end.port)
                                              : fmt::format("{}:{}", host, end.port);
}

std::string via(const Dialog& dialog, const ByeRequest& bye) {
  return fmt::format("SIP/2.0/{} {};branch={};rport",
                     dialog.transport == dialog::Transport::udp ? "UDP" : "TCP",
                     sent_by(dialog.party(bye.from).seen), bye.branch);
}

// quoted-string (section 25.1).
std::string quoted(std::string_view text) {
  std::string made = "\"";
  for (const char c : text) {
    if (c == '"' || c == '\\') made += '\\';
    made += c;
  }
  return made + '"';
}

}  // namespace

std::optional<std::uint32_t> bye_cseq(std::uint32_t highest, unsigned rung) {
  if (rung == 0 && highest < kCseqEnd - 1) return std::min(highest + kMissedMax + 1, kCseqEnd - 1);
  if (rung == 1 && highest < kCseqEnd - kLeap) return highest + kLeap;
  if (rung == 2 && highest < kCseqEnd - 2 * kLeap) return kCseqEnd - kLeap;
  return std::nullopt;
}

Result<std::string> write_bye(const Dialog& dialog, const ByeRequest& bye) {
  const Party& sender = dialog.party(bye.from);
  Writer request(dialog.call_id, bye.from);
  const Addressing to = addressing(dialog, bye.from);
  const auto cseq = bye_cseq(sender.cseq, bye.rung);
  if (to.request_uri.empty()) request.lack("the other side's Contact");
  if (sender.seen.port == 0) request.lack("the sender's own address");
  if (dialog.call_id.empty()) request.lack("the Call-ID");
  if (!cseq) request.refuse(fmt::format("no CSeq is left on rung {} above {}", bye.rung, sender.cseq));
  request.start(to.request_uri);
  request.header("Via", via(dialog, bye));
  request.header("Max-Forwards", "70");
  request.route(to.route);
  request.party("From", sender, bye.brief);
  request.party("To", dialog.party(dialog::other(bye.from)), bye.brief);
  request.header("Call-ID", dialog.call_id);
  request.header("CSeq", fmt::format("{} BYE", cseq.value_or(0)));
  if (!bye.reason.empty() && !bye.brief)
    request.header("Reason", fmt::format("Q.850;cause={};text={}", bye.cause, quoted(bye.reason)));
  request.header("Content-Length", "0");
  return std::move(request).end();
}

}  // namespace sipward::inject
