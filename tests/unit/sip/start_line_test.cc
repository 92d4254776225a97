#include "sip/start_line.h"

#include <string>
#include <vector>

#include "support/catch.h"

using namespace sipward::sip;
using Is = StartLine::Is;

namespace {

struct RequestRow {
  const char* name;
  std::string_view line;
  std::string_view method;
  std::string_view uri;
  bool odd;
};

struct ResponseRow {
  const char* name;
  std::string_view line;
  unsigned status;
  bool odd;
};

struct NeitherRow {
  const char* name;
  std::string line;
};

}  // namespace

TEST_CASE("request lines", "[sip][start_line]") {
  const std::vector<RequestRow> rows = {
      {"plain", "OPTIONS sip:100@192.0.2.1 SIP/2.0", "OPTIONS", "sip:100@192.0.2.1", false},
      {"method keeps its case", "options sip:a SIP/2.0", "options", "sip:a", false},
      {"all token characters", "!interesting-Method0123456789_*+`.%indeed'~ sip:a SIP/2.0",
       "!interesting-Method0123456789_*+`.%indeed'~", "sip:a", false},
      {"any URI", "OPTIONS <SIPS:[::1];x=\"?> SIP/2.0", "OPTIONS", "<SIPS:[::1];x=\"?>", false},
      {"control bytes in the URI", "OPTIONS sip:\x01\x80 SIP/2.0", "OPTIONS", "sip:\x01\x80", false},
      {"shortest", "A b SIP/2.0", "A", "b", false},
      {"version in lower case", "OPTIONS sip:a sip/2.0", "OPTIONS", "sip:a", true},
      {"version in mixed case", "OPTIONS sip:a SiP/2.0", "OPTIONS", "sip:a", true},
      {"two spaces before the URI", "OPTIONS  sip:a SIP/2.0", "OPTIONS", "sip:a", true},
      {"two spaces behind the URI", "OPTIONS sip:a  SIP/2.0", "OPTIONS", "sip:a", true},
      {"tab before the URI", "OPTIONS\tsip:a SIP/2.0", "OPTIONS", "sip:a", true},
      {"tab behind the URI", "OPTIONS sip:a\tSIP/2.0", "OPTIONS", "sip:a", true},
      {"blank at the end", "OPTIONS sip:a SIP/2.0 ", "OPTIONS", "sip:a", true},
      {"CR at the end", "OPTIONS sip:a SIP/2.0\r", "OPTIONS", "sip:a", true},
      {"blank at the beginning", " OPTIONS sip:a SIP/2.0", "OPTIONS", "sip:a", true},
      {"CR at the beginning", "\rOPTIONS sip:a SIP/2.0", "OPTIONS", "sip:a", true},
  };
  for (const RequestRow& row : rows) {
    INFO(row.name);
    const StartLine start = read_start_line(row.line);
    CHECK(start.is == Is::request);
    CHECK(start.method == row.method);
    CHECK(start.request_uri == row.uri);
    CHECK(start.status == 0);
    CHECK(start.odd == row.odd);
  }
}

TEST_CASE("status lines", "[sip][start_line]") {
  const std::vector<ResponseRow> rows = {
      {"plain", "SIP/2.0 200 OK", 200, false},
      {"lowest", "SIP/2.0 100 Trying", 100, false},
      {"highest", "SIP/2.0 699 ", 699, false},
      {"reason with anything", "SIP/2.0 404 = 2**3 \xD0\xBE \t", 404, false},
      {"empty reason", "SIP/2.0 200 ", 200, false},
      {"no space for the empty reason", "SIP/2.0 200", 200, true},
      {"reason at once", "SIP/2.0 200OK", 200, true},
      {"tab before the reason", "SIP/2.0 200\tOK", 200, true},
      {"version in lower case", "sip/2.0 200 OK", 200, true},
      {"two spaces", "SIP/2.0  200 OK", 200, true},
      {"tab", "SIP/2.0\t200 OK", 200, true},
      {"blank at the beginning", " SIP/2.0 200 OK", 200, true},
  };
  for (const ResponseRow& row : rows) {
    INFO(row.name);
    const StartLine start = read_start_line(row.line);
    CHECK(start.is == Is::response);
    CHECK(start.status == row.status);
    CHECK(start.method.empty());
    CHECK(start.request_uri.empty());
    CHECK(start.odd == row.odd);
  }
}

