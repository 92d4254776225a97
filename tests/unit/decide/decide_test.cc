#include "decide/decide.h"

#include <algorithm>
#include <memory>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "support/catch.h"

namespace sipward::decide {
namespace {

using std::chrono::hours;
using std::chrono::milliseconds;
using std::chrono::seconds;

const std::string kHeaders =
    "Via: SIP/2.0/UDP 198.51.100.7;branch=z9hG4bK1\r\nFrom: <sip:a@b>;tag=1\r\nTo: <sip:c@d>\r\nCall-ID: "
    "1\r\n";

std::string request(const std::string& method) {
  return method + " sip:c@d SIP/2.0\r\n" + kHeaders + "CSeq: 1 " + method + "\r\n\r\n";
}

const std::string kInvite = request("INVITE");
const std::string kOptions = request("OPTIONS");
const std::string kResponse = "SIP/2.0 200 OK\r\n" + kHeaders + "CSeq: 1 INVITE\r\n\r\n";
const std::string kKeepalive = "\r\n\r\n";
const std::string kNotSip = "GET / HTTP/1.1\r\n\r\n";
// Without its empty line and without From: two defects that no operator need mind.
const std::string kMalformed = "INVITE sip:c@d SIP/2.0\r\nVia: SIP/2.0/UDP x\r\n";

std::string with_headers(std::size_t n) {
  std::string text = "INVITE sip:c@d SIP/2.0\r\n" + kHeaders + "CSeq: 1 INVITE\r\n";
  for (std::size_t i = 5; i < n; ++i) text += "X: 1\r\n";
  return text + "\r\n";
}

// A packet and what was found out about it; what a test does not say is an unknown source over UDP.
struct Packet {
  std::string text = kInvite;
  SourceClass source_class = SourceClass::unknown;
  Transport transport = Transport::udp;
  bool verified = false;
  bool banned = false;
  std::optional<match::Action> hit{};
  unsigned refused = 0;
  std::optional<match::Action> observed_hit{};
  double score = 0;
  double score_with_observed = 0;
};

Decision decision(const Packet& packet, const Policy& policy = {}) {
  const auto message = std::make_unique<sip::Message>();
  message->read(packet.text);
  match::Rule rule;
  match::Rule observing;
  observing.observe = true;
  match::Hits hits;
  if (packet.hit) {
    rule.action = *packet.hit;
    hits.note(rule, {});
  }
  if (packet.observed_hit) {
    observing.action = *packet.observed_hit;
    hits.note(observing, {});
  }
  return decide({.source_class = packet.source_class,
                 .transport = packet.transport,
                 .verified = packet.verified,
                 .banned = packet.banned,
                 .empty = packet.text.empty(),
                 .message = message.get(),
                 .hits = &hits,
                 .refused_in_window = packet.refused,
                 .score = packet.score,
                 .score_with_observed = std::max(packet.score, packet.score_with_observed)},
                policy);
}

Reason reason(const Packet& packet, const Policy& policy = {}) {
  return decision(packet, policy).reason;
}

constexpr auto kPeer = SourceClass::peer;
constexpr auto kUnknown = SourceClass::unknown;
constexpr auto kLog = match::Action::log;
constexpr auto kScore = match::Action::score;
constexpr auto kDrop = match::Action::drop;
constexpr auto kBan = match::Action::ban;

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
  policy.ban_verified = hours(7);
  CHECK(decision({.hit = kBan}, policy).ban == milliseconds(seconds(77)));
  CHECK(decision({.transport = Transport::tcp, .hit = kBan}, policy).ban == milliseconds(seconds(77)));
  CHECK(decision({.transport = Transport::tcp, .verified = true, .hit = kBan}, policy).ban ==
        milliseconds(hours(7)));
  CHECK(decision({.text = kOptions, .refused = 20}, policy).ban == milliseconds(seconds(77)));
  CHECK(decision({.text = kOptions, .verified = true, .refused = 20}, policy).ban == milliseconds(hours(7)));
}

TEST_CASE("the default bans: a minute for what may be forged, an hour for what is verified") {
  CHECK(decision({.hit = kBan}).ban == milliseconds(seconds(60)));
  CHECK(decision({.verified = true, .hit = kBan}).ban == milliseconds(hours(1)));
}

TEST_CASE("a score bans at its limit and not one before") {
  Policy policy;
  CHECK(decision({.hit = kScore, .score = 99.99}, policy).reason == Reason::request);
  const Decision at_limit = decision({.hit = kScore, .score = 100}, policy);
  CHECK(at_limit.reason == Reason::score);
  CHECK(at_limit.ban == milliseconds(seconds(60)));
  CHECK(decision({.verified = true, .hit = kScore, .score = 100}, policy).ban == milliseconds(hours(1)));
  policy.score_ban_at = 7;
  CHECK(decision({.hit = kScore, .score = 6.99}, policy).reason == Reason::request);
  CHECK(decision({.hit = kScore, .score = 7}, policy).reason == Reason::score);
}

TEST_CASE("a score that reached its limit is stronger than a drop and weaker than a ban") {
  CHECK(decision({.hit = kDrop, .score = 99}).reason == Reason::signature);
  CHECK_FALSE(decision({.hit = kDrop, .score = 99}).ban.has_value());
  CHECK(decision({.hit = kDrop, .score = 100}).reason == Reason::score);
  CHECK(decision({.hit = kDrop, .score = 100}).ban.has_value());
  CHECK(decision({.hit = kBan, .score = 100}).reason == Reason::signature);
}

TEST_CASE("a score comes before the class and the method, and a ban before it") {
  Policy policy;
  policy.serve_unknown = false;
  CHECK(decision({.hit = kScore, .score = 100}, policy).reason == Reason::score);
  CHECK(decision({.text = kOptions, .hit = kScore, .refused = 99, .score = 100}).reason == Reason::score);
  CHECK(decision({.banned = true, .hit = kScore, .score = 100}).reason == Reason::banned);
}

TEST_CASE("neither a response nor a peer is judged by a score") {
  CHECK(reason({.text = kResponse, .hit = kScore, .score = 100}) == Reason::response);
  CHECK(reason({.source_class = kPeer, .hit = kScore, .score = 100}) == Reason::peer);
  const Decision peer = decision({.source_class = kPeer, .observed_hit = kScore, .score_with_observed = 100});
  CHECK_FALSE(peer.would_drop.has_value());
}

TEST_CASE("a rule that only observes passes the packet and says what it would have done") {
  const Decision ban = decision({.observed_hit = kBan});
  CHECK(ban.reason == Reason::request);
  CHECK_FALSE(ban.ban.has_value());
  CHECK(ban.would_drop == Reason::signature);
  CHECK(ban.would_ban == milliseconds(seconds(60)));
  const Decision drop = decision({.verified = true, .observed_hit = kDrop});
  CHECK(drop.reason == Reason::request);
  CHECK(drop.would_drop == Reason::signature);
  CHECK_FALSE(drop.would_ban.has_value());
  CHECK_FALSE(decision({.observed_hit = kLog}).would_drop.has_value());
  const Decision below = decision({.observed_hit = kScore, .score_with_observed = 99.99});
  CHECK_FALSE(below.would_drop.has_value());
  const Decision reached = decision({.observed_hit = kScore, .score_with_observed = 100});
  CHECK(reached.reason == Reason::request);
  CHECK(reached.would_drop == Reason::score);
  CHECK(reached.would_ban == milliseconds(seconds(60)));
}

TEST_CASE("neither kind of rule hides the other") {
  for (const auto observed : {kLog, kScore, kDrop, kBan}) {
    const Decision banned = decision({.hit = kBan, .observed_hit = observed});
    CHECK(banned.reason == Reason::signature);
    CHECK(banned.ban.has_value());
    CHECK_FALSE(banned.would_drop.has_value());
    const Decision dropped = decision({.hit = kDrop, .observed_hit = observed});
    CHECK(dropped.reason == Reason::signature);
    CHECK_FALSE(dropped.ban.has_value());
  }
  for (const auto enforced : {kLog, kScore}) {
    const Decision passed = decision({.hit = enforced, .observed_hit = kBan});
    CHECK(passed.reason == Reason::request);
    CHECK(passed.would_drop == Reason::signature);
  }
  CHECK(
      decision({.hit = kScore, .observed_hit = kScore, .score = 99, .score_with_observed = 100}).would_drop ==
      Reason::score);
  CHECK(decision({.hit = kScore, .observed_hit = kScore, .score = 100}).reason == Reason::score);
}

TEST_CASE("what is dropped anyway would not be dropped by an observing rule once more") {
  const Decision refused = decision({.text = kOptions, .observed_hit = kBan});
  CHECK(refused.reason == Reason::method);
  CHECK_FALSE(refused.would_drop.has_value());
}

TEST_CASE("a peer is never banned") {
  Policy policy;
  policy.peer = policy.unknown;
  for (const bool verified : {false, true}) {
    const auto by_rule = decision({.source_class = kPeer, .verified = verified, .hit = kBan}, policy);
    CHECK(by_rule.reason == Reason::signature);
    CHECK_FALSE(by_rule.ban.has_value());
    const auto by_method =
        decision({.text = kOptions, .source_class = kPeer, .verified = verified, .refused = 1000}, policy);
    CHECK(by_method.reason == Reason::method);
    CHECK_FALSE(by_method.ban.has_value());
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

TEST_CASE("every reason has a name of its own and a sentence") {
  std::set<std::string_view> names;
  for (std::size_t i = 0; i < kReasons; ++i) {
    const auto r = static_cast<Reason>(i);
    CHECK_FALSE(describe(r).empty());
    names.insert(to_string(r));
  }
  CHECK(names.size() == kReasons);
  CHECK(to_string(Reason::request) == "request");
  CHECK(to_string(Reason::observed) == "observed");
  CHECK(to_string(Reason::signature) == "signature");
  CHECK(to_string(Reason::unknown) == "unknown");
}

TEST_CASE("reasons to drop and reasons to pass") {
  for (const Reason r : {Reason::request, Reason::response, Reason::keepalive, Reason::peer,
                         Reason::not_sip_let, Reason::tcp_data, Reason::undecodable, Reason::observed})
    CHECK_FALSE(is_drop(r));
  for (const Reason r : {Reason::signature, Reason::method, Reason::not_sip, Reason::malformed,
                         Reason::banned, Reason::unknown})
    CHECK(is_drop(r));
}

}  // namespace
}  // namespace sipward::decide
