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
    {"tcp_data", "TCP that completes no SIP message"},
    {"undecodable", "not decodable as UDP or TCP"},
    {"observed", "would have been dropped, but the mode or the rule only observes"},
    {"signature", "a signature rule hit"},
    {"score", "the scores of the rules that it hit add up to a ban"},
    {"method", "this method is refused from this class of source"},
    {"not_sip", "not SIP"},
    {"malformed", "SIP with defects"},
    {"tcp_stream", "bytes of a TCP connection that cannot be read in order"},
    {"flood", "its source sends more packets than any phone or gateway does"},
    {"rate", "its source sends more requests than its class may"},
    {"rate_prefix", "its prefix sends more requests than one may"},
    {"excess", "its source kept on over its rate, so that nothing of it is served until it pauses"},
    {"flows", "its source or prefix uses more ports at once than one may"},
    {"open", "its source or prefix has more open transactions and dialogs than one may"},
    {"budget", "all unknown sources together are over their budget"},
    {"credentials", "the softswitch refused this user's credentials from this address again and again"},
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
