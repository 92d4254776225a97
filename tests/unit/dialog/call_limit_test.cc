#include "dialog/call_limit.h"

#include "unit/dialog/calls.h"

namespace sipward::dialog {
namespace {

using std::chrono::hours;
using std::chrono::minutes;
using std::chrono::seconds;
using test::address;
using test::agree;
using test::call;
using test::kAnswered;
using test::net;

constexpr seconds kGrace{10};

Dialog with_timer(std::uint32_t interval_s) {
  Dialog made = call();
  agree(made, interval_s, kAnswered);
  return made;
}

Deadline at_answer(const Dialog& dialog, const LimitPolicy& policy) {
  return deadline_of(limit_of(dialog, policy), dialog, kAnswered);
}

LimitPolicy with_maximum(seconds maximum) {
  LimitPolicy policy;
  policy.limits.maximum = maximum;
  return policy;
}

TEST_CASE("what holds without any configuration") {
  const LimitPolicy policy;
  SECTION("without session timers: 7,200 s") {
    const Deadline deadline = at_answer(call(), policy);
    CHECK(deadline.source == LimitSource::no_timer);
    CHECK(deadline.at == kAnswered + seconds(7200));
    CHECK(deadline.duration == seconds(7200));
    CHECK(deadline.rule.empty());
  }
  SECTION("with them: expiry and grace, and no maximum") {
    const Deadline deadline = at_answer(with_timer(90'000), policy);
    CHECK(deadline.source == LimitSource::session_expires);
    CHECK(deadline.at == kAnswered + seconds(90'000) + kGrace);
    CHECK(deadline.duration == seconds(90'010));
  }
}

TEST_CASE("no limits at all") {
  LimitPolicy policy;
  policy.limits = {};
  const Deadline deadline = at_answer(call(), policy);
  CHECK(deadline.source == LimitSource::none);
  CHECK_FALSE(deadline.at.has_value());
  CHECK_FALSE(deadline.duration.has_value());
}

TEST_CASE(
    "scenario 26: a session of 90 s is never cut while it is refreshed, and ends 90 s and the grace later") {
  Dialog dialog = with_timer(90);
  dialog.timer.refresher = Refresher::callee;
  const CallLimit limit = limit_of(dialog, {});
  Instant refreshed = kAnswered;
  REQUIRE(deadline_of(limit, dialog, refreshed).at == refreshed + seconds(100));
  for (int i = 0; i < 1000; ++i) {
    refreshed += seconds(45);
    agree(dialog, 90, refreshed);
    const Deadline deadline = deadline_of(limit, dialog, refreshed);
    REQUIRE(deadline.source == LimitSource::session_expires);
    REQUIRE(deadline.at == refreshed + seconds(90) + kGrace);
  }
}

TEST_CASE("a refresh may agree on another interval") {
  Dialog dialog = with_timer(90);
  const CallLimit limit = limit_of(dialog, {});
  agree(dialog, 1800, kAnswered + seconds(45));
  const Deadline deadline = deadline_of(limit, dialog, kAnswered + seconds(45));
  CHECK(deadline.at == kAnswered + seconds(45 + 1800) + kGrace);
  CHECK(deadline.duration == seconds(1810));
}

TEST_CASE("scenario 28: a session timer that is switched off gives way to the no-timer limit of this call") {
  Dialog dialog = with_timer(600);
  const CallLimit limit = limit_of(dialog, with_maximum(hours(6)));
  dialog.timer.interval_s = 0;
  SECTION("from the moment on at which both sides were alive") {
    const Instant off = kAnswered + hours(3);
    const Deadline deadline = deadline_of(limit, dialog, off);
    CHECK(deadline.source == LimitSource::no_timer);
    CHECK(deadline.at == off + seconds(7200));
  }
  SECTION("never beyond the maximum") {
    CHECK(deadline_of(limit, dialog, kAnswered + hours(4)).source == LimitSource::no_timer);
    const Deadline deadline = deadline_of(limit, dialog, kAnswered + hours(4) + seconds(1));
    CHECK(deadline.source == LimitSource::max_duration);
    CHECK(deadline.at == kAnswered + hours(6));
  }
  SECTION("and may be switched on again") {
    agree(dialog, 600, kAnswered + hours(1));
    CHECK(deadline_of(limit, dialog, kAnswered + hours(1)).at == kAnswered + hours(1) + seconds(610));
  }
}

TEST_CASE("a session timer that begins after the 200 OK does not change what limits the call") {
  Dialog dialog = call();
  const CallLimit limit = limit_of(dialog, {});
  agree(dialog, 600, kAnswered + hours(1));
  const Deadline deadline = deadline_of(limit, dialog, kAnswered + hours(1));
  CHECK(deadline.source == LimitSource::no_timer);
  CHECK(deadline.at == kAnswered + seconds(7200));
}

TEST_CASE("scenario 31: the smaller of the maximum and what else holds") {
  SECTION("maximum 3,600 s, no-timer limit 7,200 s") {
    const Deadline deadline = at_answer(call(), with_maximum(seconds(3600)));
    CHECK(deadline.source == LimitSource::max_duration);
    CHECK(deadline.at == kAnswered + seconds(3600));
    CHECK(deadline.duration == seconds(3600));
  }
  SECTION("one second to either side of the no-timer limit") {
    CHECK(at_answer(call(), with_maximum(seconds(7199))).source == LimitSource::max_duration);
    CHECK(at_answer(call(), with_maximum(seconds(7200))).source == LimitSource::no_timer);
    CHECK(at_answer(call(), with_maximum(seconds(7201))).source == LimitSource::no_timer);
  }
  SECTION("refreshes do not extend past the maximum") {
    Dialog dialog = with_timer(600);
    const CallLimit limit = limit_of(dialog, with_maximum(seconds(3600)));
    agree(dialog, 600, kAnswered + seconds(2989));
    const Deadline before = deadline_of(limit, dialog, kAnswered + seconds(2989));
    CHECK(before.source == LimitSource::session_expires);
    CHECK(before.at == kAnswered + seconds(3599));
    for (const int refreshed_s : {2991, 3290, 3590}) {
      agree(dialog, 600, kAnswered + seconds(refreshed_s));
      const Deadline deadline = deadline_of(limit, dialog, kAnswered + seconds(refreshed_s));
      CHECK(deadline.source == LimitSource::max_duration);
      CHECK(deadline.at == kAnswered + seconds(3600));
    }
  }
}

TEST_CASE("scenario 32: a new policy counts for the next call, not for the running one") {
  LimitPolicy policy;
  const Dialog running = call();
  const CallLimit limit = limit_of(running, policy);
  policy.limits = {.no_timer = seconds(1800), .maximum = seconds(900)};
  policy.session_grace = seconds(0);
  policy.exempt_numbers = {"4930123456"};
  CHECK(deadline_of(limit, running, kAnswered + hours(1)).at == kAnswered + seconds(7200));

  policy.exempt_numbers.clear();
  policy.limits.maximum.reset();
  CHECK(at_answer(call(), policy).at == kAnswered + seconds(1800));
}

TEST_CASE("scenario 54: a call to an exempt number is never cut") {
  LimitPolicy policy = with_maximum(seconds(60));
  policy.by_callee_number = {{"all", "", {.no_timer = seconds(60), .maximum = seconds(60)}}};
  const auto called = [&](const char* uri) { return at_answer(call("<sip:1000@h>", uri), policy); };
  SECTION("whatever else holds") {
    Dialog dialog = call("<sip:1000@h>", "sip:112@192.0.2.1");
    agree(dialog, 90, kAnswered);
    const CallLimit limit = limit_of(dialog, policy);
    CHECK(limit.exempt);
    const Deadline deadline = deadline_of(limit, dialog, kAnswered);
    CHECK(deadline.source == LimitSource::exempt);
    CHECK_FALSE(deadline.at.has_value());
    CHECK_FALSE(deadline.duration.has_value());
  }
  SECTION("however it is written") {
    CHECK(called("tel:911").source == LimitSource::exempt);
    CHECK(called("sip:%39%31%31@h").source == LimitSource::exempt);
    CHECK(called("sip:9-1-1;x=y@h").source == LimitSource::exempt);
    CHECK(called("urn:service:sos").source == LimitSource::exempt);
    CHECK(called("URN:service:sos.police").source == LimitSource::exempt);
  }
  SECTION("but not a number that only begins like one, and no other service") {
    CHECK(called("sip:1120@h").at == kAnswered + seconds(60));
    CHECK(called("sip:11@h").at.has_value());
    CHECK(called("sip:+112@h").at.has_value());
    CHECK(called("sip:112.police@h").at.has_value());
    CHECK(called("urn:service:soso").at.has_value());
    CHECK(called("urn:service:counseling").at.has_value());
  }
  SECTION("and not because the caller writes that number as its own") {
    CHECK(at_answer(call("<sip:112@h>"), policy).at == kAnswered + seconds(60));
  }
}

TEST_CASE("what counts as using session timers") {
  Dialog dialog = call();
  LimitPolicy policy;
  const auto source = [&](TimerDetection detection) {
    policy.detection = detection;
    return at_answer(dialog, policy).source;
  };
  SECTION("a timer that the callee asked for alone") {
    agree(dialog, 600, kAnswered);
    CHECK(source(TimerDetection::negotiated) == LimitSource::session_expires);
    CHECK(source(TimerDetection::option_tag) == LimitSource::no_timer);
    CHECK(source(TimerDetection::offered) == LimitSource::no_timer);
  }
  SECTION("a caller that only supports it") {
    agree(dialog, 600, kAnswered);
    dialog.timer.caller_supports = true;
    CHECK(source(TimerDetection::negotiated) == LimitSource::session_expires);
    CHECK(source(TimerDetection::option_tag) == LimitSource::session_expires);
    CHECK(source(TimerDetection::offered) == LimitSource::no_timer);
  }
  SECTION("a caller that asked for it") {
    agree(dialog, 600, kAnswered);
    dialog.timer.caller_supports = dialog.timer.caller_offered = true;
    CHECK(source(TimerDetection::option_tag) == LimitSource::session_expires);
    CHECK(source(TimerDetection::offered) == LimitSource::session_expires);
  }
  SECTION("an offer that nobody took up") {
    dialog.timer.caller_supports = dialog.timer.caller_offered = true;
    for (const auto detection :
         {TimerDetection::option_tag, TimerDetection::offered, TimerDetection::negotiated})
      CHECK(source(detection) == LimitSource::no_timer);
  }
}

TEST_CASE("a grace below zero ends sessions early, by a third of the interval at most") {
  LimitPolicy policy;
  const auto end = [&](int grace_s) {
    policy.session_grace = seconds(grace_s);
    return at_answer(with_timer(600), policy).at;
  };
  CHECK(end(0) == kAnswered + seconds(600));
  CHECK(end(-30) == kAnswered + seconds(570));
  CHECK(end(-200) == kAnswered + seconds(400));
  CHECK(end(-201) == kAnswered + seconds(400));
}

TEST_CASE("rules by the caller's address: the most specific net, of its own family") {
  LimitPolicy policy;
  policy.by_caller_net = {{"wide", net("198.51.100.0/24"), {.no_timer = seconds(3600), .maximum = {}}},
                          {"host", net("198.51.100.7"), {.no_timer = seconds(10'000), .maximum = {}}},
                          {"host again", net("198.51.100.7"), {.no_timer = seconds(5), .maximum = {}}},
                          {"all IPv6", net("::/0"), {.no_timer = seconds(900), .maximum = {}}}};
  Dialog dialog = call();
  const auto from = [&](std::string_view source) {
    dialog.party(Side::caller).seen.address = address(source);
    return at_answer(dialog, policy);
  };
  CHECK(from("198.51.100.7").rule == "host");
  CHECK(from("198.51.100.7").at == kAnswered + seconds(10'000));
  CHECK(from("198.51.100.8").rule == "wide");
  CHECK(from("198.51.100.8").at == kAnswered + seconds(3600));
  CHECK(from("198.51.101.0").rule.empty());
  CHECK(from("198.51.101.0").at == kAnswered + seconds(7200));
  CHECK(from("2001:db8::7").rule == "all IPv6");
}

TEST_CASE("rules by number: the longest prefix of the caller's or of the callee's") {
  LimitPolicy policy;
  policy.by_callee_number = {{"world", "00", {.no_timer = seconds(3600), .maximum = {}}},
                             {"satellite", "00882", {.no_timer = seconds(300), .maximum = {}}}};
  policy.by_caller_number = {{"hotline", "4989", {.no_timer = seconds(5400), .maximum = {}}}};
  const auto rule = [&](const char* from, const char* to) { return at_answer(call(from, to), policy).rule; };
  CHECK(rule("<sip:1000@h>", "sip:0049@h") == "world");
  CHECK(rule("<sip:1000@h>", "sip:00882@h") == "satellite");
  CHECK(rule("<sip:1000@h>", "sip:0088@h") == "world");
  CHECK(rule("<sip:1000@h>", "sip:+882@h").empty());
  CHECK(rule("<sip:00882@h>", "sip:1000@h").empty());
  CHECK(rule("\"00\" <sip:49891@h>;tag=1", "sip:1000@h") == "hotline");
  CHECK(rule("<sip:498@h>", "sip:1000@h").empty());
}

TEST_CASE("of rules of different kinds, and of maxima, the smallest counts") {
  LimitPolicy policy;
  policy.by_caller_net = {
      {"trunk", net("198.51.100.7"), {.no_timer = seconds(3600), .maximum = seconds(8000)}}};
  policy.by_callee_number = {{"premium", "49900", {.no_timer = seconds(1800), .maximum = {}}}};
  const auto called = [&](const char* uri) { return at_answer(call("<sip:1000@h>", uri), policy); };
  CHECK(called("sip:4990@h").rule == "trunk");
  CHECK(called("sip:49900@h").rule == "premium");

  policy.limits.maximum = seconds(2000);
  CHECK(called("sip:4990@h").at == kAnswered + seconds(2000));
  CHECK(called("sip:4990@h").rule.empty());
  CHECK(called("sip:49900@h").at == kAnswered + seconds(1800));

  policy.limits.maximum.reset();
  policy.by_caller_net.front().limits = {.no_timer = {}, .maximum = seconds(1000)};
  CHECK(called("sip:49900@h").source == LimitSource::max_duration);
  CHECK(called("sip:49900@h").rule == "trunk");
  CHECK(called("sip:4990@h").at == kAnswered + seconds(1000));
}

TEST_CASE("the profiles have the guides' figures") {
  const auto no_timer_s = [](std::string_view name) {
    const auto limits = limits_of_profile(name);
    REQUIRE(limits.has_value());
    CHECK_FALSE(limits->maximum.has_value());
    return limits->no_timer->count();
  };
  CHECK(no_timer_s("enterprise") == 7200);
  CHECK(no_timer_s("wholesale") == 3600);
  CHECK(no_timer_s("premium") == 1800);
  CHECK(no_timer_s("legacy") == 1800);
  CHECK(no_timer_s("call_center") == 5400);
  CHECK(no_timer_s("zero_tolerance") == 900);

  const auto unknown = limits_of_profile("Premium\n");
  REQUIRE_FALSE(unknown.has_value());
  CHECK(unknown.error().kind == ErrorKind::invalid);
  CHECK_THAT(unknown.error().text, ContainsSubstring("'Premium\\n'") && ContainsSubstring("call_center"));
}

TEST_CASE("no-timer limits below three session intervals are warned of") {
  LimitPolicy policy;
  CHECK(warnings(policy).empty());
  policy.limits.no_timer = seconds(1800);
  CHECK(warnings(policy).empty());
  policy.limits.no_timer = seconds(1799);
  REQUIRE(warnings(policy).size() == 1);
  CHECK_THAT(warnings(policy)[0], ContainsSubstring("29m59s") && ContainsSubstring("10m") &&
                                      ContainsSubstring("30m") && ContainsSubstring("every call"));
  policy.limits.no_timer.reset();
  CHECK(warnings(policy).empty());
}

TEST_CASE("the rules' limits are warned of too") {
  LimitPolicy policy;
  const Limits low = *limits_of_profile("zero_tolerance");
  policy.by_caller_net = {{"a net", net("192.0.2.0/24"), low},
                          {"only a maximum", net("::/0"), {{}, minutes(1)}}};
  policy.by_caller_number = {{"a caller", "1", low}};
  policy.by_callee_number = {{"a callee", "2", low}, {"enough", "3", *limits_of_profile("legacy")}};
  const auto sentences = warnings(policy);
  REQUIRE(sentences.size() == 3);
  CHECK_THAT(sentences[0], ContainsSubstring("'a net'") && ContainsSubstring("15m"));
  CHECK_THAT(sentences[1], ContainsSubstring("'a caller'"));
  CHECK_THAT(sentences[2], ContainsSubstring("'a callee'"));
}

TEST_CASE("the sources' names are read back") {
  for (std::size_t i = 0; i < kLimitSources; ++i) {
    const auto source = static_cast<LimitSource>(i);
    CHECK(read_limit_source(to_string(source)) == source);
  }
  CHECK(to_string(LimitSource::no_timer) == "no_timer");
  CHECK(to_string(LimitSource::session_expires) == "session_expires");
  CHECK(to_string(LimitSource::max_duration) == "max_duration");
  CHECK_FALSE(read_limit_source("No_timer").has_value());
  CHECK_FALSE(read_limit_source("").has_value());
}

}  // namespace
}  // namespace sipward::dialog
