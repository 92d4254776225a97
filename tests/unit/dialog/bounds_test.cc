// What strangers can fill.
#include "dialog/dialog_records.h"
#include "hop.h"
#include "support/catch.h"

using namespace sipward;
using namespace sipward::dialog;

namespace {

std::vector<Conversation> conversations(Hop& hop, unsigned count, const std::string& name = "c") {
  std::vector<Conversation> all;
  for (unsigned i = 0; i < count; ++i) all.emplace_back(hop, name + std::to_string(i));
  return all;
}

std::vector<std::string> call_ids(const Hop& hop) {
  std::vector<std::string> ids;
  for (const Dialog& dialog : hop.dialogs()) ids.push_back(dialog.call_id);
  return ids;
}

constexpr std::size_t kInline = 15;  // what a std::string holds without memory of its own

void check_tight(const std::string& text) {
  CHECK(text.capacity() <= std::max(kInline, text.size()));
}

}  // namespace

TEST_CASE("a confirmed dialog takes 1 KiB at most, and its strings no more than they hold") {
  CHECK(sizeof(Call) + sizeof(Followed) <= 1024);
  Hop hop;
  Conversation call(hop, "a-call-id-of-seventeen@x");
  call.caller_tag = "a-tag-of-some-length";
  call.invite(1, {"Record-Route: <sip:p1.example;lr>,\r\n <sip:p2.example;lr>"});
  call.answers("another-tag-of-some-length");
  call.acks("another-tag-of-some-length");
  hop.table.for_each([](const Dialog& dialog) {
    check_tight(dialog.call_id);
    check_tight(dialog.request_uri);
    for (const Party& party : dialog.parties) {
      for (const std::string* text :
           {&party.address, &party.tag, &party.target, &party.request_uri, &party.agent})
        check_tight(*text);
      CHECK(party.record_route.capacity() == party.record_route.size());
      for (const std::string& value : party.record_route) check_tight(value);
    }
  });
}

TEST_CASE("scenario 47: of too many unanswered calls the oldest gives way, and it is told") {
  Hop hop({.early_max = 3, .confirmed_max = 10});
  std::vector<Conversation> calls = conversations(hop, 5);
  for (unsigned i = 0; i < 3; ++i) calls[i].invite();
  CHECK(hop.table.counts().early_evicted == 0);
  calls[3].invite();
  CHECK(hop.log.take() == Lines{"attempt forgotten 0"});
  CHECK(hop.table.counts().early_evicted == 1);
  CHECK(hop.table.counts().early == 3);
  CHECK(call_ids(hop) == Lines{"c1", "c2", "c3"});
  calls[4].invite();
  CHECK(call_ids(hop) == Lines{"c2", "c3", "c4"});
}

TEST_CASE(
    "scenario 47: calls that were refused, then those without a response, give way before those that ring") {
  Hop hop({.early_max = 4, .confirmed_max = 10});
  std::vector<Conversation> calls = conversations(hop, 8);
  calls[0].invite();
  calls[0].rings();
  calls[1].invite();
  calls[2].invite();
  calls[2].fails(401);
  calls[3].invite();
  calls[3].rings("", 100);
  calls[4].invite();
  CHECK(hop.log.take() == Lines{"attempt refused 401"});
  calls[5].invite();
  calls[6].invite();
  CHECK(hop.log.take() == Lines{"attempt forgotten 0", "attempt forgotten 0"});
  CHECK(call_ids(hop) == Lines{"c5", "c6", "c0", "c3"});
}

