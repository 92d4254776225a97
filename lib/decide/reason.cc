#include "decide/reason.h"

namespace sipward::decide {
namespace {

struct Text {
  std::string_view name;
  std::string_view sentence;
};

constexpr std::array<Text, kReasons> kTexts{{
    {"request", "a SIP request that no rule or policy objects to"},
    {"response", "a SIP response"},
    {"keepalive", "a keep-alive (CRLF, STUN or empty)"},
    {"peer", "from a whitelisted peer"},
    {"not_sip_let", "not SIP, let through by policy.not_sip"},
    {"tcp_data", "TCP that begins no SIP message"},
    {"undecodable", "not decodable as UDP or TCP"},
    {"observed", "would have been dropped, but the mode is observe"},
    {"signature", "a signature rule hit"},
    {"method", "this method is refused from this class of source"},
    {"not_sip", "not SIP"},
    {"malformed", "SIP with defects"},
    {"banned", "its source has just been banned"},
    {"unknown", "policy.unknown serves whitelisted sources alone"},
}};

}  // namespace

std::string_view to_string(Reason reason) {
  return kTexts[static_cast<std::size_t>(reason)].name;
}

std::string_view describe(Reason reason) {
  return kTexts[static_cast<std::size_t>(reason)].sentence;
}

}  // namespace sipward::decide
