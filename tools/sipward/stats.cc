// sipward stats: where every packet went.
#include <array>
#include <charconv>
#include <csignal>
#include <ctime>
#include <functional>
#include <limits>
#include <memory>
#include <optional>

#include "commands.h"
#include "fields.h"
#include "text.h"

namespace sipward::cli {
namespace {

using nlohmann::json;

struct StatsOptions {
  std::string watch;  // seconds, as typed; "" for the default
  unsigned sources = 10;
};

constexpr double kWatchDefault_s = 2;
constexpr double kWatchMin_s = 0.1;
constexpr double kWatchMax_s = 3600;

// "" stands for --watch without a value.
std::optional<double> parse_interval(std::string_view text) {
  if (text.empty()) return kWatchDefault_s;
  double seconds = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), seconds);
  const bool is_read = error == std::errc() && end == text.data() + text.size();
  return is_read && seconds >= kWatchMin_s && seconds <= kWatchMax_s ? std::optional(seconds) : std::nullopt;
}

// A reply and the one before it, for rates.
struct Sample {
  json reply;
  Instant taken;
};

struct View {
  const Sample& current;
  const Sample* before;  // null: no rates

  // Per second since the sample before; "" without one or when the counter began anew.
  [[nodiscard]] std::string rate(std::int64_t value, std::optional<std::int64_t> earlier) const {
    const std::int64_t from = earlier.value_or(std::numeric_limits<std::int64_t>::max());
    if (!before || value < from) return "";
    const double seconds = std::chrono::duration<double>(current.taken - before->taken).count();
    return seconds > 0 ? fmt::format("{:.1f}/s", static_cast<double>(value - from) / seconds) : "";
  }
};

using ReadCounter = std::function<std::int64_t(const json& packets)>;

void add_packet_row(Table& table, const View& view, std::string_view name, const ReadCounter& read,
                    Paint paint = Paint::plain) {
  const json& packets = field(view.current.reply, "packets");
  const auto n = read(packets);
  const auto earlier = view.before ? std::optional(read(field(view.before->reply, "packets"))) : std::nullopt;
  table.add({{std::string(name), paint},
             {count(n), paint},
             percent(n, number_of(packets, "offered")),
             view.rate(n, earlier)});
}

std::int64_t sum_of(const json& numbers) {
  std::int64_t sum = 0;
  for (const json& n : numbers) sum += n.is_number() ? n.get<std::int64_t>() : 0;
  return sum;
}

// "dropped" with its sum and a line for each reason that occurred.
void add_reason_rows(Table& table, const View& view, const char* block) {
  add_packet_row(table, view, block, [block](const json& packets) { return sum_of(field(packets, block)); });
  const json& reasons = field(field(view.current.reply, "packets"), block);
  if (!reasons.is_object()) return;
  for (const auto& [reason, n] : reasons.items())
    if (n.is_number() && n != 0)
      add_packet_row(table, view, fmt::format("  {}", reason), [block, key = reason](const json& packets) {
        return number_of(field(packets, block), key.c_str());
      });
}

std::string packets_block(const Output& out, const View& view) {
  Table table({{"packets"}, {"", true}, {"of offered", true}, {view.before ? "rate" : "", true}});
  const json& packets = field(view.current.reply, "packets");
  const auto top = [](const char* name) {
    return [name](const json& block) { return number_of(block, name); };
  };
  add_packet_row(table, view, "offered", top("offered"), Paint::bold);
  add_packet_row(table, view, "trusted, not read", top("trusted"));
  add_packet_row(table, view, "read", top("read"));
  for (const char* block : {"passed", "dropped", "bypassed"}) add_reason_rows(table, view, block);
  add_packet_row(table, view, "in queue", top("in_queue"));
  add_packet_row(table, view, "unaccounted", top("unaccounted"),
                 number_of(packets, "unaccounted") == 0 ? Paint::plain : Paint::bad);
  return table.render(out);
}

