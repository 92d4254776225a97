#include "replay_message.h"

#include "replay_tally.h"
#include "text.h"

namespace sipward::cli {
namespace {

using nlohmann::json;

bool has_start_line(const sip::Message& message) {
  return message.kind() == sip::Kind::request || message.kind() == sip::Kind::response;
}

std::string_view transport(const Sighting& sighting) {
  return sighting.datagram.protocol == packet::Protocol::tcp ? "tcp" : "udp";
}

std::string_view word(const Verdict& verdict) {
  return verdict.ignored ? "ignored" : verdict.word();
}

std::string_view reason(const Verdict& verdict) {
  return verdict.ignored ? to_string(*verdict.ignored) : std::string_view(verdict.reason);
}

Paint paint_of(const Verdict& verdict) {
  return verdict.dropped ? Paint::bad : Paint::plain;
}

}  // namespace

std::string verdict_text(const Verdict& verdict) {
  std::string text = fmt::format("{} {}", word(verdict), reason(verdict));
  if (!verdict.would_drop.empty()) text += fmt::format(" ({})", verdict.would_drop);
  if (!verdict.rule.empty()) text += " " + verdict.rule;
  return text;
}

json verdict_json(const Verdict& verdict) {
  return {{"verdict", word(verdict)},
          {"reason", reason(verdict)},
          {"rule", verdict.rule},
          {"would_drop", verdict.would_drop.empty() ? json(nullptr) : json(verdict.would_drop)}};
}

std::string endpoint(const Address& address, std::uint16_t port) {
  const bool v6 = address.family() == Family::ipv6;
  return fmt::format("{}{}{}:{}", v6 ? "[" : "", address.to_string(), v6 ? "]" : "", port);
}

std::string summary(const Sighting& sighting, const sip::Message& message) {
  if (has_start_line(message)) return safe(message.start_line());
  return fmt::format("({} bytes)", sighting.datagram.payload.size());
}

std::string message_line(const Output& out, const Sighting& sighting, const sip::Message& message,
                         const Verdict& verdict) {
  const std::string text = fmt::format("{:<32}", verdict_text(verdict));
  return fmt::format("{} {} {:<24} {} {}\n", iso(sighting.time), transport(sighting),
                     endpoint(sighting.datagram.source, sighting.datagram.source_port),
                     out.paint(paint_of(verdict), safe(text)), summary(sighting, message));
}

json message_json(const Sighting& sighting, const sip::Message& message, const Verdict& verdict) {
  const packet::Datagram& datagram = sighting.datagram;
  const sip::Header* call = message.find(sip::HeaderName::call_id);
  json row = verdict_json(verdict);
  row.update({{"time", iso(sighting.time)},
              {"transport", transport(sighting)},
              {"source", datagram.source.to_string()},
              {"source_port", datagram.source_port},
              {"destination", datagram.destination.to_string()},
              {"destination_port", datagram.destination_port},
              {"verified", sighting.verified},
              {"bytes", datagram.payload.size()},
              {"start_line", has_start_line(message) ? json(message.start_line()) : json(nullptr)},
              {"call_id", call ? json(call->value) : json(nullptr)}});
  return row;
}

}  // namespace sipward::cli
