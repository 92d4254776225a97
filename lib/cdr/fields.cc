#include "cdr/fields.h"

#include <fmt/format.h>

#include <array>
#include <optional>

namespace sipward::cdr {
namespace {

Value when(std::optional<WallTime> time) {
  return time ? Value(iso(*time)) : Value();
}

template <class Duration>
Value count(std::optional<Duration> duration) {
  return duration ? Value(std::int64_t{duration->count()}) : Value();
}

Value ours(std::string_view name) {
  return std::string(name);
}

Value limit_rule(const CallRecord& record) {
  return record.limit_rule.empty() ? Value() : Value(Foreign{record.limit_rule});
}

Value interval(const CallRecord& record) {
  return record.timer ? Value(std::int64_t{record.timer->interval.count()}) : Value();
}

Value refresher(const CallRecord& record) {
  if (!record.timer) return {};
  return ours(record.timer->refresher == dialog::Refresher::caller ? "caller" : "callee");
}

Value refreshes(const CallRecord& record) {
  return record.timer ? Value(std::int64_t{record.timer->refreshes}) : Value();
}

Value transport(const CallRecord& record) {
  return ours(record.transport == dialog::Transport::udp ? "udp" : "tcp");
}

Value status(const CallRecord& record) {
  return record.status == 0 ? Value() : Value(std::int64_t{record.status});
}

using R = CallRecord;
constexpr std::array kColumns{
    Column{"call_id", [](const R& r) -> Value { return Foreign{r.call_id}; }},
    Column{"caller_tag", [](const R& r) -> Value { return Foreign{r.caller.tag}; }},
    Column{"callee_tag", [](const R& r) -> Value { return Foreign{r.callee.tag}; }},
    Column{"transport", transport},
    Column{"caller_address", [](const R& r) { return ours(r.caller.seen.address.to_string()); }},
    Column{"caller_port", [](const R& r) -> Value { return std::int64_t{r.caller.seen.port}; }},
    Column{"callee_address", [](const R& r) { return ours(r.callee.seen.address.to_string()); }},
    Column{"callee_port", [](const R& r) -> Value { return std::int64_t{r.callee.seen.port}; }},
    Column{"caller_number", [](const R& r) -> Value { return Foreign{r.caller.number}; }},
    Column{"callee_number", [](const R& r) -> Value { return Foreign{r.callee.number}; }},
    Column{"caller_uri", [](const R& r) -> Value { return Foreign{r.caller.uri}; }},
    Column{"callee_uri", [](const R& r) -> Value { return Foreign{r.callee.uri}; }},
    Column{"request_uri", [](const R& r) -> Value { return Foreign{r.request_uri}; }},
    Column{"invited", [](const R& r) { return when(r.invited); }},
    Column{"rang", [](const R& r) { return when(r.rang); }},
    Column{"answered", [](const R& r) { return when(r.answered); }},
    Column{"acknowledged", [](const R& r) { return when(r.acknowledged); }},
    Column{"ended", [](const R& r) { return when(r.ended); }},
    Column{"pdd_ms", [](const R& r) { return count(r.pdd); }},
    Column{"setup_ms", [](const R& r) { return count(r.setup); }},
    Column{"duration_ms", [](const R& r) -> Value { return std::int64_t{r.duration.count()}; }},
    Column{"billable_s", [](const R& r) -> Value { return std::int64_t{r.billable.count()}; }},
    Column{"status", status},
    Column{"ended_by", [](const R& r) { return ours(to_string(r.ended_by)); }},
    Column{"cause", [](const R& r) { return ours(to_string(r.cause)); }},
    Column{"limit_s", [](const R& r) { return count(r.limit); }},
    Column{"limit_source", [](const R& r) { return ours(dialog::to_string(r.limit_source)); }},
    Column{"limit_rule", limit_rule},
    Column{"session_interval_s", interval},
    Column{"session_refresher", refresher},
    Column{"session_refreshes", refreshes},
    Column{"caller_supports_timer", [](const R& r) -> Value { return r.caller.supports_timer; }},
    Column{"callee_supports_timer", [](const R& r) -> Value { return r.callee.supports_timer; }},
    Column{"bye_to_caller", [](const R& r) { return ours(to_string(r.caller.bye)); }},
    Column{"bye_to_callee", [](const R& r) { return ours(to_string(r.callee.bye)); }},
    Column{"caller_agent", [](const R& r) -> Value { return Foreign{r.caller.agent}; }},
    Column{"callee_agent", [](const R& r) -> Value { return Foreign{r.callee.agent}; }},
    Column{"uncertain", [](const R& r) -> Value { return r.uncertain; }},
};

}  // namespace

std::span<const Column> columns() {
  return kColumns;
}

std::string iso(WallTime time) {
  const auto day = std::chrono::floor<std::chrono::days>(time);
  const std::chrono::year_month_day date(day);
  const std::chrono::hh_mm_ss clock(time - day);
  return fmt::format("{:04}-{:02}-{:02}T{:02}:{:02}:{:02}.{:03}Z", static_cast<int>(date.year()),
                     static_cast<unsigned>(date.month()), static_cast<unsigned>(date.day()),
                     clock.hours().count(), clock.minutes().count(), clock.seconds().count(),
                     clock.subseconds().count());
}

}  // namespace sipward::cdr