TEST_CASE("scenario 47: a flood of INVITEs ends no answered call and does not grow") {
  Hop hop({.early_max = 100, .confirmed_max = 10});
  Conversation call(hop, "real");
  call.is_set_up();
  (void)hop.log.take();
  for (unsigned i = 0; i < 10'000; ++i) {
    Conversation flood(hop, "flood" + std::to_string(i));
    flood.invite();
    if (i % 3 == 0) flood.fails(i % 2 == 0 ? 486 : 401);
    if (i % 5 == 0) flood.rings();
  }
  CHECK(hop.table.counts().early <= 100);
  CHECK(hop.dialogs().size() == hop.table.counts().early + hop.table.counts().confirmed);
  CHECK(hop.log.take().size() == 10'000 - hop.table.counts().early);
  CHECK(hop.table.counts().confirmed == 1);
  call.exchange(Side::caller, "BYE", 2);
  CHECK(hop.log.take() == Lines{"caller's bye b1", "ended b1 bye"});
}

TEST_CASE("as many calls that are over are known as may be unanswered") {
  Hop hop({.early_max = 2, .confirmed_max = 10});
  std::vector<Conversation> calls = conversations(hop, 3);
  const auto refuse = [](Conversation& call) {
    call.invite();
    call.fails(486);
  };
  refuse(calls[0]);
  refuse(calls[1]);
  calls[0].invite();
  CHECK(hop.table.counts().early == 0);
  refuse(calls[2]);
  calls[1].invite();
  CHECK(hop.table.counts().early == 0);
  calls[0].invite();
  CHECK(hop.table.counts().early == 1);
}

TEST_CASE("of requests within a dialog without an answer the last six are known") {
  Hop hop;
  Conversation call(hop);
  call.is_set_up();
  for (std::uint32_t cseq = 2; cseq <= 8; ++cseq)
    call.request(Side::caller, "UPDATE", cseq, "b1",
                 {"Contact: <sip:a" + std::to_string(cseq) + "@a.example>"});
  call.response(Side::caller, 200, "UPDATE", 2, "b1");
  CHECK(hop.dialog().party(Side::caller).target == "sip:alice@10.0.0.9:5062");
  call.response(Side::caller, 200, "UPDATE", 3, "b1");
  CHECK(hop.dialog().party(Side::caller).target == "sip:a3@a.example");
}

TEST_CASE("INVITEs of unusual size count for several") {
  Hop hop({.early_max = 10, .confirmed_max = 10});
  const Lines large{"Subject: " + std::string(15'000, 'x')};
  std::vector<Conversation> calls = conversations(hop, 4);
  for (Conversation& call : calls) call.invite(1, large);
  CHECK(hop.table.counts().early == 2);
  CHECK(hop.table.counts().early_evicted == 2);
  for (Conversation& call : calls) call.answers();
  CHECK(hop.table.counts().confirmed == 2);
  for (Conversation& call : conversations(hop, 2, "more")) call.invite(1, large);
  CHECK(hop.table.counts().early == 2);
  CHECK(hop.table.counts().early_evicted == 2);
  for (Conversation& call : conversations(hop, 10, "small")) call.invite();
  CHECK(hop.table.counts().early == 10);
}

TEST_CASE("one confirmed dialog too many is not followed, counted, and told as an attempt") {
  Hop hop({.early_max = 10, .confirmed_max = 2});
  std::vector<Conversation> calls = conversations(hop, 3);
  calls[0].is_set_up();
  calls[1].is_set_up();
  CHECK(hop.table.counts().confirmed_refused == 0);
  calls[2].invite();
  calls[2].rings();
  calls[2].answers();
  calls[2].answers();
  calls[2].acks();
  CHECK(hop.table.counts().confirmed == 2);
  CHECK(hop.table.counts().confirmed_refused == 1);
  CHECK(hop.log.take() == Lines{"answered b1", "answered b1", "attempt forgotten 200"});
  calls[0].exchange(Side::caller, "BYE", 2);
  Conversation next(hop, "next");
  next.is_set_up();
  CHECK(hop.table.counts().confirmed == 2);
}

TEST_CASE("what is not SIP of a call is not followed") {
  Hop hop;
  Conversation call(hop);
  call.request(Side::caller, "OPTIONS", 1, "");
  call.request(Side::caller, "REGISTER", 1, "");
  call.response(Side::caller, 200, "REGISTER", 1, "x");
  call.response(Side::caller, 200, "OPTIONS", 1, "x");
  hop.see("", call.caller, call.callee);
  hop.see("INVITE sip:a@b SIP/2.0\r\n\r\n", call.caller, call.callee);
  hop.see("INVITE sip:a@b SIP/2.0\r\nCall-ID: x\r\nFrom: <sip:a@b>;tag=1\r\nCSeq: none\r\n\r\n", call.caller,
          call.callee);
  hop.see("INVITE sip:a@b SIP/2.0\r\nCall-ID: x\r\n y\r\nFrom: <sip:a@b>;tag=1\r\nCSeq: 1 INVITE\r\n\r\n",
          call.caller, call.callee);
  CHECK(hop.dialogs().empty());
  CHECK(hop.table.counts().strays == 0);
  call.exchange(Side::caller, "BYE", 2);
  CHECK(hop.table.counts().strays == 2);
}

TEST_CASE("lost packets leave a dialog uncertain until an answer within it") {
  Hop hop;
  std::vector<Conversation> calls = conversations(hop, 3);
  for (Conversation& call : calls) call.is_set_up();
  const auto uncertain = [&] {
    Lines ids;
    for (const Dialog& dialog : hop.dialogs()) {
      if (dialog.uncertain) ids.push_back(dialog.call_id);
    }
    return ids;
  };
  CHECK(uncertain().empty());
  hop.table.lose();
  CHECK(uncertain() == Lines{"c0", "c1", "c2"});
  calls[1].exchange(Side::caller, "INFO", 2, 500);
  CHECK(uncertain().size() == 3);
  calls[1].exchange(Side::caller, "INFO", 3);
  Conversation fourth(hop, "c3");
  fourth.is_set_up();
  CHECK(uncertain() == Lines{"c0", "c2"});
  hop.table.lose();
  CHECK(uncertain().size() == 4);
}

TEST_CASE(
    "a call that began before a loss and was answered after it is uncertain, and hides none behind it") {
  Hop hop;
  std::vector<Conversation> calls = conversations(hop, 3);
  calls[0].is_set_up();
  calls[1].invite();
  hop.table.lose();
  calls[2].is_set_up();
  calls[1].answers();
  const auto is_uncertain = [&](const std::string& id) {
    for (const Dialog& dialog : hop.dialogs()) {
      if (dialog.call_id == id) return dialog.uncertain;
    }
    return false;
  };
  CHECK(is_uncertain("c1"));
  CHECK_FALSE(is_uncertain("c2"));
  hop.table.lose();
  CHECK(is_uncertain("c2"));
}

TEST_CASE("a 2xx whose copy was lost shows in its ACK") {
  Hop hop;
  Conversation call(hop);
  call.invite();
  call.rings();
  SECTION("after a loss") {
    hop.table.lose();
    call.acks();
    CHECK(hop.log.take() == Lines{"answered b1"});
    CHECK(hop.dialog().uncertain);
    CHECK(hop.dialog().progress.acknowledged);
    CHECK(hop.dialog().party(Side::caller).request_uri == "sip:b1@callee.example");
    const Instant answered = hop.dialog().answered_at;
    hop.wait(seconds(1));
    call.answers("b1", 1, {"Session-Expires: 90"});  // late, it was not lost
    CHECK(hop.log.take() == Lines{"refreshed b1"});
    CHECK(hop.dialog().answered_at == answered);
    CHECK(hop.dialog().party(Side::callee).target == "sip:b1@callee.example");
  }
  SECTION("without a loss a caller cannot make a dialog of its own") {
    call.acks();
    CHECK(hop.log.take().empty());
  }
  SECTION("the ACK of a failure is none") {
    hop.table.lose();
    call.request(Side::caller, "ACK", 1, "failed");
    CHECK(hop.log.take().empty());
  }
}
