// The columns of a record, as CSV and as JSON lines.
#include <algorithm>
#include <string>
#include <string_view>
#include <vector>

#include "cdr/csv.h"
#include "cdr/fields.h"
#include "cdr/json_line.h"
#include "unit/dialog/calls.h"

namespace sipward::cdr {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;
using test::call;
using test::kAnswered;

CallRecord sample() {
  dialog::Dialog dialog = call("<sip:+49891234@pbx.example>");
  dialog.party(dialog::Side::caller).agent = "Phone \"1,0\"";
  dialog.party(dialog::Side::callee).seen = {test::address("2001:db8::1"), 5061};
  test::agree(dialog, 600, kAnswered);
  const WallTime answered{milliseconds(1'767'225'599'123)};
  dialog.progress = {.invited = answered - seconds(3), .rang = {}, .answered = answered, .acknowledged = {}};
  CallEnd end;
  end.at = {kAnswered + milliseconds(610'001), answered + milliseconds(610'001)};
  end.cause = EndCause::session_expired;
  end.by = EndedBy::sipward;
  end.limit = dialog::deadline_of(dialog::limit_of(dialog, {}), dialog, kAnswered);
  end.bye_to_caller = {ByeResult::Outcome::answered, 200};
  end.bye_to_callee = {ByeResult::Outcome::failed, 0};
  return record_of(dialog, end);
}

TEST_CASE("the names of the columns, which do not change") {
  CHECK(csv_header() ==
        "call_id,caller_tag,callee_tag,transport,caller_address,caller_port,callee_address,callee_port,"
        "caller_number,callee_number,caller_uri,callee_uri,request_uri,invited,rang,answered,acknowledged,"
        "ended,"
        "pdd_ms,setup_ms,duration_ms,billable_s,status,ended_by,cause,limit_s,limit_source,limit_rule,"
        "session_interval_s,session_refresher,session_refreshes,caller_supports_timer,callee_supports_timer,"
        "bye_to_caller,bye_to_callee,caller_agent,callee_agent,uncertain\r\n");
}

TEST_CASE("a record as CSV") {
  CHECK(csv_line(sample()) ==
        "a84b4c76e66710@pc33.example,1928301774,a6c85cf,udp,198.51.100.7,5062,2001:db8::1,5061,"
        "+49891234,4930123456,sip:+49891234@pbx.example,sip:4930123456@192.0.2.1,sip:4930123456@192.0.2.1,"
        "2025-12-31T23:59:56.123Z,,2025-12-31T23:59:59.123Z,,2026-01-01T00:10:09.124Z,"
        ",3000,613001,611,200,sipward,session_expired,610,session_expires,,"
        "600,caller,0,false,false,200,failed,\"Phone \"\"1,0\"\"\",Switch 2.0,false\r\n");
}

TEST_CASE("a record as a JSON line") {
  CHECK(json_line(sample()) ==
        R"({"call_id":"a84b4c76e66710@pc33.example","caller_tag":"1928301774","callee_tag":"a6c85cf",)"
        R"("transport":"udp","caller_address":"198.51.100.7","caller_port":5062,)"
        R"("callee_address":"2001:db8::1","callee_port":5061,"caller_number":"+49891234",)"
        R"("callee_number":"4930123456","caller_uri":"sip:+49891234@pbx.example",)"
        R"("callee_uri":"sip:4930123456@192.0.2.1","request_uri":"sip:4930123456@192.0.2.1",)"
        R"("invited":"2025-12-31T23:59:56.123Z","rang":null,"answered":"2025-12-31T23:59:59.123Z",)"
        R"("acknowledged":null,"ended":"2026-01-01T00:10:09.124Z","pdd_ms":null,"setup_ms":3000,)"
        R"("duration_ms":613001,"billable_s":611,"status":200,"ended_by":"sipward",)"
        R"("cause":"session_expired","limit_s":610,"limit_source":"session_expires","limit_rule":null,)"
        R"("session_interval_s":600,"session_refresher":"caller","session_refreshes":0,)"
        R"("caller_supports_timer":false,"callee_supports_timer":false,"bye_to_caller":"200",)"
        R"("bye_to_callee":"failed","caller_agent":"Phone \"1,0\"","callee_agent":"Switch 2.0",)"
        R"("uncertain":false})"
        "\n");
}

TEST_CASE("a record without anything has all its columns") {
  CHECK(csv_line(CallRecord{}) ==
        ",,,udp,0.0.0.0,0,0.0.0.0,0,,,,,,1970-01-01T00:00:00.000Z,,,,1970-01-01T00:00:00.000Z,,,0,0,,unknown,"
        "lost,,"
        "none,,,,,false,false,not_sent,not_sent,,,false\r\n");
}

TEST_CASE("the other values of the columns") {
  CallRecord record = sample();
  record.transport = dialog::Transport::tcp;
  record.timer->refresher = dialog::Refresher::callee;
  record.status = 0;
  record.limit_rule = "trunk";
  record.uncertain = record.callee.supports_timer = true;
  CHECK_THAT(json_line(record), ContainsSubstring(R"("transport":"tcp")") &&
                                    ContainsSubstring(R"("session_refresher":"callee")") &&
                                    ContainsSubstring(R"("status":null)") &&
                                    ContainsSubstring(R"("limit_rule":"trunk")") &&
                                    ContainsSubstring(R"("uncertain":true)"));
  record.timer.reset();
  CHECK_THAT(json_line(record), ContainsSubstring(R"("session_interval_s":null)") &&
                                    ContainsSubstring(R"("session_refresher":null)") &&
                                    ContainsSubstring(R"("session_refreshes":null)"));
  CHECK_THAT(csv_line(record), ContainsSubstring(",trunk,,,,false,true,"));
}