TEST_CASE("neither request nor status line", "[sip][start_line]") {
  const std::vector<NeitherRow> rows = {
      {"empty", ""},
      {"blanks", " \t "},
      {"one word", "OPTIONS"},
      {"no URI", "OPTIONS SIP/2.0"},
      {"no URI, two spaces", "OPTIONS  SIP/2.0"},
      {"no version", "OPTIONS sip:a"},
      {"SSDP", "NOTIFY * HTTP/1.1"},
      {"HTTP", "GET / HTTP/1.1"},
      {"another version", "OPTIONS sip:a SIP/2.1"},
      {"version and more", "OPTIONS sip:a SIP/2.0x"},
      {"version cut", "OPTIONS sip:a SIP/2."},
      {"blanks in the URI", "OPTIONS sip:a b SIP/2.0"},
      {"control byte in the method", "OPTIONS\x01 sip:a SIP/2.0"},
      {"control byte before the method", "\x01OPTIONS sip:a SIP/2.0"},
      {"vertical tab for a blank", "OPTIONS\x0bsip:a SIP/2.0"},
      {"NUL in the method", std::string("OPT\0IONS sip:a SIP/2.0", 22)},
      {"separator in the method", "OPTIONS: sip:a SIP/2.0"},
      {"byte above 127 in the method", "OPTIONS\xff sip:a SIP/2.0"},
      {"status 099", "SIP/2.0 099 Low"},
      {"status 700", "SIP/2.0 700 High"},
      {"two digits", "SIP/2.0 20"},
      {"two digits and a reason", "SIP/2.0 20 OK"},
      {"four digits", "SIP/2.0 2000 OK"},
      {"no digits", "SIP/2.0 OK"},
      {"signed", "SIP/2.0 +20 OK"},
      {"version alone", "SIP/2.0"},
      {"another version of a response", "SIP/3.0 200 OK"},
      {"HTTP response", "HTTP/1.1 200 OK"},
  };
  for (const NeitherRow& row : rows) {
    INFO(row.name);
    const StartLine start = read_start_line(row.line);
    CHECK(start.is == Is::neither);
    CHECK(start.method.empty());
    CHECK(start.status == 0);
  }
}

TEST_CASE("where a request may begin in merged datagrams") {
  constexpr auto kNowhere = std::string_view::npos;
  const auto find = [](std::string_view bytes, std::size_t from = 0) {
    return find_request_line(bytes, from);
  };
  CHECK(find("OPTIONS sip:a SIP/2.0\r\n") == 0);
  CHECK(find("\r\n\r\nOPTIONS sip:a SIP/2.0\r\n") == 4);
  CHECK(find("xyzOPTIONS sip:a SIP/2.0\r\n") == 3);
  CHECK(find("a body that ends hereINVITE sip:a sip/2.0\r\n") == 21);
  CHECK(find("xSUBSCRIBE sip:a SIP/2.0") == 1);
  CHECK(find("FOO sip:a SIP/2.0") == 0);
  CHECK(find("so: FOO sip:a SIP/2.0") == 4);
  CHECK(find("OPTIONS  sip:a\tSIP/2.0") == 0);
  CHECK(find("Via: SIP/2.0/UDP a\r\nBYE sip:b SIP/2.0\r\n") == 20);
  CHECK(find("BYE sip:a SIP/2.0\r\n\r\nACK sip:b SIP/2.0\r\n", 18) == 21);
  CHECK(find("SIP/2.0 200 OK\r\n") == kNowhere);
  CHECK(find("OPTIONS sip:aSIP/2.0") == kNowhere);
  CHECK(find("sip:a SIP/2.0") == kNowhere);
  CHECK(find("OPTIONS sip:a SIP/2") == kNowhere);
  CHECK(find("BYE sip:a SIP/2.0 \t") == 0);
  CHECK(find("BYE sip:a SIP/2.0 \n") == 0);
  CHECK(find("BYE sip:a SIP/2.0\rVia: b\r\n") == 0);
  CHECK(find("BYE sip:a SIP/2.0x\r\n") == kNowhere);
  CHECK(find("Via: SIP/2.0/UDP a;branch=b, SIP/2.0/UDP c\r\n") == kNowhere);
  CHECK(find("") == kNowhere);
  CHECK(find("BYE sip:a SIP/2.0", 17) == kNowhere);
}