// The number `value` of the row of `list` whose `key` is `name`, in the sample before.
std::optional<std::int64_t> earlier(const View& view, const char* list, const char* key,
                                    const std::string& name, const char* value) {
  if (!view.before) return std::nullopt;
  for (const json& row : list_of(view.before->reply, list))
    if (text_of(row, key) == name) return number_of(row, value);
  return std::nullopt;
}

// What was wrong with TCP connections, each line if it occurred.
std::string tcp_block(const Output& out, const View& view) {
  Table table({{"tcp"}, {"", true}});
  const json& tcp = field(view.current.reply, "tcp");
  const auto add = [&table](std::string_view name, std::int64_t n) {
    if (n != 0) table.add({std::string(name), count(n)});
  };
  add("connections now", number_of(tcp, "connections"));
  add("ended by the shield", number_of(field(view.current.reply, "events"), "tcp_resets"));
  add("forgotten to make room", number_of(tcp, "evicted"));
  if (const json& trouble = field(tcp, "trouble"); trouble.is_object())
    for (const auto& [kind, n] : trouble.items())
      if (n.is_number()) add(fmt::format("segments: {}", kind), n.get<std::int64_t>());
  return table.empty() ? "" : "\n" + table.render(out);
}

// What the softswitch's answers told, and what of the sources there was no room for; each line if it occurred.
std::string behaviour_block(const Output& out, const View& view) {
  constexpr std::array<std::pair<const char*, const char*>, 8> kLines{
      {{"answers", "answers read"},
       {"answers_lost", "answers lost unread"},
       {"refused_credentials", "refused credentials"},
       {"unknown_targets", "unknown targets"},
       {"sources_forgotten", "sources forgotten to make room"},
       {"prefixes_forgotten", "prefixes forgotten to make room"},
       {"dossiers_forgotten", "dossiers forgotten to make room"},
       {"not_counted", "not counted for want of room"}}};
  Table table({{"behaviour"}, {"", true}});
  const json& behaviour = field(view.current.reply, "behaviour");
  for (const auto& [name, text] : kLines)
    if (const std::int64_t n = number_of(behaviour, name); n != 0) table.add({text, count(n)});
  return table.empty() ? "" : "\n" + table.render(out);
}

std::string rules_block(const Output& out, const View& view) {
  Table table({{"rule"}, {"action"}, {"hits", true}, {view.before ? "rate" : "", true}});
  for (const json& row : list_of(view.current.reply, "by_rule")) {
    const std::string rule = text_of(row, "rule");
    const auto hits = number_of(row, "hits");
    table.add({rule, text_of(row, "action"), count(hits),
               view.rate(hits, earlier(view, "by_rule", "rule", rule, "hits"))});
  }
  return table.empty() ? "" : "\n" + table.render(out);
}

std::string methods_block(const Output& out, const View& view) {
  Table table({{"method"}, {"read", true}, {"dropped", true}, {view.before ? "rate" : "", true}});
  for (const json& row : list_of(view.current.reply, "by_method")) {
    const std::string method = text_of(row, "method");
    const auto read = number_of(row, "read");
    table.add({method, count(read), count(number_of(row, "dropped")),
               view.rate(read, earlier(view, "by_method", "method", method, "read"))});
  }
  return table.empty() ? "" : "\n" + table.render(out);
}

std::string sources_block(const Output& out, const View& view, WallTime now) {
  Table table({{"source"},
               {"read", true},
               {"dropped", true},
               {view.before ? "rate" : "", true},
               {"last seen"},
               {"last reason"}});
  for (const json& row : list_of(view.current.reply, "by_source")) {
    const std::string address = text_of(row, "address");
    const auto read = number_of(row, "read");
    table.add({address, count(read), count(number_of(row, "dropped")),
               view.rate(read, earlier(view, "by_source", "address", address, "read")),
               relative(text_of(row, "last_seen"), now), text_of(row, "reason")});
  }
  return table.empty() ? "" : "\n" + table.render(out);
}

