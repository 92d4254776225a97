#include "control/message.h"

#include "control/whitelist_net.h"
#include "support/catch.h"

using namespace sipward;
using namespace sipward::control;
using nlohmann::json;

TEST_CASE("error kinds survive the wire") {
  for (const auto kind : {ErrorKind::failed, ErrorKind::invalid, ErrorKind::not_found, ErrorKind::refused,
                          ErrorKind::denied, ErrorKind::busy})
    CHECK(error_kind(error_name(kind)) == kind);
  CHECK(error_name(ErrorKind::unreachable) == "sipward.Failed");
  CHECK(error_name(ErrorKind::not_found) == "sipward.NotFound");
  CHECK(error_kind("org.varlink.service.Something") == ErrorKind::failed);
}

TEST_CASE("only objects are messages") {
  CHECK(parse_message(R"({"a": [1]})").value() == json{{"a", {1}}});
  for (const char* text : {"", "{", "{]", "[]", "1", "\"x\"", "null", "{\"a\":1} x", "{\"a\":\"\xff\"}"}) {
    INFO(text);
    const auto message = parse_message(text);
    REQUIRE_FALSE(message);
    CHECK(message.error().kind == ErrorKind::invalid);
  }
}

TEST_CASE("nesting of the limit passes, one level more does not, and a million levels cost nothing") {
  const auto nested = [](std::size_t levels) {
    return "{\"a\":" + std::string(levels - 1, '[') + std::string(levels - 1, ']') + "}";
  };
  CHECK(parse_message(nested(kNestingMax)));
  const auto deeper = parse_message(nested(kNestingMax + 1));
  REQUIRE_FALSE(deeper);
  CHECK_THAT(deeper.error().text, ContainsSubstring("deeper"));
  CHECK_FALSE(parse_message("{\"a\":" + std::string(1'000'000, '[')));
  CHECK(parse_message("{\"a\":\"" + std::string(100, '[') + "\\\"" + std::string(100, '{') + "\"}"));
  std::string wide = "{\"a\":[[]";
  for (int i = 0; i < 100; ++i) wide += ",[]";
  CHECK(parse_message(wide + "]}"));
}

TEST_CASE("a frame is one NUL-terminated line of valid JSON whatever the strings hold") {
  const std::string text = frame({{"excerpt", std::string("a\xff\0\x1b\nz", 6)}});
  CHECK(text.find('\0') == text.size() - 1);
  const auto back = json::parse(text.substr(0, text.size() - 1));
  CHECK(back["excerpt"] == std::string("a\xef\xbf\xbd\0\x1b\nz", 8));
}

TEST_CASE("nets of the limit may be whitelisted, wider ones not") {
  const auto check = [](const char* net) { return check_whitelist_net(Prefix::parse(net).value()); };
  for (const char* net : {"10.0.0.0/8", "192.0.2.1", "2001::/16", "2001:db8::1"}) CHECK(check(net));
  for (const char* net : {"0.0.0.0/0", "10.0.0.0/7", "::/0", "2000::/15"}) {
    const auto allowed = check(net);
    REQUIRE_FALSE(allowed);
    CHECK(allowed.error().kind == ErrorKind::refused);
    CHECK_THAT(allowed.error().text, ContainsSubstring("sipward mode observe"));
  }
}
