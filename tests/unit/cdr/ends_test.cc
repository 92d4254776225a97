#include "cdr/ends.h"

#include "support/catch.h"

namespace sipward::cdr {
namespace {

using dialog::LimitSource;

TEST_CASE("every name of an end is read back as what it names") {
  for (std::size_t i = 0; i < kEndedBys; ++i) {
    const auto by = static_cast<EndedBy>(i);
    CHECK(read_ended_by(to_string(by)) == by);
  }
  for (std::size_t i = 0; i < kEndCauses; ++i) {
    const auto cause = static_cast<EndCause>(i);
    CHECK(read_end_cause(to_string(cause)) == cause);
  }
  CHECK_FALSE(read_ended_by("").has_value());
  CHECK_FALSE(read_ended_by("Caller").has_value());
  CHECK_FALSE(read_end_cause("").has_value());
  CHECK_FALSE(read_end_cause("normal ").has_value());
}

TEST_CASE("the names of ends are stable") {
  CHECK(to_string(EndedBy::unknown) == "unknown");
  CHECK(to_string(EndedBy::sipward) == "sipward");
  CHECK(to_string(EndCause::normal) == "normal");
  CHECK(to_string(EndCause::limit_no_timer) == "limit_no_timer");
  CHECK(to_string(EndCause::session_expired) == "session_expired");
  CHECK(to_string(EndCause::operator_ended) == "operator_ended");
  CHECK(to_string(EndCause::refused) == "refused");
  CHECK(to_string(EndCause::forgotten) == "forgotten");
}

TEST_CASE("results of BYE are read back") {
  using Outcome = ByeResult::Outcome;
  const auto result = GENERATE(ByeResult{}, ByeResult{Outcome::no_answer, 0}, ByeResult{Outcome::failed, 0},
                               ByeResult{Outcome::impossible, 0}, ByeResult{Outcome::answered, 100},
                               ByeResult{Outcome::answered, 481}, ByeResult{Outcome::answered, 699});
  CAPTURE(to_string(result));
  CHECK(read_bye_result(to_string(result)) == result);
}

TEST_CASE("what is no result of a BYE") {
  const char* const text = GENERATE("", "answered", "99", "700", "0200", "+200", "200 ", "2e2", "NO_ANSWER");
  CAPTURE(text);
  CHECK_FALSE(read_bye_result(text).has_value());
}

TEST_CASE("each limit is a cause of its own") {
  CHECK(cause_of(LimitSource::no_timer) == EndCause::limit_no_timer);
  CHECK(cause_of(LimitSource::max_duration) == EndCause::limit_max_duration);
  CHECK(cause_of(LimitSource::session_expires) == EndCause::session_expired);
}

}  // namespace
}  // namespace sipward::cdr
