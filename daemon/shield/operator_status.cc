#include <unistd.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <functional>
#include <map>

#include "base/file.h"
#include "capture/queue_status.h"
#include "operator_calls.h"

namespace sipward::shield {
namespace {

using metrics::Event;

constexpr auto kWorkerSilence = std::chrono::seconds(5);
constexpr double kConntrackFull = 0.8;

std::optional<std::uint64_t> read_number(const char* path) {
  const auto text = read_file(path, 64);
  std::uint64_t number = 0;
  if (!text || std::from_chars(text->data(), text->data() + text->size(), number).ec != std::errc())
    return std::nullopt;
  return number;
}

json conntrack() {
  const auto entries = read_number("/proc/sys/net/netfilter/nf_conntrack_count");
  const auto limit = read_number("/proc/sys/net/netfilter/nf_conntrack_max");
  if (!entries || !limit) return nullptr;
  return {{"entries", *entries}, {"limit", *limit}};
}

json queues(Running& running, Now time) {
  const auto kernel = capture::read_queue_status();
  json rows = json::array();
  for (std::size_t i = 0; i < running.workers.size(); ++i) {
    const auto number = static_cast<std::uint16_t>(running.settings.shield.first_queue + i);
    std::uint64_t read = 0;
    for (const auto& counter : running.counters.worker(i).by_reason) read += counter.get();
    json row{{"number", number}, {"class", decide::to_string(running.workers[i]->shield().source_class())},
             {"depth", nullptr}, {"length_max", running.settings.shield.queue_length},
             {"read", read},     {"alive", time.steady - running.workers[i]->last_beat() < kWorkerSilence}};
    if (kernel)
      for (const capture::QueueStatus& queue : *kernel)
        if (queue.number == number) row["depth"] = queue.depth;
    rows.push_back(std::move(row));
  }
  return rows;
}

json rules_summary(const Running& running) {
  const RuleSet& set = running.rulebook.current();
  const auto rules = set.matcher->rules();
  const auto counters = set.lease.counters();
  const auto with = [&](match::Action action) {
    return std::ranges::count(rules, action, &match::Rule::action);
  };
  return {{"count", rules.size()},
          {"ban", with(match::Action::ban)},
          {"drop", with(match::Action::drop)},
          {"score", with(match::Action::score)},
          {"log", with(match::Action::log)},
          {"observe", std::ranges::count(set.rules, RuleState::observe, &LoadedRule::state)},
          {"disabled", std::ranges::count(set.rules, RuleState::disabled, &LoadedRule::state)},
          {"uncounted", std::ranges::count(counters, nullptr)},
          {"loaded", to_json(std::optional(set.loaded))},
          {"directory", set.directory.string()}};
}

json mode_of(Running& running) {
  const store::StoredMode& mode = running.mode.current();
  return {{"mode", mode.mode}, {"until", to_json(mode.until)}, {"then", mode.then}};
}

// What an operator should know at once; nothing: healthy.
json problems(const Running& running, const json& status) {
  json found = json::array();
  if (!running.table_present)
    found.push_back("table inet sipward is missing and cannot be made: nothing is shielded");
  for (const json& queue : status["queues"])
    if (!queue["alive"].get<bool>())
      found.push_back(fmt::format("the worker of queue {} does not answer", queue["number"].get<int>()));
  if (running.mode.observe()) found.push_back("mode observe: nothing is dropped");
  if (running.rulebook.current().matcher->rules().empty()) found.push_back("every rule is disabled");
  if (const auto uncounted = status["rules"]["uncounted"].get<std::size_t>(); uncounted > 0)
    found.push_back(fmt::format("the hits of {} rules are not counted: there is room for {}", uncounted,
                                metrics::kRulesMax));
  if (status["store"]["locked"].get<bool>())
    found.push_back(fmt::format("another program holds the database locked: {} changes wait to be written",
                                status["store"]["waiting"].get<std::size_t>()));
  if (const auto errors = status["store"]["errors"].get<std::uint64_t>(); errors > 0)
    found.push_back(fmt::format("the database could not be written {} times", errors));
  if (const json& table = status["conntrack"]; !table.is_null()) {
    const auto entries = table["entries"].get<double>();
    const auto limit = table["limit"].get<double>();
    if (entries > kConntrackFull * limit)
      found.push_back(fmt::format("the connection tracking table is {:.0f} % full", 100 * entries / limit));
  }
  return found;
}

using KernelCounters = std::map<std::string, enforce::CounterValue>;

// Packets that the kernel drops by itself, but for those that user space has a reason of that name for.
constexpr std::array kGuards{"source_rate", "meter_full",      "unknown_budget",
                             "known_rate",  "connection_rate", "connections"};

std::uint64_t packets(const KernelCounters& counters, const char* name) {
  const auto it = counters.find(name);
  return it == counters.end() ? 0 : it->second.packets;
}

json passed_by_reason(const metrics::Counters& counters) {
  json row = json::object();
  for (std::size_t i = 0; i < decide::kReasons; ++i) {
    const auto reason = static_cast<decide::Reason>(i);
    if (!decide::is_drop(reason)) row[std::string(to_string(reason))] = counters.by_reason(reason);
  }
  return row;
}

json dropped_by_reason(metrics::Counters& counters, const KernelCounters& kernel) {
  json row = json::object();
  for (std::size_t i = 0; i < decide::kReasons; ++i) {
    const auto reason = static_cast<decide::Reason>(i);
    if (decide::is_drop(reason)) row[std::string(to_string(reason))] = counters.by_reason(reason);
  }
  for (const char* both : {"banned", "flows"})
    row[both] = row[both].get<std::uint64_t>() + packets(kernel, both);
  for (const char* guard : kGuards) row[guard] = packets(kernel, guard);
  row["lost_with_daemon"] = counters.event(Event::lost_with_daemon).get();
  row["lost_in_queue"] = counters.event(Event::lost_in_queue).get();
  // Between gate and inspect other rules of this host, or conntrack, may take a packet away.
  std::uint64_t gone_on = 0;
  for (const char* end : {"trusted", "banned", "flows", "observed_guard", "encrypted", "queued"})
    gone_on += packets(kernel, end);
  for (const char* guard : kGuards) gone_on += packets(kernel, guard);
  const std::uint64_t offered = packets(kernel, "offered");
  row["other_rules"] = offered > gone_on ? offered - gone_on : 0;
  return row;
}

json would_drop(const metrics::Counters& counters, const KernelCounters& kernel) {
  json row = json::object();
  for (std::size_t i = 0; i < decide::kReasons; ++i) {
    const auto reason = static_cast<decide::Reason>(i);
    if (decide::is_drop(reason)) row[std::string(to_string(reason))] = counters.would_drop(reason);
  }
  row["banned"] = row["banned"].get<std::uint64_t>() + packets(kernel, "observed_banned");
  row["flows"] = row["flows"].get<std::uint64_t>() + packets(kernel, "observed_flows");
  row["guard"] = packets(kernel, "observed_guard");
  return row;
}

std::int64_t sum(const json& row) {
  std::int64_t total = 0;
  for (const json& value : row) total += value.get<std::int64_t>();
  return total;
}

json in_queue(Running& running) {
  const auto kernel = capture::read_queue_status();
  if (!kernel) return nullptr;
  std::uint64_t depth = 0;
  const unsigned first = running.settings.shield.first_queue;
  for (const capture::QueueStatus& queue : *kernel)
    if (queue.number >= first && queue.number < first + running.workers.size()) depth += queue.depth;
  return depth;
}

json packets_summary(Running& running, const KernelCounters& kernel) {
  json row{{"offered", packets(kernel, "offered")},
           {"trusted", packets(kernel, "trusted")},
           {"read",
            sum(passed_by_reason(running.counters)) + static_cast<std::int64_t>(running.counters.dropped())},
           {"passed",
            {{"trusted", packets(kernel, "trusted")},
             {"read", packets(kernel, "passed")},
             {"encrypted", packets(kernel, "encrypted")},
             {"observed_guard", packets(kernel, "observed_guard")}}},
           {"read_as", passed_by_reason(running.counters)},
           {"dropped", dropped_by_reason(running.counters, kernel)},
           {"would_drop", would_drop(running.counters, kernel)},
           {"bypassed",
            {{"no_daemon", packets(kernel, "bypassed_no_daemon")},
             {"queue_full", packets(kernel, "bypassed_queue_full")}}},
           {"in_queue", in_queue(running)}};
  const std::int64_t waiting = row["in_queue"].is_null() ? 0 : row["in_queue"].get<std::int64_t>();
  row["unaccounted"] = row["offered"].get<std::int64_t>() - sum(row["passed"]) - sum(row["dropped"]) -
                       sum(row["bypassed"]) - waiting;
  return row;
}

json by_rule(Running& running) {
  json rows = json::array();
  for (const LoadedRule& loaded : running.rulebook.current().rules) {
    const match::Rule& rule = loaded.rule;
    const metrics::RuleCounter* counter = running.counters.rule(rule.id);
    if (counter && counter->hits.get() > 0)
      rows.push_back(
          {{"rule", rule.id}, {"action", match::to_string(rule.action)}, {"hits", counter->hits.get()}});
  }
  std::sort(rows.begin(), rows.end(), [](const json& a, const json& b) {
    return a["hits"].get<std::uint64_t>() > b["hits"].get<std::uint64_t>();
  });
  return rows;
}

json by_method(const metrics::Counters& counters) {
  json rows = json::array();
  for (std::size_t i = 0; i < metrics::kMethods.size(); ++i)
    if (counters.method_read(i) > 0)
      rows.push_back({{"method", metrics::kMethods[i]},
                      {"read", counters.method_read(i)},
                      {"dropped", counters.method_dropped(i)}});
  return rows;
}

json by_source(Running& running, std::size_t rows_max, Now time) {
  // A source that became known has been seen by two workers.
  struct Seen {
    std::uint64_t read = 0;
    std::uint64_t dropped = 0;
    Instant last_seen;
    std::string reason;
  };
  std::map<Address, Seen> sources;
  for (const auto& worker : running.workers) {
    const auto top = worker->shield().accounts().with(
        [&](limit::Accounts& accounts) { return accounts.sources.top(rows_max); });
    for (const limit::SourceReport& report : top) {
      Seen& seen = sources[report.address];
      seen.read += report.source.read();
      seen.dropped += report.source.dropped();
      if (report.source.dropped() > 0 && (seen.reason.empty() || report.last_seen > seen.last_seen))
        seen.reason = to_string(static_cast<decide::Reason>(report.source.last_drop_reason()));
      seen.last_seen = std::max(seen.last_seen, report.last_seen);
    }
  }
  std::vector<std::pair<Address, Seen>> most(sources.begin(), sources.end());
  std::ranges::sort(most, std::greater(), [](const auto& row) { return row.second.read; });
  most.resize(std::min(rows_max, most.size()));
  json rows = json::array();
  for (const auto& [address, seen] : most) {
    const auto ago = std::chrono::duration_cast<std::chrono::milliseconds>(time.steady - seen.last_seen);
    rows.push_back({{"address", address.to_string()},
                    {"read", seen.read},
                    {"dropped", seen.dropped},
                    {"reason", seen.reason},
                    {"last_seen", to_json(std::optional(time.wall - ago))}});
  }
  return rows;
}

json events(metrics::Counters& counters) {
  json row = json::object();
  for (std::size_t i = 0; i < static_cast<std::size_t>(Event::count_); ++i) {
    const auto event = static_cast<Event>(i);
    row[std::string(to_string(event))] = counters.event(event).get();
  }
  row["verdict_errors"] = counters.verdict_errors();
  row["truncated"] = counters.truncated();
  return row;
}

json learnings(const metrics::Counters& counters) {
  json row = json::object();
  for (std::size_t i = 0; i < metrics::kLearnings; ++i) {
    const auto learning = static_cast<metrics::Learning>(i);
    row[std::string(to_string(learning))] = counters.learning(learning);
  }
  return row;
}

json tcp_streams(const metrics::Counters& counters) {
  json trouble = json::object();
  for (std::size_t i = 1; i < stream::kTroubles; ++i) {
    const auto kind = static_cast<stream::Trouble>(i);
    trouble[std::string(to_string(kind))] = counters.tcp_trouble(kind);
  }
  return {{"connections", counters.tcp_connections()},
          {"bytes", counters.tcp_bytes()},
          {"evicted", counters.tcp_evictions()},
          {"trouble", std::move(trouble)}};
}

}  // namespace

Result<json> get_status(Running& running, const json&) {
  const Now time = now();
  const bool native = running.enforcer.queue_target() == enforce::QueueTarget::native;
  json status{
      {"version", SIPWARD_VERSION},
      {"pid", getpid()},
      {"started", to_json(std::optional(running.started.wall))},
      {"uptime_ms",
       std::chrono::duration_cast<std::chrono::milliseconds>(time.steady - running.started.steady).count()},
      {"mode", mode_of(running)},
      {"ports",
       {{"udp", running.settings.shield.udp_ports},
        {"tcp", running.settings.shield.tcp_ports},
        {"tls", running.settings.shield.tls_ports},
        {"ws", running.settings.shield.ws_ports}}},
      {"queue_target", native ? "native" : "compat"},
      {"fail_open", running.settings.shield.fail_open},
      {"queues", queues(running, time)},
      {"rules", rules_summary(running)},
      {"bans", {{"active", running.enforcer.ban_count()}, {"max", running.settings.bans.addresses_max}}},
      {"known", {{"entries", running.enforcer.known_count()}}},
      {"whitelist", {{"entries", running.enforcer.whitelist().size()}}},
      {"table", {{"present", running.table_present}}},
      {"conntrack", conntrack()},
      {"store",
       {{"path", running.settings.paths.database.string()},
        {"errors", running.counters.event(Event::store_errors).get()},
        {"waiting", running.keeper.waiting()},
        {"locked", running.keeper.is_locked()}}}};
  status["problems"] = problems(running, status);
  return status;
}

Result<json> get_stats(Running& running, const json& parameters) {
  const auto rows = count_parameter(parameters, "sources", 10);
  if (!rows) return tl::unexpected(rows.error());
  const auto kernel = running.enforcer.counters();
  if (!kernel) return tl::unexpected(kernel.error());
  return json{{"since", to_json(std::optional(running.counters.since()))},
              {"packets", packets_summary(running, *kernel)},
              {"by_rule", by_rule(running)},
              {"by_method", by_method(running.counters)},
              {"by_source", by_source(running, *rows, now())},
              {"tcp", tcp_streams(running.counters)},
              {"behaviour", learnings(running.counters)},
              {"answers", {{"copied", packets(*kernel, "answers_copied")}}},
              {"events", events(running.counters)}};
}

Result<json> get_mode(Running& running, const json&) {
  return mode_of(running);
}

Result<json> set_mode(Running& running, const json& parameters, const Caller& caller) {
  const auto name = text_parameter(parameters, "mode", std::nullopt);
  const auto length = length_parameter(parameters);
  if (!name) return tl::unexpected(name.error());
  if (!length) return tl::unexpected(length.error());
  if (*name != "enforce" && *name != "observe")
    return fail(ErrorKind::invalid, "mode '{}' is neither 'enforce' nor 'observe'", *name);
  const auto mode = *name == "observe" ? config::Mode::observe : config::Mode::enforce;
  if (auto done = running.mode.set(mode, *length, now()); !done) return tl::unexpected(done.error());
  audit(running, caller, "mode.set", *name);
  return mode_of(running);
}

}  // namespace sipward::shield
