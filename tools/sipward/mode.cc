// sipward mode: enforce, or only observe.
#include <memory>

#include "arguments.h"
#include "commands.h"
#include "fields.h"
#include "text.h"

namespace sipward::cli {
namespace {

using nlohmann::json;

struct ModeOptions {
  std::string mode;
  std::string duration;
};

std::string mode_text(const json& reply) {
  const std::string mode = safe(text_of(reply, "mode"));
  const std::string until = text_of(reply, "until");
  if (until.empty()) return mode + "\n";
  return fmt::format("{} for another {}, then {}\n", mode, safe(time_left(until, wall_now())),
                     safe(text_of(reply, "then")));
}

Result<ExitCode> run_mode(Session& session, const ModeOptions& options) {
  if (options.mode.empty() && !options.duration.empty())
    return fail(ErrorKind::invalid, "mode --for needs a mode: sipward mode observe --for {}",
                options.duration);
  const auto reply =
      options.mode.empty()
          ? session.call("Mode")
          : session.call("SetMode", {{"mode", options.mode}, {"for_ms", duration_ms(options.duration)}});
  if (!reply) return tl::unexpected(reply.error());
  if (session.out.as_json())
    session.out.print_json(*reply);
  else
    session.out.print(mode_text(*reply));
  return kOk;
}

}  // namespace

void add_mode(CLI::App& app, Run& run) {
  const auto options = std::make_shared<ModeOptions>();
  CLI::App* command = app.add_subcommand(
      "mode", "Show or set the mode: enforce, or observe (decide and count, drop nothing)");
  command->add_option("mode", options->mode, "The new mode")
      ->check(CLI::IsMember({"enforce", "observe"}))
      ->option_text("enforce|observe");
  command->add_option("--for", options->duration, "Go back afterwards: 10m, 4h")
      ->check(is_duration())
      ->option_text("DURATION");
  command->callback(
      [&run, options] { run = [options](Session& session) { return run_mode(session, *options); }; });
}

}  // namespace sipward::cli
