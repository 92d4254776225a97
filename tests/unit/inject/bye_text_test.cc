// What strangers wrote, and what of it a BYE holds.
#include "dialogs.h"
#include "inject/bye.h"

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

TEST_CASE("folded values are unfolded") {
  Dialog dialog = call();
  dialog.party(Side::caller).address = "\"Alice\"\r\n\t<sip:alice@atlanta.example>\r\n ;x=1";
  dialog.party(Side::caller).route = {"<sip:p.example;lr>\r\n ;y=2"};
  const std::string text = written(dialog, Side::caller);
  CHECK(value(text, HeaderName::from) == "\"Alice\" <sip:alice@atlanta.example>;x=1;tag=1928301774");
  CHECK(route(text) == Routes{"<sip:p.example;lr>;y=2"});
}

// Every text of a dialog that goes into a BYE, by name.
struct Text {
  const char* name;
  std::string& (*of)(Dialog&);
};
const Text kTexts[] = {
    {"Call-ID", [](Dialog& d) -> std::string& { return d.call_id; }},
    {"From", [](Dialog& d) -> std::string& { return d.party(Side::caller).address; }},
    {"From", [](Dialog& d) -> std::string& { return d.party(Side::caller).tag; }},
    {"To", [](Dialog& d) -> std::string& { return d.party(Side::callee).address; }},
    {"To", [](Dialog& d) -> std::string& { return d.party(Side::callee).tag; }},
    {"Request-URI", [](Dialog& d) -> std::string& { return d.party(Side::caller).request_uri; }},
    {"Route", [](Dialog& d) -> std::string& { return d.party(Side::caller).route.at(0); }},
};

// `d` with `piece` put in at each place of one text: what was written must hold nothing but the headers of
// write_bye().
void check_holds_no_more(const Dialog& sound, const Text& text, std::string_view piece) {
  Dialog probe = sound;
  const std::size_t size = text.of(probe).size();
  for (std::size_t at = 0; at <= size; ++at) {
    Dialog dialog = sound;
    text.of(dialog).insert(at, piece);
    const auto bye = write_bye(dialog, bye_of(Side::caller));
    CAPTURE(text.name, at);
    if (!bye) {
      CHECK(bye.error().kind == ErrorKind::invalid);
      CHECK_THAT(bye.error().text, ContainsSubstring(text.name));
      CHECK(bye.error().text.find_first_of("\r\n") == std::string::npos);
      continue;
    }
    sip::Message message;
    message.read(*bye);
    CHECK(message.headers().size() == 9);
    CHECK_FALSE(message.defects().any());
  }
}

TEST_CASE("no text from the wire begins a line of its own") {
  Dialog dialog = call();
  dialog.party(Side::caller).route = {"<sip:p.example;lr>;y=2"};
  for (const Text& text : kTexts) {
    for (const std::string_view piece :
         {std::string_view("\r\nX: y\r\n"), std::string_view("\nX: y"), std::string_view("\r"),
          std::string_view("\0", 1), std::string_view("\r\n\r\nBYE "), std::string_view("\x7f")})
      check_holds_no_more(dialog, text, piece);
  }
}

TEST_CASE("control bytes are refused wherever they stand, their neighbours are not") {
  for (const Text& text : kTexts) {
    for (int byte = 0; byte < 0x100; ++byte) {
      if (byte == ' ' || byte == '\t') continue;
      Dialog dialog = call();
      dialog.party(Side::caller).route = {"<sip:p.example;lr>"};
      std::string& changed = text.of(dialog);
      changed.insert(changed.size() - 3, 1, static_cast<char>(byte));
      CAPTURE(text.name, byte);
      const bool is_control = byte < 0x20 || byte == 0x7f;
      if (is_control) CHECK_THAT(refusal(dialog, Side::caller), ContainsSubstring(text.name));
      if (byte == '!' || byte == '~' || byte >= 0x80) CHECK(refusal(dialog, Side::caller).empty());
    }
  }
}

TEST_CASE("blanks, brackets and quotes stand in no URI, and what would end a tag in no tag") {
  for (const char* uri : {"sip:a b@c", "sip:a@c\td", "sip:a@c\"d", "sip:a>@c"}) {
    Dialog dialog = call();
    dialog.party(Side::caller).request_uri = uri;
    CAPTURE(uri);
    CHECK_THAT(refusal(dialog, Side::caller), ContainsSubstring("Request-URI"));
  }
  for (const char* tag : {"a;b", "a,b", "a b", "a<b", "a\"b"}) {
    Dialog dialog = call();
    dialog.party(Side::callee).tag = tag;
    CAPTURE(tag);
    CHECK_THAT(refusal(dialog, Side::caller), ContainsSubstring("To \"" + std::string(tag) + "\""));
  }
  Dialog dialog = call();
  dialog.party(Side::caller).route = {"<>"};
  CHECK_THAT(refusal(dialog, Side::caller), ContainsSubstring("Route \"<>\" is not well-formed"));
}

}  // namespace
}  // namespace sipward::inject