std::string render(const Output& out, const View& view) {
  const WallTime now = wall_now();
  const std::string since = text_of(view.current.reply, "since");
  return fmt::format("since {} ({})\n\n", safe(since), safe(relative(since, now))) +
         packets_block(out, view) + tcp_block(out, view) + behaviour_block(out, view) + rules_block(out, view) + methods_block(out, view) +
         sources_block(out, view, now);
}

Result<Sample> take_sample(Session& session, unsigned sources) {
  auto reply = session.call("Stats", {{"sources", sources}});
  if (!reply) return tl::unexpected(reply.error());
  return Sample{*std::move(reply), std::chrono::steady_clock::now()};
}

void show(Session& session, const Sample& current, const Sample* before) {
  if (session.out.as_json())
    session.out.print_json(current.reply);
  else
    session.out.print(render(session.out, {current, before}));
}

Result<ExitCode> show_stats(Session& session, const StatsOptions& options) {
  const auto sample = take_sample(session, options.sources);
  if (!sample) return tl::unexpected(sample.error());
  show(session, *sample, nullptr);
  return kOk;
}

// The signals that end the watching are blocked all the while and taken in the wait, so that none is lost or
// kills it.
sigset_t block_stop_signals() {
  sigset_t signals;
  sigemptyset(&signals);
  for (const int number : {SIGINT, SIGTERM}) sigaddset(&signals, number);
  sigprocmask(SIG_BLOCK, &signals, nullptr);
  return signals;
}

bool stopped_within(double seconds, const sigset_t& signals) {
  const auto whole = static_cast<std::time_t>(seconds);
  const timespec wait{whole, static_cast<long>((seconds - static_cast<double>(whole)) * 1e9)};
  int number = 0;
  do {
    number = sigtimedwait(&signals, nullptr, &wait);
  } while (number < 0 && errno == EINTR);
  return number > 0;
}

Result<ExitCode> watch_stats(Session& session, const StatsOptions& options) {
  const double seconds = parse_interval(options.watch).value_or(kWatchDefault_s);
  const sigset_t signals = block_stop_signals();
  std::optional<Sample> before;
  for (;;) {
    auto sample = take_sample(session, options.sources);
    if (!sample) return tl::unexpected(sample.error());
    session.disconnect();
    if (before && !session.out.as_json())
      session.out.print(session.out.can_redraw() ? "\x1b[H\x1b[2J" : "\n");
    show(session, *sample, before ? &*before : nullptr);
    before = *std::move(sample);
    if (session.out.reader_left() || !session.out.failure() || stopped_within(seconds, signals)) return kOk;
  }
}

CLI::Validator is_interval() {
  return CLI::Validator(
      [](const std::string& text) -> std::string {
        if (parse_interval(text)) return "";
        return fmt::format("'{}' is no interval; write {} to {} seconds", text, kWatchMin_s, kWatchMax_s);
      },
      "");
}

}  // namespace

void add_stats(CLI::App& app, Run& run) {
  const auto options = std::make_shared<StatsOptions>();
  CLI::App* command =
      app.add_subcommand("stats", "Where every packet went, by reason, rule, method and source");
  CLI::Option* watch = command->add_option("--watch", options->watch,
                                           "Again every SECONDS (default 2), with rates, until Ctrl-C");
  watch->expected(0, 1)->check(is_interval())->option_text("[SECONDS]");
  command->add_option("--sources", options->sources, "How many sources (default 10)")
      ->check(CLI::Range(0, 1000))
      ->option_text("N");
  command->callback([&run, options, watch] {
    const bool watches = watch->count() > 0;
    run = [options, watches](Session& session) {
      return watches ? watch_stats(session, *options) : show_stats(session, *options);
    };
  });
}

}  // namespace sipward::cli
