// BYEs as lib/sip and libosip2 read them back, for calls as they come.
#include "inject/bye.h"

#include <osipparser2/osip_parser.h>

#include <memory>

#include "dialogs.h"
#include "sip/header_values.h"
#include "sip/name_addr.h"
#include "sip/via.h"

namespace sipward::inject {
namespace {

using dialog::Dialog;
using dialog::Side;
using sip::HeaderName;
using test::bye_of;
using test::call;
using test::call_without_ack;
using test::refusal;
using test::request_uri;
using test::route;
using test::value;
using test::written;
using Routes = std::vector<std::string>;

constexpr std::uint32_t kCseqMax = 0x7fffffff;

struct FreeMessage {
  void operator()(osip_message_t* message) const { osip_message_free(message); }
};

// Route by route, "lr" marked, as libosip2 reads them; nothing read is "?".
std::string routes_by_osip(const std::string& text) {
  osip_message_t* made = nullptr;
  static const bool kReady = parser_init() == OSIP_SUCCESS;
  REQUIRE(kReady);
  REQUIRE(osip_message_init(&made) == OSIP_SUCCESS);
  const std::unique_ptr<osip_message_t, FreeMessage> message(made);
  if (osip_message_parse(made, text.data(), text.size()) != OSIP_SUCCESS) return "?";
  std::string found = std::string(made->sip_method) + " " + made->cseq->number + ":";
  for (int i = 0; i < osip_list_size(&made->routes); ++i) {
    const auto* const one = static_cast<osip_route_t*>(osip_list_get(&made->routes, i));
    osip_uri_param_t* loose = nullptr;
    std::string name = "lr";
    osip_uri_param_get_byname(&one->url->url_params, name.data(), &loose);
    found += std::string(" ") + one->url->host + (loose == nullptr ? "" : ";lr");
  }
  return found;
}

TEST_CASE("the caller's BYE, byte by byte") {
  CHECK(written(call(), Side::caller) ==
        "BYE sip:bob@192.0.2.1:5060;transport=udp SIP/2.0\r\n"
        "Via: SIP/2.0/UDP 198.51.100.7:40001;branch=z9hG4bKtest;rport\r\n"
        "Max-Forwards: 70\r\n"
        "From: \"Alice\" <sip:alice@atlanta.example>;tag=1928301774\r\n"
        "To: \"Bob\" <sip:bob@biloxi.example>;tag=a6c85cf\r\n"
        "Call-ID: a84b4c76e66710@pc33.atlanta.example\r\n"
        "CSeq: 314260 BYE\r\n"
        "Reason: Q.850;cause=102;text=\"call limit reached\"\r\n"
        "Content-Length: 0\r\n"
        "\r\n");
}

TEST_CASE("a BYE of each side is whole to both readers") {
  for (const Side from : dialog::kSides) {
    const std::string text = written(call(), from);
    sip::Message message;
    message.read(text);
    CHECK(message.kind() == sip::Kind::request);
    CHECK_FALSE(message.defects().any());
    CHECK(message.method() == "BYE");
    CHECK(message.headers().size() == 8);
    CHECK(message.body().empty());
    CHECK(routes_by_osip(text) == (from == Side::caller ? "BYE 314260:" : "BYE 101:"));
  }
}

TEST_CASE("From and To change places with the direction, each with its own tag") {
  const std::string text = written(call(), Side::callee);
  const std::string from = value(text, HeaderName::from);
  const std::string to = value(text, HeaderName::to);
  CHECK(sip::read_name_addr(from).uri == "sip:bob@biloxi.example");
  CHECK(sip::parameter(sip::read_name_addr(from).parameters, "tag") == "a6c85cf");
  CHECK(sip::read_name_addr(to).uri == "sip:alice@atlanta.example");
  CHECK(sip::parameter(sip::read_name_addr(to).parameters, "tag") == "1928301774");
  CHECK(request_uri(text) == "sip:alice@192.168.1.7:5062");
}

TEST_CASE("5: a challenged INVITE was sent again as CSeq 2: the BYE's is above") {
  Dialog dialog = call();
  dialog.party(Side::caller).cseq = 2;
  CHECK(sip::read_cseq(value(written(dialog, Side::caller), HeaderName::cseq)).number == 103);
}

TEST_CASE("7: a callee that counts from a large number on is followed there") {
  Dialog dialog = call();
  dialog.party(Side::callee).cseq = 90'287'934;
  CHECK(value(written(dialog, Side::callee), HeaderName::cseq) == "90288035 BYE");
}

TEST_CASE("10: the ladder of CSeq numbers has three rungs, each above the one before") {
  CHECK(bye_cseq(0, 0) == 101U);
  CHECK(bye_cseq(0, 1) == 65536U);
  CHECK(bye_cseq(0, 2) == 0x7fff0000U);
  CHECK_FALSE(bye_cseq(0, 3).has_value());
  Dialog dialog = call();
  ByeRequest bye = bye_of(Side::caller);
  bye.rung = 2;
  CHECK(value(written(dialog, bye), HeaderName::cseq) == "2147418112 BYE");
  bye.rung = 3;
  CHECK_THAT(refusal(dialog, bye), ContainsSubstring("no CSeq is left on rung 3"));
}

TEST_CASE("no CSeq reaches 2^31, and each rung ends where it would") {
  struct Row {
    std::uint32_t highest;
    unsigned rung;
    std::optional<std::uint32_t> cseq;
  };
  for (const Row& row :
       {Row{kCseqMax - 101, 0, kCseqMax}, Row{kCseqMax - 100, 0, kCseqMax}, Row{kCseqMax - 1, 0, kCseqMax},
        Row{kCseqMax, 0, std::nullopt}, Row{kCseqMax + 1, 0, std::nullopt}, Row{0xffffffff, 0, std::nullopt},
        Row{0xffffffff, 1, std::nullopt}, Row{0xffffffff, 2, std::nullopt}, Row{0x7ffeffff, 1, 0x7fffffff},
        Row{0x7fff0000, 1, std::nullopt}, Row{0x7ffdffff, 2, 0x7fff0000}, Row{0x7ffe0000, 2, std::nullopt}}) {
    CAPTURE(row.highest, row.rung);
    CHECK(bye_cseq(row.highest, row.rung) == row.cseq);
  }
}

TEST_CASE("without a request of the caller, the callee's Contact is the Request-URI") {
  CHECK(request_uri(written(call_without_ack(), Side::caller)) == "sip:bob@192.0.2.1:5060");
  CHECK(route(written(call_without_ack(), Side::caller)).empty());
}

TEST_CASE("15: a strict router first in the route set takes the place of the Request-URI") {
  Dialog dialog = call_without_ack();
  dialog.party(Side::callee).record_route = {
      "<sip:far.example;lr>", "<sip:near@strict.example;method=INVITE;x=1?Subject=hi>;from=here"};
  const std::string text = written(dialog, Side::caller);
  CHECK(request_uri(text) == "sip:near@strict.example;x=1");
  CHECK(route(text) == Routes{"<sip:far.example;lr>", "<sip:bob@192.0.2.1:5060>"});
  CHECK(routes_by_osip(text) == "BYE 314260: far.example;lr 192.0.2.1");
}

TEST_CASE("15: a loose router first leaves Request-URI and Route, whatever comes behind it") {
  Dialog dialog = call_without_ack();
  dialog.party(Side::callee).record_route = {"<sip:strict.example>", "<sip:near.example;LR=on>"};
  const std::string text = written(dialog, Side::caller);
  CHECK(request_uri(text) == "sip:bob@192.0.2.1:5060");
  CHECK(route(text) == Routes{"<sip:near.example;LR=on>", "<sip:strict.example>"});
}

TEST_CASE("15: a request that was seen shows how a strict route is walked: nothing is swapped again") {
  Dialog dialog = call();
  dialog.party(Side::caller).request_uri = "sip:strict.example";
  dialog.party(Side::caller).route = {"<sip:also.strict.example>", "<sip:bob@192.0.2.1:5060>"};
  dialog.party(Side::callee).record_route = {"<sip:other.example;lr>"};
  const std::string text = written(dialog, Side::caller);
  CHECK(request_uri(text) == "sip:strict.example");
  CHECK(route(text) == Routes{"<sip:also.strict.example>", "<sip:bob@192.0.2.1:5060>"});
}

TEST_CASE("16: both Record-Route of a proxy before this hop are left out of the Route") {
  Dialog dialog = call_without_ack();
  const Routes before{"<sip:192.0.2.9;transport=tcp;r2=on;lr>", "<sip:192.0.2.9;r2=on;lr>"};
  dialog.party(Side::caller).record_route = before;
  dialog.party(Side::callee).record_route = {"<sip:far.example;lr>", "<sip:near.example;lr>", before[0],
                                             before[1]};
  CHECK(route(written(dialog, Side::caller)) == Routes{"<sip:near.example;lr>", "<sip:far.example;lr>"});
  CHECK(route(written(dialog, Side::callee)) == before);
}

TEST_CASE("16: a 2xx with no more Record-Route than the INVITE leaves no Route, one more leaves one") {
  Dialog dialog = call_without_ack();
  const Routes before{"<sip:a.example;lr>", "<sip:b.example;lr>"};
  dialog.party(Side::caller).record_route = before;
  for (const Routes& answered : {Routes{}, Routes{before[1]}, before}) {
    dialog.party(Side::callee).record_route = answered;
    CHECK(route(written(dialog, Side::caller)).empty());
  }
  dialog.party(Side::callee).record_route = {"<sip:c.example;lr>", before[0], before[1]};
  CHECK(route(written(dialog, Side::caller)) == Routes{"<sip:c.example;lr>"});
}

TEST_CASE("17: each side's BYE has the Record-Route that came toward that side") {
  Dialog dialog = call_without_ack();
  dialog.party(Side::caller).record_route = {"<sip:gateway-outside.example;lr>"};
  dialog.party(Side::callee).record_route = {"<sip:beyond.example;lr>", "<sip:gateway-inside.example;lr>"};
  CHECK(route(written(dialog, Side::caller)) == Routes{"<sip:beyond.example;lr>"});
  CHECK(route(written(dialog, Side::callee)) == Routes{"<sip:gateway-outside.example;lr>"});
}

TEST_CASE("addresses without brackets get them, parameters and odd display names stay or go") {
  struct Row {
    const char* address;
    const char* written;
  };
  for (const Row& row : {Row{"sip:a@b.example", "<sip:a@b.example>;tag=7"},
                         Row{"sip:a@b.example;x=1", "<sip:a@b.example>;x=1;tag=7"},
                         Row{"<sip:a@b.example;user=phone>;x=1", "<sip:a@b.example;user=phone>;x=1;tag=7"},
                         Row{"\"A \\\"B\\\"\" <sip:a@b.example>", "\"A \\\"B\\\"\" <sip:a@b.example>;tag=7"},
                         Row{"A\"B <sip:a@b.example>", "<sip:a@b.example>;tag=7"},
                         Row{"A\\ <sip:a@b.example>", "<sip:a@b.example>;tag=7"},
                         Row{"\"A\" sip:a@b.example", "\"A\" <sip:a@b.example>;tag=7"},
                         Row{"<sip:a@b.example> odd", "<sip:a@b.example>;tag=7"},
                         Row{"tel:+4930123", "<tel:+4930123>;tag=7"}}) {
    CAPTURE(row.address);
    Dialog dialog = call();
    dialog.party(Side::caller).address = row.address;
    dialog.party(Side::caller).tag = "7";
    CHECK(value(written(dialog, Side::caller), HeaderName::from) == row.written);
    CHECK(value(written(dialog, Side::callee), HeaderName::to) == row.written);
  }
}

TEST_CASE("routes and targets may come with brackets or bare") {
  Dialog dialog = call_without_ack();
  dialog.party(Side::callee).target = "<sip:bob@192.0.2.1;ob>";
  dialog.party(Side::callee).record_route = {"\"Far\" <sip:far.example;lr>;p=1", "sip:near.example;lr"};
  const std::string text = written(dialog, Side::caller);
  CHECK(request_uri(text) == "sip:bob@192.0.2.1;ob");
  CHECK(route(text) == Routes{"<sip:near.example;lr>", "<sip:far.example;lr>;p=1"});
}

TEST_CASE("what a Request-URI must not hold is left out of a Contact") {
  struct Row {
    const char* contact;
    const char* uri;
  };
  for (const Row& row : {Row{"sip:a@b;method=BYE;ob", "sip:a@b;ob"}, Row{"sip:a@b;METHOD=BYE", "sip:a@b"},
                         Row{"sip:a@b;methods=1;lr", "sip:a@b;methods=1;lr"}, Row{"sip:a@b?X=y", "sip:a@b"},
                         Row{"sips:a;method=x@b:5061;ttl=1", "sips:a;method=x@b:5061;ttl=1"},
                         Row{"tel:+1;method=x", "tel:+1;method=x"}, Row{"urn:x?y", "urn:x?y"}}) {
    CAPTURE(row.contact);
    Dialog dialog = call_without_ack();
    dialog.party(Side::callee).target = row.contact;
    CHECK(request_uri(written(dialog, Side::caller)) == row.uri);
  }
}

TEST_CASE("18: the Via names where the sender's packets come from, over IPv4, IPv6 and TCP") {
  Dialog dialog = call();
  const std::string v4 = value(written(dialog, Side::caller), HeaderName::via);
  CHECK(v4 == "SIP/2.0/UDP 198.51.100.7:40001;branch=z9hG4bKtest;rport");
  dialog.party(Side::caller).seen = test::end("2001:db8::7", 5062);
  dialog.transport = dialog::Transport::tcp;
  const std::string v6 = value(written(dialog, Side::caller), HeaderName::via);
  const auto via = sip::read_via(v6);
  REQUIRE(via.has_value());
  CHECK(via->transport == "TCP");
  CHECK(via->host == "2001:db8::7");
  CHECK(via->port == "5062");
  CHECK(via->branch == "z9hG4bKtest");
  CHECK(via->rport == "");
}

TEST_CASE("a side without a tag gets none") {
  Dialog dialog = call();
  dialog.party(Side::callee).tag.clear();
  CHECK(value(written(dialog, Side::caller), HeaderName::to) == "\"Bob\" <sip:bob@biloxi.example>");
}

TEST_CASE("the Reason is quoted as its text needs it, and there is none without one") {
  ByeRequest bye = bye_of(Side::caller);
  bye.cause = 31;
  bye.reason = "half \"released\" \\ dead";
  CHECK_THAT(written(call(), bye),
             ContainsSubstring("\r\nReason: Q.850;cause=31;text=\"half \\\"released\\\" \\\\ dead\"\r\n"));
  bye.reason.clear();
  CHECK(written(call(), bye).find("Reason") == std::string::npos);
}

TEST_CASE("a brief BYE has neither Reason nor display names, and all that counts") {
  ByeRequest bye = bye_of(Side::caller);
  bye.brief = true;
  const std::string text = written(call(), bye);
  CHECK(text.find("Reason") == std::string::npos);
  CHECK(value(text, HeaderName::from) == "<sip:alice@atlanta.example>;tag=1928301774");
  CHECK(value(text, HeaderName::to) == "<sip:bob@biloxi.example>;tag=a6c85cf");
  CHECK(request_uri(text) == request_uri(written(call(), Side::caller)));
}

TEST_CASE("what was never seen is named") {
  Dialog dialog = call_without_ack();
  dialog.party(Side::callee).target.clear();
  CHECK(refusal(dialog, Side::caller) ==
        "cannot write the caller's BYE for call \"a84b4c76e66710@pc33.atlanta.example\": the other side's "
        "Contact was never seen");
  CHECK(write_bye(dialog, bye_of(Side::caller)).error().kind == ErrorKind::not_found);
  dialog.party(Side::callee).record_route = {"<sip:strict.example>"};
  CHECK_THAT(refusal(dialog, Side::caller), ContainsSubstring("Contact was never seen"));
  dialog = call();
  dialog.party(Side::callee).address.clear();
  CHECK_THAT(refusal(dialog, Side::caller), ContainsSubstring("To was never seen"));
  dialog = call();
  dialog.party(Side::caller).seen.port = 0;
  CHECK_THAT(refusal(dialog, Side::caller), ContainsSubstring("own address was never seen"));
  dialog = call();
  dialog.call_id.clear();
  CHECK_THAT(refusal(dialog, Side::caller), ContainsSubstring("the Call-ID was never seen"));
  dialog = call();
  dialog.party(Side::caller).cseq = kCseqMax;
  CHECK_THAT(refusal(dialog, Side::caller), ContainsSubstring("no CSeq is left on rung 0 above 2147483647"));
}

}  // namespace
}  // namespace sipward::inject