TEST_CASE("foreign text as a CSV field") {
  struct Case {
    std::string_view text;
    std::string_view field;
  };
  const auto c = GENERATE(Case{"", ""}, Case{"plain text", "plain text"}, Case{"a,b", "\"a,b\""},
                          Case{"\"", "\"\"\"\""}, Case{"say \"hi\"", "\"say \"\"hi\"\"\""},
                          Case{"a;lr", "\"a;lr\""}, Case{"J\xc3\xbcrgen", "J\xc3\xbcrgen"},
                          Case{"a\r\nb",
                               "a\xef\xbf\xbd\xef\xbf\xbd"
                               "b"},
                          Case{"\x1b[2J", "\xef\xbf\xbd[2J"},
                          Case{"\xc2\x9b"
                               "2J",
                               "\xef\xbf\xbd"
                               "2J"},
                          Case{"\x7f", "\xef\xbf\xbd"}, Case{"\xff", "\xef\xbf\xbd"},
                          Case{"a\xe2\x82", "a\xef\xbf\xbd\xef\xbf\xbd"},
                          Case{std::string_view("a\0b", 3),
                               "a\xef\xbf\xbd"
                               "b"});
  CAPTURE(c.text);
  CHECK(csv_field(c.text) == c.field);
}

TEST_CASE("no foreign text is a spreadsheet's formula") {
  struct Case {
    std::string_view text;
    std::string_view field;
  };
  const auto c = GENERATE(
      Case{"=1+1", "'=1+1"}, Case{"@SUM(A1)", "'@SUM(A1)"}, Case{"-1", "'-1"}, Case{"+", "'+"},
      Case{"+1+1", "'+1+1"}, Case{"+cmd|' /C calc'!A0", "'+cmd|' /C calc'!A0"}, Case{"+49 30", "'+49 30"},
      Case{"=HYPERLINK(\"http://x\",\"y\")", "\"'=HYPERLINK(\"\"http://x\"\",\"\"y\"\")\""},
      Case{"\xef\xbc\x9d"
           "1",
           "'\xef\xbc\x9d"
           "1"},
      Case{"\xef\xbc\x8b", "'\xef\xbc\x8b"}, Case{"\xef\xbc\x8d", "'\xef\xbc\x8d"},
      Case{"\xef\xbc\xa0", "'\xef\xbc\xa0"}, Case{"a;=1", "\"a;'=1\""}, Case{"a\t@x", "a\xef\xbf\xbd'@x"});
  CAPTURE(c.text);
  CHECK(csv_field(c.text) == c.field);
}

TEST_CASE("what is no formula stays as it is") {
  for (const std::string_view text :
       {"+4930123456", "+0", "1=1", "alice@pbx.example", "a-b", "sip:+49@h", "'=1"})
    CHECK(csv_field(text) == text);
}

TEST_CASE("texts of others are guarded in each column that holds one") {
  CallRecord record = sample();
  const std::string bad = "=x";
  record.call_id = record.request_uri = record.limit_rule = bad;
  for (RecordParty* party : {&record.caller, &record.callee})
    party->number = party->uri = party->tag = party->agent = bad;
  const std::string line = csv_line(record);
  std::size_t found = 0;
  for (std::size_t at = line.find("=x"); at != std::string::npos; at = line.find("=x", at + 1)) {
    CHECK(line[at - 1] == '\'');
    ++found;
  }
  CHECK(found == 11);
}

TEST_CASE("strings of JSON") {
  struct Case {
    std::string_view text;
    std::string_view json;
  };
  const auto c = GENERATE(
      Case{"", R"("")"}, Case{"a\"b\\c/", R"("a\"b\\c/")"}, Case{"=1+1", R"("=1+1")"},
      Case{"\r\n\t\x1b", R"("\u000d\u000a\u0009\u001b")"}, Case{std::string_view("\0", 1), R"("\u0000")"},
      Case{"\x7f\xc2\x9b", R"("\u007f\u009b")"}, Case{"J\xc3\xbcrgen", "\"J\xc3\xbcrgen\""},
      Case{"\xf0\x9f\x93\x9e", "\"\xf0\x9f\x93\x9e\""}, Case{"\xff\xfe", "\"\xef\xbf\xbd\xef\xbf\xbd\""},
      Case{"\xc0\xaf", "\"\xef\xbf\xbd\xef\xbf\xbd\""},
      Case{"\xed\xa0\x80x", "\"\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbdx\""},
      Case{"\xe2\x82", "\"\xef\xbf\xbd\xef\xbf\xbd\""});
  CAPTURE(c.text);
  CHECK(json_string(c.text) == c.json);
}

TEST_CASE("any bytes make one line of each kind") {
  CallRecord record = sample();
  record.caller.agent.clear();
  for (int byte = 0; byte < 256; ++byte) record.caller.agent += static_cast<char>(byte);
  const std::string json = json_line(record);
  CHECK(std::ranges::count(json, '\n') == 1);
  CHECK(json.back() == '\n');
  const std::string csv = csv_line(record);
  CHECK(std::ranges::count(csv, '\n') == 1);
  CHECK(std::ranges::count(csv, '\r') == 1);
  CHECK(csv.ends_with("\r\n"));
}

TEST_CASE("times of the calendar") {
  CHECK(iso(WallTime{}) == "1970-01-01T00:00:00.000Z");
  CHECK(iso(WallTime{milliseconds(-1)}) == "1969-12-31T23:59:59.999Z");
  CHECK(iso(WallTime{milliseconds(1'709'164'800'007)}) == "2024-02-29T00:00:00.007Z");
}

}  // namespace
}  // namespace sipward::cdr
