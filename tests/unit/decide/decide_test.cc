#include <string>
#include <vector>

#include "decisions.h"

namespace sipward::decide {
namespace {

using std::chrono::hours;
using std::chrono::milliseconds;
using std::chrono::seconds;

TEST_CASE("each reason, for unlisted sources and for peers, under the default policy") {
  struct Case {
    const char* description;
    Packet packet;
    Reason unlisted;
    Reason peer;
  };
  const std::vector<Case> cases{
      {"a call", {.text = kInvite}, Reason::request, Reason::peer},
      {"a response", {.text = kResponse}, Reason::response, Reason::peer},
      {"a keep-alive", {.text = kKeepalive}, Reason::keepalive, Reason::peer},
      {"an empty datagram", {.text = ""}, Reason::keepalive, Reason::peer},
      {"a TCP handshake", {.text = "", .transport = Transport::tcp}, Reason::tcp_data, Reason::peer},
      {"a keep-alive over TCP",
       {.text = kKeepalive, .transport = Transport::tcp},
       Reason::keepalive,
       Reason::peer},
      {"a response that a rule would hit", {.text = kResponse, .hit = kBan}, Reason::response, Reason::peer},
      {"a keep-alive that a rule would hit",
       {.text = kKeepalive, .hit = kBan},
       Reason::keepalive,
       Reason::peer},
      {"noise that a rule would hit", {.text = kNotSip, .hit = kBan}, Reason::not_sip, Reason::peer},
      {"a method that is refused", {.text = kOptions}, Reason::method, Reason::peer},
      {"an unheard-of method", {.text = request("FROB")}, Reason::request, Reason::peer},
      {"HTTP over UDP", {.text = kNotSip}, Reason::not_sip, Reason::peer},
      {"HTTP over TCP", {.text = kNotSip, .transport = Transport::tcp}, Reason::not_sip, Reason::peer},
      {"a rule that logs", {.text = kInvite, .hit = kLog}, Reason::request, Reason::peer},
      {"a rule that drops", {.text = kInvite, .hit = kDrop}, Reason::signature, Reason::signature},
      {"a rule that bans", {.text = kInvite, .hit = kBan}, Reason::signature, Reason::signature},
      {"defects, let pass", {.text = kMalformed}, Reason::request, Reason::peer},
      {"too many headers", {.text = with_headers(257)}, Reason::malformed, Reason::peer},
      {"a banned source", {.text = kInvite, .banned = true}, Reason::banned, Reason::banned},
  };
  for (Case c : cases) {
    INFO(c.description);
    c.packet.source_class = kUnknown;
    CHECK(reason(c.packet) == c.unlisted);
    c.packet.source_class = kPeer;
    CHECK(reason(c.packet) == c.peer);
  }
}

TEST_CASE("the order of reasons: each comes before all that follow") {
  Policy strict;
  strict.serve_unknown = false;
  strict.drop_malformed = true;
  const std::string bad_options = "OPTIONS sip:c@d SIP/2.0\r\nVia: x\r\n";
  CHECK(reason({.text = bad_options, .banned = true, .hit = kBan, .refused = 99}, strict) == Reason::banned);
  CHECK(reason({.text = kKeepalive, .banned = true}, strict) == Reason::banned);
  CHECK(reason({.text = kResponse, .banned = true}, strict) == Reason::banned);
  CHECK(reason({.text = kNotSip, .transport = Transport::tcp, .banned = true}, strict) == Reason::banned);
  CHECK(reason({.text = bad_options, .hit = kBan, .refused = 99}, strict) == Reason::signature);
  CHECK(reason({.text = bad_options, .hit = kDrop, .refused = 99}, strict) == Reason::signature);
  for (const std::string& text : {bad_options, kKeepalive, kResponse, kNotSip, std::string()})
    for (const Transport transport : {Transport::udp, Transport::tcp})
      CHECK(reason({.text = text, .transport = transport, .refused = 99}, strict) == Reason::unknown);
  strict.serve_unknown = true;
  CHECK(reason({.text = bad_options, .refused = 99}, strict) == Reason::malformed);
  strict.drop_malformed = false;
  CHECK(reason({.text = bad_options, .refused = 99}, strict) == Reason::method);
}

TEST_CASE("a banned source is not banned again") {
  CHECK_FALSE(decision({.banned = true, .hit = kBan}).ban.has_value());
}

TEST_CASE("what passes and what is dropped without a ban") {
  for (const auto& packet : std::vector<Packet>{{.text = kInvite},
                                                {.text = kNotSip},
                                                {.text = with_headers(257)},
                                                {.text = kInvite, .hit = kDrop},
                                                {.text = kInvite, .verified = true, .hit = kDrop},
                                                {.text = kInvite, .hit = kLog}})
    CHECK_FALSE(decision(packet).ban.has_value());
}

TEST_CASE("only what proved its address is banned for long") {
  Policy policy;
  policy.ban_unverified = seconds(77);
  policy.ban_steps = {hours(7), hours(70)};
  CHECK(decision({.hit = kBan}, policy).ban == milliseconds(seconds(77)));
  CHECK(decision({.transport = Transport::tcp, .hit = kBan}, policy).ban == milliseconds(seconds(77)));
  CHECK(decision({.transport = Transport::tcp, .verified = true, .hit = kBan}, policy).ban ==
        milliseconds(hours(7)));
  CHECK(decision({.text = kOptions, .refused = 20}, policy).ban == milliseconds(seconds(77)));
  CHECK(decision({.text = kOptions, .verified = true, .refused = 20}, policy).ban == milliseconds(hours(7)));
}

TEST_CASE("what was counted in part from forged packets is not verified, whoever sent the last") {
  const Policy policy;
  Evidence evidence;
  evidence.transport = Transport::tcp;
  evidence.verified = true;
  sip::Message message;
  message.read(kOptions);
  const match::Hits none;
  evidence.message = &message;
  evidence.hits = &none;
  evidence.refused_in_window = policy.refuse_ban_after;
  CHECK(decide::decide(evidence, policy).verified);
  CHECK(decide_excess({Reason::rate, policy.excess_ban_after}, evidence, policy).verified);
  evidence.doubted = true;
  CHECK_FALSE(decide::decide(evidence, policy).verified);
  CHECK(decide::decide(evidence, policy).ban == policy.ban_unverified);
  CHECK_FALSE(decide_excess({Reason::rate, policy.excess_ban_after}, evidence, policy).verified);
  evidence.doubted = false;
  evidence.flood = true;
  CHECK_FALSE(decide::decide(evidence, policy).verified);
  CHECK(decide::decide(evidence, policy).reason == Reason::flood);
}

TEST_CASE("the default bans: a minute for what may be forged, ten minutes at first for what is verified") {
  CHECK(decision({.hit = kBan}).ban == milliseconds(seconds(60)));
  CHECK(decision({.verified = true, .hit = kBan}).ban == milliseconds(std::chrono::minutes(10)));
}

TEST_CASE("neither a peer nor a known source is ever banned") {
  const auto source_class = GENERATE(SourceClass::peer, SourceClass::known);
  Policy policy;
  policy.peer = policy.known = policy.unknown;
  for (const bool verified : {false, true}) {
    const auto by_rule = decision({.source_class = source_class, .verified = verified, .hit = kBan}, policy);
    CHECK(by_rule.reason == Reason::signature);
    CHECK_FALSE(by_rule.ban.has_value());
    const auto by_method = decision(
        {.text = kOptions, .source_class = source_class, .verified = verified, .refused = 1000}, policy);
    CHECK(by_method.reason == Reason::method);
    CHECK_FALSE(by_method.ban.has_value());
    Evidence evidence;
    evidence.source_class = source_class;
    evidence.verified = verified;
    CHECK_FALSE(decide_excess({Reason::rate, hours(1)}, evidence, policy).ban.has_value());
  }
}

TEST_CASE("a known source is served what unknown ones are refused, but not in IP-only mode") {
  CHECK(decision({.text = kOptions, .source_class = SourceClass::known}).reason == Reason::request);
  CHECK(decision({.text = kInvite, .source_class = SourceClass::known}).reason == Reason::request);
  Policy ip_only;
  ip_only.serve_unknown = false;
  CHECK(decision({.source_class = SourceClass::known}, ip_only).reason == Reason::unknown);
}

TEST_CASE("excess bans when it has lasted, not before; what others used up never does") {
  const Policy policy;
  const Evidence unproven;
  Evidence verified;
  verified.transport = Transport::tcp;
  verified.verified = true;
  Evidence datagram;
  datagram.verified = datagram.proven = true;
  const auto just_before = policy.excess_ban_after - milliseconds(1);
  for (const Reason limit : {Reason::rate, Reason::excess, Reason::flows, Reason::open}) {
    CHECK(decide_excess({limit, just_before}, verified, policy).reason == limit);
    CHECK_FALSE(decide_excess({limit, just_before}, verified, policy).ban.has_value());
    CHECK(decide_excess({limit, policy.excess_ban_after}, verified, policy).ban == policy.ban_steps.front());
    CHECK(decide_excess({limit, policy.excess_ban_after}, unproven, policy).ban == policy.ban_unverified);
    CHECK(decide_excess({limit, policy.excess_ban_after}, datagram, policy).ban == policy.ban_unverified);
    CHECK_FALSE(decide_excess({limit, policy.excess_ban_after}, datagram, policy).verified);
  }
  for (const Reason limit : {Reason::budget, Reason::rate_prefix}) {
    CHECK(decide_excess({limit, hours(1)}, verified, policy).reason == limit);
    CHECK_FALSE(decide_excess({limit, hours(1)}, verified, policy).ban.has_value());
  }
}

TEST_CASE("refused requests ban at refuse_ban_after and not one before") {
  Policy policy;
  policy.refuse_ban_after = 20;
  CHECK_FALSE(decision({.text = kOptions, .refused = 1}, policy).ban.has_value());
  CHECK_FALSE(decision({.text = kOptions, .refused = 19}, policy).ban.has_value());
  CHECK(decision({.text = kOptions, .refused = 20}, policy).ban.has_value());
  CHECK(decision({.text = kOptions, .refused = 21}, policy).ban.has_value());
  policy.refuse_ban_after = 1;
  CHECK(decision({.text = kOptions, .refused = 1}, policy).ban.has_value());
}

TEST_CASE("a method that is dropped never bans") {
  Policy policy;
  policy.unknown.by_method["PUBLISH"] = MethodAction::drop;
  const auto dropped = decision({.text = request("PUBLISH"), .verified = true, .refused = 1000}, policy);
  CHECK(dropped.reason == Reason::method);
  CHECK_FALSE(dropped.ban.has_value());
}

TEST_CASE("a method's name is compared letter by letter") {
  CHECK(reason({.text = request("OPTIONS")}) == Reason::method);
  CHECK(reason({.text = request("OPTION")}) == Reason::request);
  CHECK(reason({.text = request("OPTIONSX")}) == Reason::request);
  CHECK(reason({.text = request("options")}) == Reason::request);  // another method (RFC 3261 section 7.1)
}

TEST_CASE("methods that are not listed get the policy's other action") {
  Policy policy;
  policy.unknown = {MethodAction::refuse, {{"INVITE", MethodAction::allow}}};
  CHECK(reason({.text = kInvite}, policy) == Reason::request);
  CHECK(reason({.text = request("REGISTER")}, policy) == Reason::method);
  CHECK(reason({.text = request("REGISTER"), .source_class = kPeer}, policy) == Reason::peer);
}

TEST_CASE("a peer has a method policy of its own") {
  Policy policy;
  policy.peer.by_method["INVITE"] = MethodAction::drop;
  CHECK(reason({.text = kInvite, .source_class = kPeer}, policy) == Reason::method);
  CHECK(reason({.text = kOptions, .source_class = kPeer}, policy) == Reason::peer);
  CHECK(reason({.text = kInvite}, policy) == Reason::request);
}

TEST_CASE("when unlisted sources are not served, peers are, and a scanner is still called a scanner") {
  Policy policy;
  policy.serve_unknown = false;
  CHECK(reason({.text = kInvite}, policy) == Reason::unknown);
  CHECK(reason({.text = kInvite, .hit = kLog}, policy) == Reason::unknown);
  CHECK(reason({.text = kInvite, .source_class = kPeer}, policy) == Reason::peer);
  CHECK(reason({.text = kResponse}, policy) == Reason::unknown);
  CHECK(reason({.text = kResponse, .source_class = kPeer}, policy) == Reason::peer);
  CHECK(reason({.text = "", .transport = Transport::tcp}, policy) == Reason::unknown);
  CHECK(reason({.text = "", .source_class = kPeer, .transport = Transport::tcp}, policy) == Reason::peer);
  const auto scanner = decision({.text = kInvite, .hit = kBan}, policy);
  CHECK(scanner.reason == Reason::signature);
  CHECK(scanner.ban.has_value());
  CHECK_FALSE(decision({.text = kOptions, .refused = 1000}, policy).ban.has_value());
}

TEST_CASE("what is not SIP passes by policy, over TCP, and from peers") {
  Policy policy;
  CHECK(reason({.text = kNotSip}, policy) == Reason::not_sip);
  policy.drop_not_sip = false;
  CHECK(reason({.text = kNotSip}, policy) == Reason::not_sip_let);
  CHECK(reason({.text = kNotSip, .source_class = kPeer}, policy) == Reason::peer);
  CHECK(reason({.text = kNotSip, .transport = Transport::tcp}, policy) == Reason::not_sip_let);
}

TEST_CASE("malformed requests are dropped by policy, too many headers always") {
  Policy policy;
  CHECK(reason({.text = kMalformed}, policy) == Reason::request);
  CHECK(reason({.text = with_headers(256)}, policy) == Reason::request);
  CHECK(reason({.text = with_headers(257)}, policy) == Reason::malformed);
  policy.drop_malformed = true;
  CHECK(reason({.text = kMalformed}, policy) == Reason::malformed);
  CHECK(reason({.text = with_headers(256)}, policy) == Reason::request);
  CHECK(reason({.text = kMalformed, .source_class = kPeer}, policy) == Reason::peer);
}

TEST_CASE("what the policy refuses is asked for the class of the source, and of requests alone") {
  const auto refused = [](const std::string& text, SourceClass c, const Policy& policy) {
    const auto message = std::make_unique<sip::Message>();
    message->read(text);
    return is_refused(*message, c, policy);
  };
  Policy policy;
  policy.unknown.by_method["PUBLISH"] = MethodAction::drop;
  CHECK(refused(kOptions, kUnknown, policy));
  CHECK_FALSE(refused(kOptions, kPeer, policy));
  CHECK_FALSE(refused(kInvite, kUnknown, policy));
  CHECK_FALSE(refused(request("PUBLISH"), kUnknown, policy));
  policy.unknown.otherwise = MethodAction::refuse;
  CHECK(refused(kInvite, kUnknown, policy));
  CHECK_FALSE(refused(kResponse, kUnknown, policy));
  CHECK_FALSE(refused(kKeepalive, kUnknown, policy));
  CHECK_FALSE(refused(kNotSip, kUnknown, policy));
}

}  // namespace
}  // namespace sipward::decide
