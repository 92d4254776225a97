#include "rules_file.h"

#include <filesystem>
#include <iostream>
#include <iterator>
#include <sstream>

#include "base/file.h"
#include "excerpt.h"
#include "match/matcher.h"
#include "match/rule_file.h"
#include "text.h"

namespace sipward::cli {
namespace {

using nlohmann::json;

// A file that is not there is wrong usage: "not found" says that no rule hits.
Result<std::string> read_text(const std::string& path) {
  auto text = read_file(path);
  if (!text) text.error().kind = ErrorKind::invalid;
  return text;
}

Result<std::vector<match::Rule>> read_rules(const std::string& path) {
  std::error_code ignored;
  if (std::filesystem::is_directory(path, ignored)) return match::load_rules(path);
  return read_text(path).and_then([&](const std::string& text) { return match::parse_rules(text, path); });
}

Result<std::string> read_message(const std::string& path) {
  if (path != "-") return read_text(path);
  return std::string(std::istreambuf_iterator<char>(std::cin), {});
}

struct Tally {
  std::size_t samples = 0;
  json failures = json::array();
};

// "Via From": a line for each name.
std::string header_lines(const std::string& names) {
  std::istringstream words(names);
  std::string lines;
  for (std::string name; words >> name;) lines += name + ": 1\r\n";
  return lines;
}

// A request with `sample` where the condition looks.
std::string request_with(const match::Condition& condition, const std::string& sample) {
  const auto request = [](std::string_view start_line, std::string_view lines) {
    return fmt::format("{}\r\n{}\r\n", start_line, lines);
  };
  const auto with_lines = [&](const std::string& lines) { return request("INVITE sip:a@b SIP/2.0", lines); };
  switch (condition.scope) {
    case match::Scope::start_line:
      return request(sample, "");
    case match::Scope::method:
      return request(sample + " sip:a@b SIP/2.0", "");
    case match::Scope::request_uri:
      return request("INVITE " + sample + " SIP/2.0", "");
    case match::Scope::request_uri_user:
      return request("INVITE sip:" + sample + "@b SIP/2.0", "");
    case match::Scope::header:
      return with_lines(fmt::format("{}: {}\r\n", condition.header, sample));
    case match::Scope::from_tag:
      return with_lines(fmt::format("From: <sip:a@b>;tag={}\r\n", sample));
    case match::Scope::from_display:
      return with_lines(fmt::format("From: \"{}\" <sip:a@b>;tag=x\r\n", sample));
    case match::Scope::from_user:
      return with_lines(fmt::format("From: <sip:{}@b>;tag=x\r\n", sample));
    case match::Scope::to_user:
      return with_lines(fmt::format("To: <sip:{}@b>\r\n", sample));
    case match::Scope::header_names:
      return with_lines(header_lines(sample));
  }
  return "";
}

// Samples are what the rule's first condition looks at.
Result<std::unique_ptr<match::Matcher>> first_condition_of(const match::Rule& rule) {
  match::Rule alone = rule;
  alone.conditions.resize(1);
  return match::make_hyperscan_matcher({std::move(alone)});
}

bool is_hit(const match::Matcher& matcher, const std::string& bytes) {
  const auto scratch = matcher.new_scratch();
  sip::Message message;
  message.read(bytes);
  return matcher.scan(message, *scratch).count > 0;
}

void test_samples(const match::Matcher& matcher, const match::Rule& rule, bool should_hit, Tally& tally) {
  for (const std::string& sample : should_hit ? rule.catches : rule.passes) {
    ++tally.samples;
    if (is_hit(matcher, request_with(rule.conditions.front(), sample)) == should_hit) continue;
    tally.failures.push_back({{"rule", rule.id},
                              {"file", rule.file},
                              {"line", rule.line},
                              {"sample", sample},
                              {"in", should_hit ? "catches" : "passes"}});
  }
}

std::string failure_line(const json& failure) {
  const bool should_hit = failure["in"] == "catches";
  return safe(fmt::format("{}:{}: error: {}: \"{}\" {}", failure["file"].get<std::string>(),
                          failure["line"].get<unsigned>(), failure["rule"].get<std::string>(),
                          failure["sample"].get<std::string>(),
                          should_hit ? "is in catches and is not hit" : "is in passes and is hit")) +
         "\n";
}

Result<ExitCode> test_all_samples(Session& session, const match::Matcher& matcher) {
  Tally tally;
  for (const match::Rule& rule : matcher.rules()) {
    const auto first = first_condition_of(rule);
    if (!first) return tl::unexpected(first.error());
    test_samples(**first, rule, true, tally);
    test_samples(**first, rule, false, tally);
  }
  const std::size_t rules = matcher.rules().size();
  if (session.out.as_json()) {
    session.out.print_json({{"rules", rules}, {"samples", tally.samples}, {"failures", tally.failures}});
  } else {
    for (const json& failure : tally.failures) session.out.print(failure_line(failure));
    session.out.print(
        fmt::format("{} rules, {} samples, {} failed\n", rules, tally.samples, tally.failures.size()));
  }
  return tally.failures.empty() ? kOk : kFailure;
}

json hit_row(const match::Matcher& matcher, const match::Rule& rule, std::string_view value) {
  const auto [begin, end] = matcher.locate(rule.conditions.front(), value);
  return {{"rule", rule.id},
          {"action", match::to_string(rule.action)},
          {"observe", rule.observe},
          {"scope", match::scope_text(rule.conditions.front())},
          {"value", std::string(value)},
          {"match_begin", begin},
          {"match_end", end}};
}

std::string hit_text(const Output& out, const json& hit) {
  const auto value = hit["value"].get<std::string>();
  return safe(fmt::format("{} ({}{}) in {}", hit["rule"].get<std::string>(), hit["action"].get<std::string>(),
                          hit["observe"].get<bool>() ? ", observed" : "", hit["scope"].get<std::string>())) +
         "\n" + render_excerpt(out, value, {value, hit["match_begin"], hit["match_end"]}, "  ");
}

Result<ExitCode> test_message(Session& session, const match::Matcher& matcher, const std::string& path) {
  const auto bytes = read_message(path);
  if (!bytes) return tl::unexpected(bytes.error());
  const auto scratch = matcher.new_scratch();
  sip::Message message;
  message.read(*bytes);
  const bool is_request = message.kind() == sip::Kind::request;
  if (!is_request) session.out.note("this is no SIP request: the shield looks for rules in requests alone");
  const match::Hits hits = is_request ? matcher.scan(message, *scratch) : match::Hits{};
  json rows = json::array();
  for (const std::uint32_t index : hits.all)
    rows.push_back(hit_row(matcher, matcher.rules()[index], hits.places[index].value));
  if (session.out.as_json()) {
    session.out.print_json({{"rules", matcher.rules().size()}, {"request", is_request}, {"hits", rows}});
  } else {
    for (const json& hit : rows) session.out.print(hit_text(session.out, hit));
    if (rows.empty() && is_request)
      session.out.note(fmt::format("none of {} rules hits it", matcher.rules().size()));
  }
  return rows.empty() ? kNotFound : kOk;
}

}  // namespace

Result<ExitCode> test_rules_file(Session& session, const RulesFileOptions& options) {
  auto rules = read_rules(options.file);
  if (!rules) return tl::unexpected(rules.error());
  auto matcher = match::make_hyperscan_matcher(std::move(*rules));
  if (!matcher) return tl::unexpected(matcher.error());
  if (options.message.empty()) return test_all_samples(session, **matcher);
  return test_message(session, **matcher, options.message);
}

}  // namespace sipward::cli
