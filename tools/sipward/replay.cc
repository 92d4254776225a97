// sipward replay: a capture, judged by the shield's own pipeline, without a kernel.
#include <filesystem>
#include <memory>

#include "arguments.h"
#include "commands.h"
#include "config/settings_file.h"
#include "match/rule_file.h"
#include "replay_compare.h"
#include "replay_message.h"
#include "replay_tally.h"
#include "text.h"

namespace sipward::cli {
namespace {

using nlohmann::json;

constexpr std::size_t kDifferencesShown = 20;

struct ReplayOptions {
  std::string file;
  std::string config;
  std::string rules;
  std::vector<std::string> protect;
  bool against_running = false;
  bool messages = false;
  std::size_t sources = 20;
};

// What the capture is judged by, and what it adds up to.
struct Trial {
  std::unique_ptr<Judge> judge;
  std::unique_ptr<Tally> tally;
  std::unique_ptr<Judge> running;  // with --against-running, as is the next
  std::unique_ptr<Comparison> comparison;
  json messages = json::array();
};

// In the place of the nets that the settings name.
void protect(config::Settings& settings, const ReplayOptions& options) {
  if (options.protect.empty()) return;
  settings.shield.protected_nets.clear();
  for (const std::string& net : options.protect)
    settings.shield.protected_nets.push_back(*Prefix::parse(net));
}

Result<config::Settings> settings_of(const ReplayOptions& options) {
  auto settings =
      options.config.empty() ? config::load_default_settings() : config::load_settings(options.config);
  if (!settings) return settings;
  if (!options.rules.empty()) settings->paths.rules = options.rules;
  protect(*settings, options);
  return settings;
}

Result<void> add_running(Session& session, const ReplayOptions& options, Trial& trial,
                         std::vector<Whitelisted>& whitelist) {
  auto running = ask_running(session);
  if (!running) return tl::unexpected(running.error());
  session.disconnect();
  whitelist = running->whitelist;
  protect(running->settings, options);
  auto judge = Judge::make(running->settings, std::move(running->rules), std::move(running->whitelist));
  if (!judge) return tl::unexpected(judge.error());
  trial.running = *std::move(judge);
  return {};
}

Result<Trial> prepare(Session& session, const ReplayOptions& options) {
  const auto settings = settings_of(options);
  if (!settings) return tl::unexpected(settings.error());
  auto rules = match::load_rules(settings->paths.rules);
  if (!rules) return tl::unexpected(rules.error());
  Trial trial;
  std::vector<Whitelisted> whitelist;
  if (options.against_running)
    if (auto done = add_running(session, options, trial, whitelist); !done)
      return tl::unexpected(done.error());
  auto judge = Judge::make(*settings, *std::move(rules), std::move(whitelist));
  if (!judge) return tl::unexpected(judge.error());
  trial.judge = *std::move(judge);
  trial.tally = std::make_unique<Tally>(*trial.judge);
  if (trial.running) trial.comparison = std::make_unique<Comparison>(*trial.running, *trial.judge);
  return trial;
}

void judge_one(Session& session, const ReplayOptions& options, Trial& trial, const Sighting& sighting,
               sip::Message& message) {
  message.read(sighting.datagram.payload);
  const Verdict verdict = trial.judge->judge(sighting);
  trial.tally->add(sighting, message, verdict);
  if (trial.comparison) trial.comparison->add(sighting, message, trial.running->judge(sighting), verdict);
  if (!options.messages || verdict.ignored || sighting.datagram.payload.empty()) return;
  if (session.out.as_json())
    trial.messages.push_back(message_json(sighting, message, verdict));
  else
    session.out.print(message_line(session.out, sighting, message, verdict));
}

void show_json(Session& session, const ReplayOptions& options, const Input& input, Trial& trial,
               const Result<void>& read) {
  json reply = trial.tally->to_json(input, options.sources);
  reply["file"] = options.file;
  reply["link_type"] = input.link_name();
  reply["first"] = input.first() ? json(iso(*input.first())) : json(nullptr);
  reply["last"] = input.last() ? json(iso(*input.last())) : json(nullptr);
  reply["rules"] = trial.judge->rules().size();
  reply["fragments"] = fragments_json(input.fragments());
  reply["error"] = read ? json(nullptr) : json(read.error().text);
  if (options.messages) reply["messages"] = std::move(trial.messages);
  if (trial.comparison) reply["against_running"] = trial.comparison->to_json();
  session.out.print_json(std::move(reply));
}

void show_tables(Session& session, const ReplayOptions& options, const Input& input, const Trial& trial) {
  std::string text = options.messages ? "\n" : "";
  text += fmt::format("{}: {}, {} to {}, judged by {} rules\n\n", safe(options.file), input.link_name(),
                      input.first() ? iso(*input.first()) : "empty",
                      input.last() ? iso(*input.last()) : "empty", trial.judge->rules().size());
  text += trial.tally->render(session.out, input, options.sources);
  if (trial.comparison)
    text += "\n" + trial.comparison->render(session.out, options.messages ? 0 : kDifferencesShown);
  session.out.print(text);
}

Result<ExitCode> replay(Session& session, const ReplayOptions& options) {
  auto input = Input::open(options.file);
  if (!input) return tl::unexpected(input.error());
  auto trial = prepare(session, options);
  if (!trial) return tl::unexpected(trial.error());
  sip::Message message;
  Result<void> read;
  for (auto next = input->next(); !next || *next; next = input->next()) {
    if (!next) {
      read = tl::unexpected(next.error());
      break;
    }
    judge_one(session, options, *trial, **next, message);
    if (session.out.reader_left()) return kFailure;  // nobody knows what the rest would have told
  }
  if (session.out.as_json())
    show_json(session, options, *input, *trial, read);
  else
    show_tables(session, options, *input, *trial);
  if (!read) return tl::unexpected(read.error());
  const std::uint64_t found = trial->comparison ? trial->comparison->changed() : trial->tally->dropped();
  return found > 0 ? kWouldDrop : kOk;
}

}  // namespace

void add_replay(CLI::App& app, Run& run) {
  const auto options = std::make_shared<ReplayOptions>();
  CLI::App* command =
      app.add_subcommand("replay", "Judges a capture (pcap, pcapng) as the shield would, without a kernel");
  command->add_option("file", options->file, "The capture; - for standard input")
      ->required()
      ->option_text("FILE");
  command->add_option("-c,--config", options->config, "Settings to judge by (default: the daemon's)")
      ->option_text("FILE");
  command->add_option("--rules", options->rules, "Rules to judge by (default: paths.rules)")
      ->option_text("DIR");
  command->add_option("--protect", options->protect, "Judge only what goes to this net; may be repeated")
      ->transform(is_net())
      ->option_text("NET");
  command->add_flag("--against-running", options->against_running,
                    "Also judge by what the running shield has in effect, and show what differs");
  command->add_flag("--messages", options->messages, "One line for each packet that carries something");
  command->add_option("--sources", options->sources, "How many sources (default 20; 0: all)")
      ->option_text("N");
  command->callback(
      [&run, options] { run = [options](Session& session) { return replay(session, *options); }; });
}

}  // namespace sipward::cli
